/* close_over (T8): the live connections of a drained server end within a time, in good order, and nobody loses an
 * answer. What the clients and the server say is one loop of this test's own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { CROWD = 5000, ASKING = 200, FEW = 20, THINKS = 3 };

static struct world {
	struct kit_staunch *s;
	int web, port, server;
} w;

static void start_world(const char *more)
{
	w.port = 0;
	w.server = kit_listen(kit_ip(1), &w.port, 4096);
	w.web = kit_port(kit_ip(0));
	w.s = kit_staunch_start(textf(TWO_WORKERS "control: {socket: \"%s\"}\n%s"
						  "listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
						  "upstreams: [{name: app, servers: [\"%s:%d\"]}]\n",
				      control_socket(), more, kit_ip(0), w.web, kit_ip(1), w.port));
}

/* What an operator says of the one server.   Returns  the whole answer. */
static const char *say(const char *body)
{
	return control_raw(textf("POST /v1/servers/app/%s:%d HTTP/1.0\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				 "Content-Length: %zu\r\n\r\n%s",
				 kit_ip(1), w.port, strlen(body), body));
}

static void expect_done(const char *body)
{
	expect_part(say(body), " 200 ");
}

/* ---- a crowd ---- */

/* The client's or the server's socket of a connection. */
struct side {
	int fd;
	bool client, waits;
	unsigned questions; /* that the client still has */
};

static struct crowd {
	int epoll, open, fins, answers;
	struct side sides[2 * CROWD];
	/* questions that the server works on, the oldest first */
	struct {
		struct side *side;
		int64_t due;
	} asked[ASKING];
	unsigned head, tail;
	int in_second[60];
} crowd;

/* One loop waits for all of them. */
static void join(struct side *s, int fd, bool client)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

	*s = (struct side){.fd = fd, .client = client};
	assert_int_equal(epoll_ctl(crowd.epoll, EPOLL_CTL_ADD, fd, &ev), 0);
	crowd.open++;
}

/* Nothing is known of which client got which server socket, and nothing needs it. */
static void gather(void)
{
	crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < CROWD; i++) {
		join(&crowd.sides[2 * i], kit_connect(kit_ip(0), w.web), true);
		join(&crowd.sides[2 * i + 1], kit_accept(w.server), false);
	}
}

/* From now on an end would be one too early. */
static void ask(struct side *s, const char *what)
{
	s->waits = true;
	kit_send(s->fd, what, 1);
}

/* "?" is answered at once; "q" is worked on. */
static void server_got(struct side *s, char what)
{
	if (what == '?') {
		kit_send(s->fd, "!", 1);
		return;
	}
	crowd.asked[crowd.tail % ASKING].side = s;
	crowd.asked[crowd.tail++ % ASKING].due = kit_now_ms() + THINKS * 1000;
}

/* The oldest question first: all take as long. */
static void answer_due(void)
{
	while (crowd.head < crowd.tail && crowd.asked[crowd.head % ASKING].due <= kit_now_ms())
		kit_send(crowd.asked[crowd.head++ % ASKING].side->fd, "!", 1);
}

/* Who has another question asks it at once: he is not quiet for a moment. */
static void client_got(struct side *s)
{
	crowd.answers++;
	s->waits = false;
	if (s->questions == 0)
		return;
	s->questions--;
	ask(s, "q");
}

/* A byte, or the end; a reset fails the test. */
static void side_reads(struct side *s, int64_t began)
{
	char got = 0;
	ssize_t n = recv(s->fd, &got, 1, MSG_DONTWAIT);

	if (n < 0)
		kit_fail("%s: %s", s->client ? "client" : "server", strerror(errno));
	if (n == 1 && s->client)
		client_got(s);
	else if (n == 1)
		server_got(s, got);
	if (n == 1)
		return;
	if (s->waits)
		kit_fail("ended before the answer came");
	crowd.fins += s->client;
	if (s->client && (kit_now_ms() - began) / 1000 < 60)
		crowd.in_second[(kit_now_ms() - began) / 1000]++;
	close(s->fd);
	crowd.open--;
}

/* Until no more sockets are open, and so many answers have come. */
static void move_until(int open, int answers)
{
	struct epoll_event ev[64];
	int64_t began = kit_now_ms();

	while (crowd.open > open || crowd.answers < answers) {
		int n = epoll_wait(crowd.epoll, ev, 64, 10);

		if (kit_now_ms() - began > 60000)
			kit_fail("%d sockets are open, %d answers came", crowd.open, crowd.answers);
		for (int i = 0; i < n; i++)
			side_reads(ev[i].data.ptr, began);
		answer_due();
	}
}

/* T8: 5,000 within half a minute; 200 of them ask one question after another, each of which takes 3 s: all have their
 * answers, and everybody sees a FIN, on both sides. */
static void t8_a_crowd(void **state)
{
	int asked = 0, least = CROWD, most = 0;

	(void)state;
	memset(&crowd, 0, sizeof(crowd));
	want_descriptors(2 * CROWD + 100);
	start_world("");
	gather();
	for (int i = 0; i < CROWD; i++)
		ask(&crowd.sides[2 * i], "?");
	move_until(2 * CROWD, CROWD);
	for (int i = 0; i < ASKING; i++) {
		struct side *s = &crowd.sides[2 * (i * (CROWD / ASKING))];

		s->questions = (unsigned)i % 7;
		asked += i % 7 + 1;
		ask(s, "q");
	}
	expect_done("{\"state\":\"drain\",\"close_over\":\"30s\"}");
	move_until(0, CROWD + asked);
	assert_int_equal(crowd.fins, CROWD);
	for (int i = 1; i < 29; i++) {
		least = crowd.in_second[i] < least ? crowd.in_second[i] : least;
		most = crowd.in_second[i] > most ? crowd.in_second[i] : most;
	}
	print_message("%d to %d in each second, where %d is the even share\n", least, most, CROWD / 30);
	kit_staunch_wait_err(w.s, textf("server app/%s:%d: %d of %d connections were ended", kit_ip(1), w.port, CROWD,
					CROWD), 1);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"drain\"", CROWD);
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_paced_closes_total{why=\"drain\"} %d\n", CROWD));
	close(crowd.epoll);
	close(w.server);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

/* ---- what stops it, and what does not ---- */

static int held[FEW], seen[FEW]; /* of the clients, of the server */

/* They say nothing, so all are quiet. */
static void hold(void)
{
	for (int i = 0; i < FEW; i++)
		held[i] = kit_connect(kit_ip(0), w.web);
	for (int i = 0; i < FEW; i++)
		seen[i] = kit_accept(w.server);
}

static void drop(void)
{
	for (int i = 0; i < FEW; i++) {
		close(held[i]);
		close(seen[i]);
	}
}

/* As the access log tells it. */
static int drained(void)
{
	return kit_staunch_log(w.s, "\"staunch.close_reason\":\"drain\"");
}

static bool some_drained(void *arg)
{
	(void)arg;
	return drained() > 0;
}

/* Some have ended, most have not: the time is long. */
static void begin_slowly(void)
{
	start_world("shutdown: {timeout: 500ms}\n");
	hold();
	expect_done("{\"state\":\"drain\",\"close_over\":\"20s\"}");
	assert_true(kit_wait(some_drained, NULL, KIT_MS));
}

/* This order stops the first one, and those that are left live on. */
static void expect_called_off(const char *order)
{
	begin_slowly();
	expect_done(order);
	kit_staunch_wait_err(w.s, textf("of %d connections were ended; called off", FEW), 1);
	if (drained() >= FEW)
		kit_fail("%s: all were ended", order);
	drop();
	assert_in_range(kit_staunch_stop(w.s, SIGTERM), 0, 4);
	close(w.server);
}

/* T8: the server is made ready again. */
static void t8_recovered(void **state)
{
	(void)state;
	expect_called_off("{\"state\":\"ready\"}");
}

/* T8: the time of the drain is over. */
static void t8_the_drain_ends(void **state)
{
	(void)state;
	expect_called_off("{\"state\":\"drain\",\"for\":\"1s\"}");
}

/* T8: another order takes its place. */
static void t8_another_order(void **state)
{
	(void)state;
	expect_called_off("{\"state\":\"drain\",\"close_over\":\"1d\"}");
}

/* T8: the end of the process does not wait for it. */
static void t8_stopped_meanwhile(void **state)
{
	(void)state;
	begin_slowly();
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 4);
	assert_in_range(drained(), 1, FEW - 1);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\"drain_deadline\"") + drained(), FEW);
	drop();
	close(w.server);
}

/* MANY servers at one port, each with an address of its own, and a connection to each. */
enum { MANY = 65 };

static int to_many[MANY], of_many[MANY];

static void hold_many(void)
{
	char servers[MANY * 32];
	size_t n = 0;

	w.port = 0;
	w.server = kit_listen("0.0.0.0", &w.port, MANY);
	w.web = kit_port(kit_ip(0));
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(servers + n, sizeof(servers) - n, "%s\"127.88.0.%d:%d\"", i > 0 ? ", " : "",
				      i + 1, w.port);
	w.s = kit_staunch_start(textf("control: {socket: \"%s\"}\nshutdown: {timeout: 500ms}\n"
				      "listeners: [{name: web, bind: \"%s:%d\", upstream: app}]\n"
				      "upstreams: [{name: app, servers: [%s]}]\n",
				      control_socket(), kit_ip(0), w.web, servers));
	for (int i = 0; i < MANY; i++) {
		to_many[i] = kit_connect(kit_ip(0), w.web);
		of_many[i] = kit_accept(w.server);
	}
}

/* T8: so many are ended at a time; one more is told to wait, and nothing is done to it. */
static void t8_too_many(void **state)
{
	const char *body = "{\"state\":\"drain\",\"close_over\":\"1d\"}";

	(void)state;
	hold_many();
	for (int i = 0; i < MANY; i++)
		expect_part(control_raw(textf("POST /v1/servers/app/127.88.0.%d:%d HTTP/1.0\r\nHost: localhost\r\n"
					      "X-Staunch: 1\r\nContent-Length: %zu\r\n\r\n%s",
					      i + 1, w.port, strlen(body), body)),
			    i < MANY - 1 ? " 200 " : "the connections of 64 servers are being ended");
	assert_string_equal(control_shell_ok(textf("curl -s --unix-socket $S http://localhost/v1/servers | "
						   "jq -c '[.servers[] | select(.why == \"drain\")] | length'")),
			    "64\n");
	for (int i = 0; i < MANY; i++) {
		close(to_many[i]);
		close(of_many[i]);
	}
	close(w.server);
	assert_in_range(kit_staunch_stop(w.s, SIGTERM), 0, 4);
}

/* T8, O10: by the verb; a reload changes nothing. */
static void t8_the_verb(void **state)
{
	const char *server;
	int code;

	(void)state;
	setenv("STAUNCH", "build/staunch", 0);
	start_world("");
	hold();
	server = textf("app/%s:%d", kit_ip(1), w.port);
	expect_part(control_shell(&code, textf("$STAUNCH server --socket $S ready %s --close-over 5s 2>&1", server)),
		    "close_over goes with a state");
	assert_int_equal(code, 1);
	expect_part(control_shell_ok(textf("$STAUNCH server --socket $S drain %s --close-over 2s", server)),
		    ": drain");
	kit_child_signal(w.s->child, SIGHUP);
	wait_generation(w.s, 2);
	kit_staunch_wait_err(w.s, textf("%d of %d connections were ended", FEW, FEW), 1);
	for (int i = 0; i < FEW; i++) {
		kit_expect_fin(held[i]);
		kit_expect_fin(seen[i]);
	}
	drop();
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"drain\"", FEW);
	close(w.server);
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(t8_a_crowd, kit_end),
		cmocka_unit_test_teardown(t8_recovered, kit_end),
		cmocka_unit_test_teardown(t8_the_drain_ends, kit_end),
		cmocka_unit_test_teardown(t8_another_order, kit_end),
		cmocka_unit_test_teardown(t8_stopped_meanwhile, kit_end),
		cmocka_unit_test_teardown(t8_too_many, kit_end),
		cmocka_unit_test_teardown(t8_the_verb, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
