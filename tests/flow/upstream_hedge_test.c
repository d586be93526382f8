/* Slow dials are hedged, over two workers: E51, E68, F61. The servers that do not answer are real ones whose accept
 * queues are full, so their kernel drops each SYN. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

struct world {
	struct kit_staunch *s;
	int port, fds, n;
	int at[3]; /* ports */
};

/* keys: of the upstream; more[i]: keys of server i, or NULL. */
static void start(struct world *w, const char *keys, const char *const more[])
{
	const char *servers = "";

	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < w->n; i++)
		servers = textf("%s%s{address: \"%s:%d\"%s}", servers, i > 0 ? ", " : "", kit_ip(0), w->at[i],
				more != NULL ? more[i] : "");
	w->s = kit_staunch_start(textf(
		TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
			    "upstreams:\n  - {name: app%s, servers: [%s]}\n",
		control_socket(), kit_ip(0), w->port, keys, servers));
	w->fds = kit_proc_fds(w->s->child->pid);
}

static int echo_port(void)
{
	return kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

static int hedges(const char *result)
{
	const char *line = textf("staunch_upstream_hedges_total{upstream=\"app\",result=\"%s\"} ", result);
	const char *page = control_expect(200, "GET /metrics", ""), *at = strstr(page, line);

	if (at == NULL)
		kit_fail("no %s", line);
	return (int)strtol(at + strlen(line), NULL, 10);
}

static void expect_hedges(int won, int lost, int failed)
{
	int got[3] = {hedges("won"), hedges("lost"), hedges("failed")};

	if (got[0] != won || got[1] != lost || got[2] != failed)
		kit_fail("%d won, %d lost and %d failed hedges", got[0], got[1], got[2]);
}

/* No server has a connection or a dial. */
static bool is_idle(void *arg)
{
	const char *page = control_expect(200, "GET /metrics", "");

	(void)arg;
	for (const char *p = page; (p = strstr(p, "staunch_upstream_connections_active{")) != NULL; p++)
		if (strncmp(strchr(p, '}'), "} 0\n", 4) != 0)
			return false;
	return true;
}

static void end(struct world *w)
{
	assert_true(kit_wait(is_idle, NULL, KIT_MS));
	kit_proc_wait_fds(w->s->child->pid, w->fds);
	assert_true(kit_child_alive(w->s->child));
	assert_int_equal(kit_staunch_stop(w->s, SIGTERM), 0);
}

/* E51, F61: nobody fails, and nobody waits for the timeout of 5 s; the server is left out for it. */
static void e51_black_hole_of_three(void **state)
{
	struct world w = {.n = 3, .at = {echo_port(), kit_black_hole(kit_ip(0)), echo_port()}};
	int slow = 0, out = 0;

	(void)state;
	start(&w, ", health: {passive: {out: 60s}}", NULL);
	for (int i = 0; i < 400 && out == 0; i++) {
		int64_t began = kit_now_ms();

		end_orderly(served(kit_ip(0), w.port));
		slow += kit_now_ms() - began > 4000;
		out = kit_file_count(w.s->child->err, "\"event\":\"server_out\"");
	}
	assert_int_equal(out, 1);
	assert_int_equal(slow, 0);
	kit_staunch_wait_err(w.s, "slow_connect", 1);
	kit_staunch_wait_log(w.s, "\"result\":\"slow_connect\"", 3);
	assert_int_equal(kit_staunch_log(w.s, "\"staunch.close_reason\":\"client_fin\""),
			 kit_staunch_log(w.s, "\"staunch.close_reason\""));
	assert_true(hedges("won") >= 3);
	end(&w);
}

/* E51: the first to answer has it, and the other's slot is free again. */
static void e51_the_second_wins(void **state)
{
	static const char *const one[] = {", max_connections: 1", ", max_connections: 1, backup: true"};
	struct world w = {.n = 2, .at = {kit_black_hole(kit_ip(0)), echo_port()}};
	int fd, dead;

	(void)state;
	start(&w, ", hedge: 20ms, health: {passive: off}", one);
	fd = served(kit_ip(0), w.port);
	expect_hedges(1, 0, 0);
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_upstream_connections_active{upstream=\"app\",server=\"%s:%d\"} 0\n", kit_ip(0),
			  w.at[0]));
	/* the second one is full now: no hedge waits in the queue for it */
	dead = kit_connect(kit_ip(0), w.port);
	kit_proc_wait_fds(w.s->child->pid, w.fds + 2 + 2);
	expect_hedges(1, 0, 0);
	kit_reset(dead);
	end_orderly(fd);
	kit_staunch_wait_log(w.s, "\"staunch.retries\":1", 1);
	end(&w);
}

/* E51: retries: 0, a server that is alone, and hedge: off. */
static void e51_e68_none(void **state)
{
	static const char *const keys[] = {
		", hedge: 20ms, retries: 0, timeouts: {connect: 400ms}, health: {passive: off}",
		", hedge: off, timeouts: {connect: 400ms}, health: {passive: off}, retry_budget: 400ms",
		", hedge: 20ms, timeouts: {connect: 400ms}, health: {passive: off}",
	};

	(void)state;
	for (size_t i = 0; i < array_len(keys); i++) {
		static const char *const backup[] = {"", ", backup: true"};
		struct world w = {.n = i == 2 ? 1 : 2, .at = {kit_black_hole(kit_ip(0)), echo_port()}};
		int fd;

		start(&w, keys[i], backup);
		fd = kit_connect(kit_ip(0), w.port);
		kit_expect_fin(fd);
		close(fd);
		kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_timeout\"", 1);
		expect_hedges(0, 0, 0);
		end(&w);
	}
}

/* E51: the first answers after all, at the second SYN: it has the connection, and the other dial is given up. */
static void e51_the_first_wins(void **state)
{
	static const char *const backup[] = {"", ", backup: true"};
	int port = 0, listener = kit_listen(kit_ip(0), &port, 0), full[2], fd, client;
	struct world w = {.n = 2, .at = {port, kit_black_hole(kit_ip(0))}};

	(void)state;
	full[0] = kit_connect(kit_ip(0), port); /* a queue of 0 has room for one */
	start(&w, ", hedge: 20ms, health: {passive: off}", backup);
	client = kit_connect(kit_ip(0), w.port);
	kit_proc_wait_fds(w.s->child->pid, w.fds + 3);
	full[1] = kit_accept(listener);
	fd = kit_accept(listener);
	kit_send(client, "?", 1);
	kit_expect(fd, "?", 1);
	kit_staunch_wait_err(w.s, "ready", 1);
	expect_hedges(0, 1, 0);
	close(fd);
	kit_expect_fin(client);
	close(client);
	close(full[0]);
	close(full[1]);
	close(listener);
	kit_staunch_wait_log(w.s, "\"result\":\"hedge_lost\"", 1);
	end(&w);
}

/* E51: the second is refused: the first goes on, and both are told. */
static void e51_the_second_fails(void **state)
{
	static const char *const backup[] = {"", ", backup: true"};
	struct world w = {.n = 2, .at = {kit_black_hole(kit_ip(0)), kit_refuser(kit_ip(0))}};
	int fd;

	(void)state;
	start(&w, ", hedge: 20ms, timeouts: {connect: 400ms}, health: {passive: off}", backup);
	fd = kit_connect(kit_ip(0), w.port);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"result\":\"connect_failed\",\"errno\":\"ECONNREFUSED\"", 1);
	kit_staunch_wait_log(w.s, "\"result\":\"connect_timeout\"", 1);
	expect_hedges(0, 0, 1);
	end(&w);
}

/* E51: the first fails while the second is under way: that one is awaited, and its answer is the connection. */
static void e51_the_first_fails(void **state)
{
	static const char *const backup[] = {"", ", backup: true"};
	struct world w = {.n = 2, .at = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))}};
	int fd;

	(void)state;
	start(&w, ", hedge: 100ms, timeouts: {connect: 400ms}, health: {passive: off}", backup);
	fd = kit_connect(kit_ip(0), w.port);
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"connect_timeout\"", 1);
	expect_hedges(0, 0, 1);
	/* and the client goes while it waits for the second alone */
	fd = kit_connect(kit_ip(0), w.port);
	kit_staunch_wait_err(w.s, textf("server app/%s:%d: ", kit_ip(0), w.at[0]), 1);
	kit_reset(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_rst\"", 1);
	end(&w);
}

/* E51: a client that goes takes both dials with it, and neither server is blamed. */
static void e51_the_client_goes(void **state)
{
	static const char *const backup[] = {"", ", backup: true"};
	struct world w = {.n = 2, .at = {kit_black_hole(kit_ip(0)), kit_black_hole(kit_ip(0))}};

	(void)state;
	start(&w, ", hedge: 20ms", backup);
	for (int i = 1; i <= 3; i++) {
		int fd = kit_connect(kit_ip(0), w.port);

		kit_proc_wait_fds(w.s->child->pid, w.fds + 3); /* the client's and both dials' */
		kit_reset(fd);
		kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_rst\"", i);
		kit_proc_wait_fds(w.s->child->pid, w.fds);
	}
	expect_hedges(0, 3, 0);
	assert_int_equal(kit_file_count(w.s->child->err, "connect_failed"), 0);
	end(&w);
}

/* E51: ten in any case, then one in ten connects. */
static void e51_a_tenth_at_most(void **state)
{
	static const char *const backup[] = {"", ", backup: true"};
	struct world w = {.n = 2, .at = {kit_black_hole(kit_ip(0)), echo_port()}};
	int fd[12];

	(void)state;
	start(&w, ", hedge: 20ms, timeouts: {connect: 600ms}, health: {passive: off}", backup);
	for (size_t i = 0; i < array_len(fd); i++)
		fd[i] = kit_connect(kit_ip(0), w.port);
	for (size_t i = 0; i < array_len(fd); i++) {
		still_works(fd[i]);
		end_orderly(fd[i]);
	}
	assert_int_equal(hedges("won"), 10);
	assert_int_equal(hedges("limited"), 2);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e51_black_hole_of_three, kit_end),
		cmocka_unit_test_teardown(e51_the_second_wins, kit_end),
		cmocka_unit_test_teardown(e51_e68_none, kit_end),
		cmocka_unit_test_teardown(e51_the_first_wins, kit_end),
		cmocka_unit_test_teardown(e51_the_second_fails, kit_end),
		cmocka_unit_test_teardown(e51_the_first_fails, kit_end),
		cmocka_unit_test_teardown(e51_the_client_goes, kit_end),
		cmocka_unit_test_teardown(e51_a_tenth_at_most, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_hedge", tests, NULL, NULL);
}
