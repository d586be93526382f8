/* Servers are checked beside the traffic, over two workers: E14, E24, E25, E29, E30, E31, E32, E75, E76. How results
 * become verdicts is check_state_test.c's, by a clock of the test; here real servers come and go. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	int port, fds, n;
	int at[SERVERS]; /* ports */
};

/* Servers at these ports; health: what stands in health. */
static const char *config_of(const struct world *w, const char *health)
{
	const char *servers = "";

	for (int i = 0; i < w->n; i++)
		servers = textf("%s%s\"%s:%d\"", servers, i > 0 ? ", " : "", kit_ip(0), w->at[i]);
	return textf(TWO_WORKERS
		"control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
		     "upstreams:\n  - {name: app, health: %s, servers: [%s]}\n",
		     control_socket(), kit_ip(0), w->port, health, servers);
}

static void start(struct world *w, int n, const char *health)
{
	w->n = n;
	w->port = kit_port(kit_ip(0));
	w->s = kit_staunch_start(config_of(w, health));
	w->fds = kit_proc_fds(w->s->child->pid);
}

static int serving(enum kit_serve how, int port, struct kit_peer **out)
{
	struct kit_peer *p = kit_peer_start(&(struct kit_peer_opts){.serve = how, .port = port});

	if (out != NULL)
		*out = p;
	return kit_peer_port(p);
}

static int events(const struct world *w, const char *event)
{
	return kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event));
}

static void wait_event(const struct world *w, const char *event, int n)
{
	kit_file_wait(w->s->child->err, textf("\"event\":\"%s\"", event), n);
}

/* The value of a family of the ith server; -1: it has no such series. */
static long count_of(const struct world *w, int i, const char *family, const char *labels)
{
	const char *page = control_expect(200, "GET /metrics", "");
	const char *series = textf("%s{upstream=\"app\",server=\"%s:%d\"%s} ", family, kit_ip(0), w->at[i], labels);
	const char *at = strstr(page, series);

	return at != NULL ? strtol(at + strlen(series), NULL, 10) : -1;
}

struct counted {
	const struct world *w;
	int i;
	const char *result;
	long n;
};

static bool has_counted(void *arg)
{
	const struct counted *c = arg;

	return count_of(c->w, c->i, "staunch_healthcheck_total", textf(",result=\"%s\"", c->result)) >= c->n;
}

/* So many checks of the ith server have ended so. */
static void wait_checks(const struct world *w, int i, const char *result, long n)
{
	struct counted c = {w, i, result, n};

	if (!kit_wait(has_counted, &c, KIT_MS))
		kit_fail("no %ld checks of server %d with the result %s", n, i, result);
}

static bool is_served(int port)
{
	int fd = kit_connect(kit_ip(0), port);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

static int fail_of(int port, int clients)
{
	int failed = 0;

	for (int i = 0; i < clients; i++)
		failed += !is_served(port);
	return failed;
}

#define QUICK "tcp: {interval: 200ms, timeout: 1s}"

/* E25: the accept of a server that is checked never returns; with port its own, the check goes there. */
static void e25_the_server_sees_nothing(void **state)
{
	struct world w = {0};
	int listener = kit_listen(kit_ip(0), &w.at[0], 16);
	struct pollfd p = {.fd = listener, .events = POLLIN};

	(void)state;
	start(&w, 1, "{" QUICK "}");
	wait_checks(&w, 0, "ok", 10);
	assert_int_equal(poll(&p, 1, 0), 0);
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"check\":\"up\",\"last_check\":{\"result\":\"ok\"");
	assert_int_equal(count_of(&w, 0, "staunch_upstream_server_state", ",input=\"check\""), 0);
	kit_staunch_stop(w.s, SIGTERM);
	close(listener);
}

/* E14, E24, E32: it goes down and comes back, each with one line, and no client meets it meanwhile. */
static void e32_down_and_up_again(void **state)
{
	struct kit_peer *bad;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, &bad)}};

	(void)state;
	start(&w, 3, "{passive: off, " QUICK "}");
	assert_int_equal(events(&w, "server_down"), 0);
	kit_peer_stop(bad);
	wait_event(&w, "server_down", 1);
	kit_file_wait(w.s->child->err, "is down: the connect is refused; it was up for ", 1);
	kit_file_wait(w.s->child->err, "2 of 3 usable", 1);
	assert_int_equal(fail_of(w.port, 30), 0);
	assert_int_equal(count_of(&w, 2, "staunch_upstream_connects_total", ",result=\"refused\""), 0);
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"why\":\"check_down\"");
	assert_int_equal(count_of(&w, 2, "staunch_upstream_server_up", ""), 0);
	assert_int_equal(count_of(&w, 2, "staunch_upstream_server_state", ",input=\"check\""), 1);
	wait_checks(&w, 2, "refused", 10); /* the same again is no line */
	assert_int_equal(events(&w, "server_down"), 1);
	(void)serving(KIT_ECHO, w.at[2], &bad);
	wait_event(&w, "server_up", 1);
	kit_file_wait(w.s->child->err, "is up: its check is good; it was down for ", 1);
	assert_int_equal(fail_of(w.port, 9), 0);
	assert_true(kit_peer_accepted(bad) >= 3);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E32, E13: the last usable server gone and the first one back are lines of the upstream. */
static void e32_the_last_one(void **state)
{
	struct kit_peer *only;
	struct world w = {.at = {serving(KIT_ECHO, 0, &only)}};

	(void)state;
	start(&w, 1, "{" QUICK "}");
	kit_peer_stop(only);
	wait_event(&w, "upstream_down", 1);
	assert_int_equal(fail_of(w.port, 1), 1);
	kit_staunch_wait_log(w.s, "no_live_upstream", 1);
	(void)serving(KIT_ECHO, w.at[0], &only);
	wait_event(&w, "upstream_up", 1);
	assert_int_equal(fail_of(w.port, 10), 0);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E29: before the first client comes each server has its verdict: the one that refuses costs nobody a retry. */
static void e29_verdicts_before_clients(void **state)
{
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), kit_refuser(kit_ip(0)), kit_black_hole(kit_ip(0))}};

	(void)state;
	start(&w, 3, "{passive: off, tcp: {timeout: 300ms}}");
	assert_int_equal(events(&w, "server_not_up"), 2);
	assert_int_equal(events(&w, "server_down"), 0); /* that is a change, and nothing has changed */
	kit_file_wait(w.s->child->err, "is not up: its first check: the connect is refused", 1);
	assert_int_equal(fail_of(w.port, 20), 0);
	assert_int_equal(count_of(&w, 1, "staunch_upstream_connects_total", ",result=\"refused\""), 0);
	assert_int_equal(count_of(&w, 2, "staunch_healthcheck_total", ",result=\"timeout\""), 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

static bool is_unchecked(void *arg)
{
	(void)arg;
	return strstr(control_expect(200, "GET /v1/servers", ""), "\"why\":\"check_down\"") == NULL;
}

/* E30: a reload with the same check keeps verdicts, and asks nobody again at once; a server that is new is spare until
 * its first verdict; without checks none holds anybody out. */
static void e30_reloads_keep_verdicts(void **state)
{
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), kit_refuser(kit_ip(0)), serving(KIT_ECHO, 0, NULL)}};

	(void)state;
	start(&w, 2, "{passive: off, tcp: {interval: 1h, timeout: 1s}}");
	assert_int_equal(events(&w, "server_not_up"), 1);
	w.n = 3;
	(void)generation_from(w.s, 2, config_of(&w, "{passive: off, tcp: {interval: 1h, timeout: 1s}}"));
	wait_checks(&w, 2, "ok", 1);
	assert_int_equal(count_of(&w, 0, "staunch_healthcheck_total", ",result=\"ok\""), 1);
	assert_int_equal(count_of(&w, 1, "staunch_healthcheck_total", ",result=\"refused\""), 1);
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"why\":\"check_down\"");
	assert_int_equal(events(&w, "server_not_up"), 1);
	(void)generation_from(w.s, 3, config_of(&w, "{passive: off}"));
	assert_true(kit_wait(is_unchecked, NULL, KIT_MS));
	assert_int_equal(fail_of(w.port, 20), 0);
	kit_staunch_stop(w.s, SIGTERM);
}

/* E75: an ejection for refused connects ends with the first check that is good, long before its time. */
static void e75_a_good_check_ends_an_ejection(void **state)
{
	struct kit_peer *bad;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, &bad)}};

	(void)state;
	start(&w, 3, "{passive: {out: 1h, probe: false}, tcp: {interval: 1s, timeout: 1s, fall: 100}}");
	kit_peer_stop(bad);
	while (events(&w, "server_out") == 0)
		assert_int_equal(fail_of(w.port, 3), 0);
	(void)serving(KIT_ECHO, w.at[2], &bad);
	wait_event(&w, "server_in", 1);
	kit_file_wait(w.s->child->err, "is in again after ", 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* ---- E31 ---- */

enum { CLIENTS = 40 };

/* Connections that have been served, all to the one server. */
static void connect_all(const struct world *w, int fds[CLIENTS])
{
	for (int i = 0; i < CLIENTS; i++) {
		fds[i] = kit_connect(kit_ip(0), w->port);
		still_works(fds[i]);
	}
}

/* The check goes to a port of its own, so that the server's connections live when that is closed: with close they are
 * reset, with keep they go on. */
static void e31_connections_of_a_server_that_is_down(void **state)
{
	struct kit_peer *checked;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL)}};
	int fds[CLIENTS], port = serving(KIT_ECHO, 0, &checked);

	(void)state;
	start(&w, 1, textf("{" QUICK ", port: %d}, on_down: close", port));
	connect_all(&w, fds);
	kit_peer_stop(checked);
	wait_event(&w, "server_down", 1);
	for (int i = 0; i < CLIENTS; i++)
		kit_expect_rst(fds[i]);
	kit_staunch_wait_log(w.s, "server_down", CLIENTS);
	wait_event(&w, "server_closed", 1);
	(void)serving(KIT_ECHO, port, &checked);
	wait_event(&w, "server_up", 2); /* the first verdict was one */
	(void)generation_from(w.s, 2, config_of(&w, textf("{" QUICK ", port: %d}, on_down: keep", port)));
	connect_all(&w, fds);
	kit_peer_stop(checked);
	wait_event(&w, "server_down", 2);
	cpu_ms_within(w.s->child->pid, 500);
	for (int i = 0; i < CLIENTS; i++) {
		still_works(fds[i]);
		end_orderly(fds[i]);
	}
	assert_int_equal(events(&w, "server_closed"), 1);
	kit_staunch_stop(w.s, SIGTERM);
}

/* E76: what is known of it is forgotten: it is asked at once, long before its time. */
static void e76_a_verdict_is_forgotten_by_order(void **state)
{
	struct kit_peer *bad;
	struct world w = {.at = {serving(KIT_ECHO, 0, NULL), serving(KIT_ECHO, 0, &bad)}};
	const char *body = "{\"state\":\"ready\",\"forget\":[\"check\"]}";

	(void)state;
	kit_peer_stop(bad);
	start(&w, 2, "{passive: off, tcp: {interval: 1h, timeout: 1s}}");
	assert_int_equal(events(&w, "server_not_up"), 1);
	(void)serving(KIT_ECHO, w.at[1], &bad);
	expect_part(control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      kit_ip(0), w.at[1], strlen(body), body)),
		    "HTTP/1.1 200 ");
	wait_checks(&w, 1, "ok", 1);
	assert_true(kit_wait(is_unchecked, NULL, KIT_MS));
	assert_int_equal(fail_of(w.port, 10), 0);
	assert_int_equal(kit_peer_accepted(bad), 5);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e25_the_server_sees_nothing),
		TEST(e32_down_and_up_again),
		TEST(e32_the_last_one),
		TEST(e29_verdicts_before_clients),
		TEST(e30_reloads_keep_verdicts),
		TEST(e31_connections_of_a_server_that_is_down),
		TEST(e76_a_verdict_is_forgotten_by_order),
		TEST(e75_a_good_check_ends_an_ejection),
	};

	return cmocka_run_group_tests_name("upstream check", tests, NULL, NULL);
}
