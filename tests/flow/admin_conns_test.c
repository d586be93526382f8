/* The list of live connections: each exactly once however slow its reader is, what a filter takes, what a line says;
 * and that nothing is held by a reader that is gone, or by a list when the process ends. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define MANY 900 /* their lines are more than a socket takes */
#define LIST "GET /v1/conns%s HTTP/1.0\r\nHost: localhost\r\n\r\n"
#define ID   26

static struct world {
	struct kit_staunch *s;
	int web, server; /* server: a socket whose backlog takes them all */
	int fd[MANY];
} w;

static void world_start(const char *end)
{
	int port = 0;

	w.server = kit_listen(kit_ip(0), &port, 4096);
	w.web = kit_port(kit_ip(0));
	w.s = kit_staunch_start(controlled(w.web, port, "", end));
}

/* Connections from..to-1, each of which has been served. */
static void hold(int from, int to)
{
	for (int i = from; i < to; i++)
		w.fd[i] = kit_connect(kit_ip(0), w.web);
}

/* They end in order, and nothing of them may be listed later. */
static void drop(int from, int to)
{
	for (int i = from; i < to; i++)
		kit_reset(w.fd[i]); /* the server would not answer a FIN */
}

static void world_end(void)
{
	close(w.server);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* The body of a list, without its head. */
static const char *list_of(const char *query)
{
	const char *body = strstr(control_raw(textf(LIST, query)), "\r\n\r\n");

	assert_non_null(body);
	return body + 4;
}

/* A connection is a line. */
static int lines_of(const char *body)
{
	int n = 0;

	for (; (body = strchr(body, '\n')) != NULL; body++)
		n++;
	return n;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, ID);
}

/* The ids of a body, sorted; each stands there once. */
static int ids_of(const char *body, char ids[][ID])
{
	int n = 0;

	for (const char *at = body; (at = strstr(at, "\"id\":\"")) != NULL; at += 6 + ID) {
		assert_true(n < 2 * MANY);
		memcpy(ids[n++], at + 6, ID);
	}
	qsort(ids, (size_t)n, ID, by_id);
	for (int i = 1; i < n; i++)
		assert_memory_not_equal(ids[i - 1], ids[i], ID);
	return n;
}

static bool holds(void *arg)
{
	return lines_of(list_of("?fields=stage")) == *(int *)arg;
}

struct said {
	const char *query, *text;
};

static bool says(void *arg)
{
	const struct said *said = arg;

	return strstr(list_of(said->query), said->text) != NULL;
}

/* Until the list has the text: a stage is reached on a worker, some time later. */
static void wait_said(const char *query, const char *text)
{
	if (!kit_wait(says, &(struct said){query, text}, KIT_MS))
		kit_fail("%s: without %s: %s", query, text, list_of(query));
}

/* Until the list has as many lines. */
static void wait_held(int n)
{
	if (!kit_wait(holds, &n, KIT_MS))
		kit_fail("%d connections are listed and not %d", lines_of(list_of("?fields=stage")), n);
}

/* O7: those that live throughout are there once, while others end and begin behind a reader that does not read. O41:
 * ids are the same in two lists. */
static void o7_o41_each_once_for_a_slow_reader(void **state)
{
	static char ids[2 * MANY][ID], before[2 * MANY][ID], got[1 << 20];
	const char *question = textf(LIST, "");
	ssize_t n;
	int fd;

	(void)state;
	world_start("");
	hold(0, MANY);
	wait_held(MANY);
	assert_int_equal(ids_of(list_of("?fields=id"), before), MANY);
	fd = control_connect();
	kit_send(fd, question, strlen(question));
	assert_int_equal(lines_of(list_of("?limit=1")), 1); /* others are served meanwhile */
	drop(MANY / 2, MANY);
	hold(MANY / 2, MANY);
	wait_held(MANY);
	n = kit_io_read_all(fd, got, sizeof(got) - 1);
	assert_true(n > 0);
	got[n] = '\0';
	close(fd);
	n = ids_of(got, ids);
	for (int i = 0, there = 0; i < MANY; i++) {
		there += bsearch(before[i], ids, (size_t)n, ID, by_id) != NULL;
		assert_true(i < MANY - 1 || there >= MANY / 2);
	}
	assert_null(strstr(got, "\"error\""));
	drop(0, MANY);
	world_end();
}

/* O7: a reader that is gone in the middle leaves nothing behind. O42: nor does a list hold up the end. */
static void o7_o42_a_reader_that_is_gone(void **state)
{
	const char *question = textf(LIST, "?tcp=1");
	int fd;

	(void)state;
	world_start("");
	hold(0, MANY);
	wait_held(MANY);
	for (int i = 0; i < 20; i++) {
		fd = control_connect();
		kit_send(fd, question, strlen(question));
		assert_int_equal(lines_of(list_of("?limit=3")), 3);
		kit_reset(fd);
	}
	for (int i = 0; i < MANY; i++)
		kit_send(w.fd[i], "x", 1);
	drop(0, MANY / 2);
	wait_held(MANY - MANY / 2);
	fd = control_connect(); /* it does not read until the end */
	kit_send(fd, question, strlen(question));
	drop(MANY / 2, MANY);
	world_end();
	close(fd);
}

/* O7, O8: what a line says; the two legs' TCP_INFO only where it is asked for. O41: the access log has the same id. */
static void o7_o8_o41_what_a_line_says(void **state)
{
	static const char *const members[] = {
		"{\"schema\":1,\"generation\":1,\"time\":\"", "\"listener\":\"web\"", "\"upstream\":\"app\"",
		"\"stage\":\"relay\"", "\"bytes_in\":5,\"bytes_out\":0,\"spliced\":false,\"tls\":null",
		"\"sni\":null,\"alpn\":null", "\"blocked\":\"none\",\"reason_pending\":null", "\"idle_ms\":",
		"\"pending_client\":0,\"pending_server\":0",
	};
	static const char *const tcp[] = {
		"\"tcp\":{\"client\":{\"rtt_us\":", "\"min_rtt_us\":", "\"server\":{\"rtt_us\":", "\"delivery_bps\":",
		"\"last_ack_ms\":", "\"bottleneck\":\"none\"",
	};
	char id[ID + 1];
	const char *line;

	(void)state;
	world_start("");
	hold(0, 1);
	kit_send(w.fd[0], "hello", 5);
	wait_held(1);
	wait_said("?fields=bytes_in,stage", "\"bytes_in\":5");
	line = list_of("");
	for (size_t i = 0; i < array_len(members); i++)
		if (strstr(line, members[i]) == NULL)
			kit_fail("without %s: %s", members[i], line);
	assert_null(strstr(line, "rtt"));
	line = list_of("?tcp=1");
	for (size_t i = 0; i < array_len(tcp); i++)
		if (strstr(line, tcp[i]) == NULL)
			kit_fail("without %s: %s", tcp[i], line);
	line = strstr(list_of("?fields=id"), "\"id\":\"");
	assert_non_null(line);
	memcpy(id, line + 6, ID);
	id[ID] = '\0';
	kit_half_close(w.fd[0]);
	wait_said("?reason_pending=client_fin&fields=stage", "client_ended");
	drop(0, 1);
	world_end();
	kit_staunch_wait_log(w.s, id, 1);
}

/* O7: a filter chooses, a limit ends, and what cannot be read is refused. */
static void o7_filters_and_refusals(void **state)
{
	static const struct {
		const char *query;
		int lines;
	} rows[] = {
		{"", 3}, {"?listener=web", 3}, {"?listener=we", 0}, {"?upstream=app&limit=2", 2},
		{"?src=127.0.0.0/8", 3},
		{"?src=10.0.0.0/8", 0}, {"?older=1h", 0}, {"?idle=1d", 0}, {"?sni=x", 0}, {"?reason_pending=any", 0},
	};

	(void)state;
	world_start("");
	hold(0, 3);
	wait_held(3);
	for (size_t i = 0; i < array_len(rows); i++)
		if (lines_of(list_of(rows[i].query)) != rows[i].lines)
			kit_fail("%s: %s", rows[i].query, list_of(rows[i].query));
	assert_non_null(strstr(control_expect(400, "GET /v1/conns?older=5", ""), "older cannot be"));
	assert_non_null(strstr(control_expect(400, "GET /v1/conns?lisener=web", ""), "did you mean listener?"));
	assert_non_null(strstr(control_expect(400, "GET /v1/conns?fields=id,x", ""), "fields cannot be"));
	assert_non_null(strstr(control_expect(400, "GET /v1/conns?limit=0", ""), "limit cannot be"));
	(void)control_expect(200, "HEAD /v1/conns", "");
	drop(0, 3);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o7_filters_and_refusals, kit_end),
		cmocka_unit_test_teardown(o7_o8_o41_what_a_line_says, kit_end),
		cmocka_unit_test_teardown(o7_o41_each_once_for_a_slow_reader, kit_end),
		cmocka_unit_test_teardown(o7_o42_a_reader_that_is_gone, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
