/* Kill (O9): who is ended by an operator's order and how, what is refused, and what stops it. The server is a socket
 * whose backlog takes them all, unless a test wants more of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"
#include "tests/flow/kit/tls_edge.h"

#define MANY 3000
#define FEW  200

static struct world {
	struct kit_staunch *s;
	int web, server;
	int fd[MANY];
} w;

static void world_start(const char *end)
{
	int port = 0;

	want_descriptors(MANY + 100);
	w.server = kit_listen(kit_ip(1), &port, 4096);
	w.web = kit_port(kit_ip(0));
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n"
						  "listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
						  "upstreams: [{name: app, servers: [\"%s:%d\"]}]\n%s",
				      control_socket(), kit_ip(0), w.web, kit_ip(1), port, end));
}

static void world_end(void)
{
	close(w.server);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static void hold(int from, int to)
{
	for (int i = from; i < to; i++)
		w.fd[i] = kit_connect(kit_ip(0), w.web);
}

static void drop(int from, int to)
{
	for (int i = from; i < to; i++)
		kit_reset(w.fd[i]);
}

static const char *post_text(const char *body)
{
	return textf("POST /v1/conns/kill HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\nContent-Length: %zu\r\n\r\n%s",
		     strlen(body), body);
}

/* The order, and what it came to. */
static const char *kill_conns(const char *body)
{
	return control_raw(post_text(body));
}

static void expect_answer(const char *answer, const char *part)
{
	if (strstr(answer, part) == NULL)
		kit_fail("without %s: %s", part, answer);
}

/* An order that is under way. */
static int begin_kill(const char *body)
{
	const char *text = post_text(body);
	int fd = control_connect();

	kit_send(fd, text, strlen(text));
	return fd;
}

static void expect_end(int fd, const char *part)
{
	char got[4096];
	ssize_t n = kit_io_read_all(fd, got, sizeof(got) - 1);

	assert_true(n > 0);
	got[n] = '\0';
	close(fd);
	expect_answer(got, part);
}

static bool relays(void *arg)
{
	int status, n = 0;
	const char *at = control_ask("GET /v1/conns?fields=stage", "", &status);

	for (; (at = strstr(at, "\"relay\"")) != NULL; at++)
		n++;
	return n == *(int *)arg;
}

static void wait_relays(int n)
{
	if (!kit_wait(relays, &n, KIT_MS))
		kit_fail("there are not %d connections that are relayed", n);
}

/* ---- whom ---- */

/* O9: a count ends nobody; what is refused ends nobody, and says why. */
static void o9_counts_and_refusals(void **state)
{
	static const struct {
		const char *body, *says;
	} refused[] = {
		{"", "without a filter this is about every connection"},
		{"{}", "without a filter"},
		{"{\"dry_run\":true}", "without a filter"},
		{"{\"all\":false}", "without a filter"},
		{"{\"older\":\"0s\"}", "without a filter"},
		{"{\"all\":true,\"listener\":\"web\"}", "no filter stands beside it"},
		{"{\"all\":1}", "all is true or false"},
		{"{\"all\":true,\"rate\":0}", "rate is a number"},
		{"{\"all\":true,\"rate\":\"9/s\"}", "rate is a number"},
		{"{\"all\":true,\"patience\":\"2h\"}", "patience is a duration"},
		{"{\"all\":true,\"dry_run\":\"yes\"}", "dry_run is true or false"},
		{"{\"all\":true,\"reason\":7}", "reason is a text"},
		{"{\"src\":\"10.0.0.0/33\"}", "src cannot be"},
		{"{\"src\":[\"10.0.0.0/8\"]}", "no member here is a list"},
		{"{\"lisener\":\"web\"}", "a member that is not known here"},
		{"{\"listener\":7}", "a member that is not known here"},
		{"{\"listener\"", "E400"},
	};

	(void)state;
	world_start("");
	hold(0, 3);
	wait_relays(3);
	for (size_t i = 0; i < array_len(refused); i++) {
		expect_answer(kill_conns(refused[i].body), " 400 ");
		expect_answer(kill_conns(refused[i].body), refused[i].says);
	}
	expect_answer(control_raw("POST /v1/conns/kill?src=127.0.0.1 HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				  "Content-Length: 12\r\n\r\n{\"all\":true}"),
		      "in the body, not in the query");
	(void)control_expect(403, "POST /v1/conns/kill", "Content-Length: 0\r\n");
	(void)control_expect(405, "GET /v1/conns/kill", "");
	expect_answer(kill_conns("{\"all\":true,\"dry_run\":true}"), "\"matched\":3,\"killed\":0,\"dry_run\":true");
	expect_answer(kill_conns("{\"listener\":\"web\",\"dry_run\":true}"), "\"matched\":3,\"killed\":0");
	expect_answer(kill_conns("{\"listener\":\"we\"}"), "\"matched\":0,\"killed\":0,\"dry_run\":false");
	wait_relays(3);
	drop(0, 3);
	world_end();
	assert_int_equal(kit_staunch_log(w.s, "\"admin\""), 0);
}

/* O9: thousands, each reset, each in the log and in the numbers as `admin`; those that come meanwhile are not meant. */
static void o9_thousands(void **state)
{
	int order;

	(void)state;
	world_start("");
	hold(0, MANY);
	wait_relays(MANY);
	order = begin_kill("{\"listener\":\"web\",\"rate\":3000,\"reason\":\"a test \\u202e of it\"}");
	kit_expect_rst(w.fd[0]); /* it has begun */
	close(w.fd[0]);
	w.fd[0] = kit_connect(kit_ip(0), w.web);
	expect_end(order, textf("\"matched\":%d,\"killed\":%d,\"dry_run\":false,\"complete\":true", MANY, MANY));
	for (int i = 1; i < MANY; i++) {
		kit_expect_rst(w.fd[i]);
		close(w.fd[i]);
	}
	wait_relays(1); /* the one that came later */
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", MANY);
	kit_staunch_wait_err(
		w.s, textf("%d of %d connections were ended by an operator: listener=web; a test", MANY, MANY), 1);
	kit_staunch_wait_err(w.s, "POST /v1/conns/kill by uid ", 1);
	expect_answer(control_expect(200, "GET /metrics", ""),
		      textf("staunch_connections_closed_total{listener=\"web\",reason=\"admin\"} %d\n", MANY));
	drop(0, 1);
	world_end();
}

/* O9: whatever they are doing: relayed, half closed, blocked, over TLS, in a handshake, waiting for a first byte,
 * connecting. The server's side is reset, too. */
static void o9_whatever_they_do(void **state)
{
	static char block[65536];
	int port = 0, tls, dead, hello, black, seen;
	int fd[6];
	struct tls_peer peer;
	const char *listeners;

	(void)state;
	pki_write();
	w.server = kit_listen(kit_ip(1), &port, 100);
	w.web = kit_port(kit_ip(0)), tls = kit_port(kit_ip(0)), dead = kit_port(kit_ip(0));
	hello = kit_port(kit_ip(0));
	black = kit_black_hole(kit_ip(2));
	listeners = textf("  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			  "  - {name: dead, bind: \"%s:%d\", upstream: hole}\n"
			  "  - name: hello\n    bind: \"%s:%d\"\n    upstream: app\n"
			  "    routes: [{sni: [a.test], upstream: app}]\n"
			  "  - name: tls\n    bind: \"%s:%d\"\n    upstream: app\n"
			  "    tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}\n",
			  kit_ip(0), w.web, kit_ip(0), dead, kit_ip(0), hello, kit_ip(0), tls, pki.cert, pki.key);
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n%s"
						  "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n"
						  "  - {name: hole, servers: [\"%s:%d\"], timeouts: {connect: 60s}}\n",
				      control_socket(), listeners, kit_ip(1), port, kit_ip(2), black));
	fd[0] = kit_connect(kit_ip(0), w.web);
	seen = kit_accept(w.server);
	fd[1] = kit_connect(kit_ip(0), w.web);
	kit_half_close(fd[1]);
	fd[2] = kit_connect(kit_ip(0), w.web);
	while (send(fd[2], block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	fd[3] = kit_connect(kit_ip(0), tls);
	fd[4] = kit_connect(kit_ip(0), dead);
	fd[5] = kit_connect(kit_ip(0), hello);
	assert_true(tls_peer_dial(&peer, kit_connect(kit_ip(0), tls), &(struct tls_peer_opts){.sni = "a.test"}));
	wait_relays(3); /* and one that is half closed, and three that are not so far */
	expect_answer(kill_conns("{\"all\":true}"), "\"matched\":7,\"killed\":7,\"dry_run\":false,\"complete\":true");
	for (size_t i = 0; i < array_len(fd); i++) {
		kit_expect_rst(fd[i]);
		close(fd[i]);
	}
	kit_expect_rst(seen);
	close(seen);
	assert_int_equal(tls_peer_next(&peer), -1);
	tls_peer_close(&peer);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", 7);
	world_end();
}

/* ---- while other things happen ---- */

/* O9: a reload in the middle changes nothing for them. */
static void o9_a_reload_meanwhile(void **state)
{
	int order;

	(void)state;
	world_start("");
	hold(0, FEW);
	wait_relays(FEW);
	order = begin_kill("{\"upstream\":\"app\",\"rate\":200}");
	kit_expect_rst(w.fd[0]);
	kit_child_signal(w.s->child, SIGHUP);
	wait_generation(w.s, 2);
	expect_end(order, textf("\"matched\":%d,\"killed\":%d", FEW, FEW));
	for (int i = 0; i < FEW; i++)
		close(w.fd[i]);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", FEW);
	world_end();
}

/* O9, O42: an order to stop in the middle: the drain ends what is left, and nobody waits for the kill. */
static void o9_o42_stopped_meanwhile(void **state)
{
	int order;

	(void)state;
	world_start("shutdown: {timeout: 500ms}\n");
	hold(0, FEW);
	wait_relays(FEW);
	order = begin_kill("{\"all\":true,\"rate\":1}");
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", 1); /* of either worker */
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 4);
	close(order);
	for (int i = 0; i < FEW; i++)
		close(w.fd[i]);
	close(w.server);
	assert_true(kit_staunch_log(w.s, "\"staunch.close_reason\":\"admin\"") >= 1);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\""), FEW);
}

/* O9: who hangs up calls it off. */
static void o9_called_off(void **state)
{
	int order;

	(void)state;
	world_start("");
	hold(0, FEW);
	wait_relays(FEW);
	order = begin_kill("{\"all\":true,\"rate\":20}");
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"admin\"", 1);
	close(order);
	kit_staunch_wait_err(w.s, "connections were ended by an operator: all; cut short", 1);
	expect_answer(kill_conns("{\"all\":true,\"dry_run\":true}"), "\"matched\":1");
	assert_true(kit_staunch_log(w.s, "\"staunch.close_reason\":\"admin\"") < FEW);
	drop(0, FEW);
	world_end();
}

/* O9, T8: with patience one whose client waits for an answer gets it before it is ended, and does not wait for the
 * patience to end: it has longer than a test. The answer comes at once after its question. */
static void o9_t8_an_answer_first(void **state)
{
	int order, asks, server;

	(void)state;
	world_start("");
	asks = kit_connect(kit_ip(0), w.web);
	server = kit_accept(w.server);
	hold(0, 1); /* it has said nothing */
	kit_send(asks, "a question", 10);
	kit_expect(server, "a question", 10);
	order = begin_kill("{\"all\":true,\"patience\":\"50m\"}");
	kit_expect_rst(w.fd[0]);
	kit_send(server, "an answer", 9);
	kit_expect(asks, "an answer", 9);
	kit_expect_rst(asks);
	kit_expect_rst(server);
	expect_end(order, "\"matched\":2,\"killed\":2,\"dry_run\":false,\"complete\":true");
	close(asks), close(server), close(w.fd[0]);
	world_end();
}

/* ---- the verb ---- */

#define RUN "$STAUNCH conns --socket $S --kill "

static void o9_the_verb(void **state)
{
	int code;

	(void)state;
	setenv("STAUNCH", "build/staunch", 0);
	world_start("");
	hold(0, 5);
	wait_relays(5);
	assert_string_equal(control_shell_ok(RUN "--all --dry-run"), "5 connections would be ended\n");
	assert_string_equal(control_shell_ok(RUN "--src 192.0.2.0/24 --yes"), "0 of 0 connections ended\n");
	expect_answer(control_shell(&code, RUN "--yes 2>&1"), "without a filter");
	assert_int_equal(code, 1);
	expect_answer(control_shell(&code, RUN "--all </dev/null 2>&1"), "elsewhere it needs --yes");
	assert_int_equal(code, 2);
	expect_answer(control_shell(&code, RUN "--all --yes --limit 1 2>&1"), "--limit is for the table");
	assert_int_equal(code, 2);
	expect_answer(control_shell(&code, RUN "--all --yes --rate 0 2>&1"), "--rate is a number a second");
	assert_int_equal(code, 2);
	expect_answer(control_shell(&code, "$STAUNCH conns --dry-run 2>&1"), "--dry-run goes with --kill");
	assert_int_equal(code, 2);
	expect_answer(control_shell_ok(RUN "--listener web --dry-run --json"), "\"matched\":5,\"killed\":0");
	assert_string_equal(control_shell_ok(RUN "--listener web --older 0s --rate 500 --patience 1s --yes"),
			    "5 of 5 connections ended\n");
	for (int i = 0; i < 5; i++) {
		kit_expect_rst(w.fd[i]);
		close(w.fd[i]);
	}
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o9_counts_and_refusals, kit_end),
		cmocka_unit_test_teardown(o9_thousands, kit_end),
		cmocka_unit_test_teardown(o9_whatever_they_do, kit_end),
		cmocka_unit_test_teardown(o9_a_reload_meanwhile, kit_end),
		cmocka_unit_test_teardown(o9_o42_stopped_meanwhile, kit_end),
		cmocka_unit_test_teardown(o9_called_off, kit_end),
		cmocka_unit_test_teardown(o9_t8_an_answer_first, kit_end),
		cmocka_unit_test_teardown(o9_the_verb, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
