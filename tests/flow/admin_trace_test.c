/* O19, O42: a trace: the stages of the connections that match, in order, and its ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/programs.h"

/* A request that goes on while connections are made. */
static int ask_trace(const char *query)
{
	char got[1024];
	int fd = control_connect();
	const char *request = textf("GET /v1/trace%s HTTP/1.0\r\nHost: localhost\r\n\r\n", query);
	size_t n = 0;

	kit_send(fd, request, strlen(request));
	got[0] = '\0';
	while (strstr(got, "\"trace\":\"began\"") == NULL) {
		ssize_t more = kit_io_read(fd, got + n, sizeof(got) - 1 - n);

		assert_true(more > 0);
		n += (size_t)more;
		got[n] = '\0';
	}
	return fd;
}

/* All lines until the end of the answer. */
static const char *rest_of(int fd)
{
	static char got[1 << 20];
	ssize_t n = kit_io_read_all(fd, got, sizeof(got) - 1);

	assert_true(n >= 0);
	got[n] = '\0';
	close(fd);
	return got;
}

/* The words of all stages of one connection, in order, with a space behind each. *id: of the first line. */
static const char *stages_of(const char *lines, const char *id)
{
	static char words[1024];
	const char *at = lines;

	words[0] = '\0';
	while ((at = strstr(at, textf("\"id\":\"%s\"", id))) != NULL) {
		const char *stage = strstr(at, "\"stage\":\"") + 9;
		size_t n = strlen(words);

		snprintf(words + n, sizeof(words) - n, "%.*s ", (int)strcspn(stage, "\""), stage);
		at = stage;
	}
	return words;
}

/* The id of the nth accept. */
static const char *id_of(const char *lines, int n)
{
	const char *at = lines;

	for (int i = 0; i <= n; i++) {
		at = strstr(at, "\"stage\":\"accept\"");
		if (at == NULL)
			kit_fail("there are not %d connections in %s", n + 1, lines);
		at++;
	}
	while (strncmp(at, "\"id\":\"", 6) != 0)
		at--;
	return textf("%.26s", at + 6);
}

/* How often the text stands there. */
static int count_of(const char *lines, const char *text)
{
	int n = 0;

	for (const char *at = lines; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

struct world {
	struct kit_staunch *s;
	struct kit_peer *echo;
	int port, bad;
};

static struct world start_with(const char *first)
{
	struct world w = {.port = kit_port(kit_ip(1))};

	w.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
		"listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		"upstreams:\n  - {name: app, servers: [%s\"%s:%d\"]}\n",
		control_socket(), kit_ip(1), w.port, first, kit_ip(0), kit_peer_port(w.echo)));
	return w;
}

/* The first server of the upstream refuses. */
static struct world start_world(void)
{
	int bad = kit_refuser(kit_ip(2));
	struct world w = start_with(textf("\"%s:%d\", ", kit_ip(2), bad));

	w.bad = bad;
	return w;
}

/* Every stage once and in order for each of three connections, and the trace ends with the third. */
static void o19_the_stages_of_three(void **state)
{
	struct world w = start_world();
	const char *lines;
	int fd = ask_trace("?limit=3&listener=web&src=127.0.0.0/8");

	(void)state;
	for (int i = 0; i < 5; i++)
		end_orderly(served(kit_ip(1), w.port));
	lines = rest_of(fd);
	assert_int_equal(count_of(lines, "\"stage\":\"accept\""), 3);
	assert_int_equal(count_of(lines, "\"stage\":\"end\""), 3);
	assert_string_equal(stages_of(lines, id_of(lines, 0)),
			    "accept route pick dial failed pick dial connected first_byte end ");
	assert_non_null(strstr(lines, textf("\"stage\":\"failed\",\"server\":\"%s:%d\",\"result\":\"connect_failed\","
					    "\"error\":\"ECONNREFUSED\"", kit_ip(2), w.bad)));
	assert_non_null(strstr(lines, "\"reason\":\"client_fin\""));
	assert_non_null(strstr(lines, "\"trace\":\"over\",\"why\":\"limit\",\"connections\":3,\"lost\":0}\n"));
	assert_non_null(strstr(lines, textf("\"stage\":\"route\",\"rule\":null,\"upstream\":\"app\"")));
	/* The log has the same id. */
	kit_staunch_wait_log(w.s, id_of(lines, 0), 1);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* It ends with its time, and has told nothing. */
static void o19_a_filter_that_never_matches(void **state)
{
	struct world w = start_world();
	const char *lines;
	int fd = ask_trace("?src=10.0.0.0/8&for=300ms");

	(void)state;
	end_orderly(served(kit_ip(1), w.port));
	lines = rest_of(fd);
	assert_int_equal(count_of(lines, "\"stage\""), 0);
	assert_non_null(strstr(lines, "\"trace\":\"over\",\"why\":\"time\",\"connections\":0,\"lost\":0}\n"));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* What was marked before the name was known is told once it is. */
static void o19_by_name(void **state)
{
	struct kit_peer *echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	const char *lines;
	struct edge e;
	int trace;

	(void)state;
	e = edge_start("routes: [{sni: [a.test], upstream: back}, {sni: [b.test], upstream: back}]",
		       textf("%scontrol: {socket: \"%s\"}\n", edge_upstream("back", kit_peer_port(echo), ""),
			     control_socket()));
	trace = ask_trace("?sni=b.test&limit=1");
	for (int i = 0; i < 2; i++)
		program_said(program_run("openssl", KIT_ARGV("sh", "-c",
			textf("echo | timeout 5 openssl s_client -connect %s:%d -servername %s.test >/dev/null 2>&1; "
			      "true", kit_ip(1), e.port, i == 0 ? "a" : "b"))), "");
	lines = rest_of(trace);
	assert_int_equal(count_of(lines, "\"stage\":\"accept\""), 1);
	assert_non_null(strstr(lines, "\"stage\":\"hello\",\"sni\":\"b.test\""));
	assert_non_null(strstr(lines, "\"stage\":\"route\",\"rule\":1,\"upstream\":\"back\""));
	assert_memory_equal(stages_of(lines, id_of(lines, 0)), "accept hello route pick dial connected ", 39);
	edge_end(&e);
}

/* Four at a time; a place is free when its reader has gone. */
static void o19_four_at_a_time(void **state)
{
	struct world w = start_world();
	int fds[4], status = 429;
	int64_t until = kit_now_ms() + KIT_MS;

	(void)state;
	for (int i = 0; i < 4; i++)
		fds[i] = ask_trace("?for=50s");
	control_expect(429, "GET /v1/trace", "");
	control_expect(400, "GET /v1/trace?limit=0", "");
	control_expect(400, "GET /v1/trace?for=61s", "");
	close(fds[2]);
	while (status == 429 && kit_now_ms() < until)
		control_ask("GET /v1/trace?for=1ms", "", &status);
	assert_int_equal(status, 200);
	end_orderly(served(kit_ip(1), w.port));
	/* TERM: the others are told, and the end does not wait for them. */
	kit_child_signal(w.s->child, SIGTERM);
	for (int i = 0; i < 4; i++)
		if (i != 2 && strstr(rest_of(fds[i]), "\"trace\":\"over\",\"why\":\"stop\"") == NULL)
			kit_fail("trace %d was not told of the end", i);
	assert_int_equal(kit_child_wait(w.s->child), 0);
}

/* A reader that reads nothing holds up nobody. What it reads in the end and what it is told to have missed are all that
 * there was. */
static void o19_a_slow_reader_loses_lines(void **state)
{
	enum { CONNS = 800, STAGES_OF_ONE = 7 };
	struct world w = start_with("");
	int fd = ask_trace(textf("?limit=%d", CONNS)), stages, lost;
	const char *lines, *over;

	(void)state;
	for (int i = 0; i < CONNS; i++)
		end_orderly(served(kit_ip(1), w.port));
	lines = rest_of(fd);
	over = strstr(lines, textf("\"trace\":\"over\",\"why\":\"limit\",\"connections\":%d,\"lost\":", CONNS));
	assert_non_null(over);
	lost = (int)strtol(strstr(over, "\"lost\":") + 7, NULL, 10);
	stages = count_of(lines, "\"stage\"");
	assert_true(lost > 0);
	assert_int_equal(stages + lost, CONNS * STAGES_OF_ONE);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* Readers who take a few bytes and no more hold their places no longer than they asked for, and little memory: each has
 * only what two workers may be ahead of him. */
static void o19_readers_that_hardly_read(void **state)
{
	struct world w = start_with("");
	int64_t until = kit_now_ms() + 9000; /* a stuck write would be given up after ten seconds */
	int fds[4], status = 429;
	long before = kit_proc_rss_kb(w.s->child->pid), most;
	char bytes[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		fds[i] = ask_trace("?limit=1000&for=4s"); /* there is time for all connections */
	for (int i = 0; i < 400; i++)
		end_orderly(served(kit_ip(1), w.port));
	most = kit_proc_rss_kb(w.s->child->pid);
	for (int i = 0; i < 4; i++)
		(void)recv(fds[i], bytes, sizeof(bytes), MSG_DONTWAIT);
	while (status == 429 && kit_now_ms() < until)
		control_ask("GET /v1/trace?for=1ms", "", &status);
	assert_int_equal(status, 200);
	if (strstr(kit_binary(), "san/") == NULL && most - before > 8192)
		kit_fail("%ld KiB more for four readers", most - before);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* The timeline in 80 columns, and a refusal in the process's words. */
static void o19_the_verb(void **state)
{
	struct world w = start_world();
	struct kit_child *c;
	char out[8192];

	(void)state;
	setenv("STAUNCH_CONTROL", control_socket(), 1);
	c = kit_child_start("trace", KIT_ARGV("env", "COLUMNS=80", kit_binary(), "trace", "--limit", "1",
						"--listener", "web"));
	do /* until it listens */
		end_orderly(served(kit_ip(1), w.port));
	while (kit_child_alive(c));
	assert_int_equal(kit_child_wait(c), 0);
	kit_file_read(c->out, out, sizeof(out));
	for (const char *at = out; *at != '\0'; at += strcspn(at, "\n") + 1)
		assert_true(strcspn(at, "\n") <= 80);
	assert_non_null(strstr(out, "connection 0"));
	assert_non_null(strstr(out, " ms  accept    listener web client 127."));
	assert_non_null(strstr(out, " ms  end       client_fin: "));
	assert_non_null(strstr(out, "\n1 connections traced; that is all\n"));
	c = kit_child_start("trace", KIT_ARGV(kit_binary(), "trace", "--for", "1ms", "--json"));
	assert_int_equal(kit_child_wait(c), 0);
	kit_file_read(c->out, out, sizeof(out));
	assert_non_null(strstr(out, "\"trace\":\"over\",\"why\":\"time\""));
	c = kit_child_start("trace", KIT_ARGV(kit_binary(), "trace", "--limit", "0"));
	assert_int_equal(kit_child_wait(c), 1);
	kit_file_read(c->err, out, sizeof(out));
	assert_non_null(strstr(out, "limit cannot be \"0\""));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o19_the_stages_of_three, kit_end),
		cmocka_unit_test_teardown(o19_a_filter_that_never_matches, kit_end),
		cmocka_unit_test_teardown(o19_by_name, kit_end),
		cmocka_unit_test_teardown(o19_four_at_a_time, kit_end),
		cmocka_unit_test_teardown(o19_a_slow_reader_loses_lines, kit_end),
		cmocka_unit_test_teardown(o19_readers_that_hardly_read, kit_end),
		cmocka_unit_test_teardown(o19_the_verb, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
