/* Clients that wait for a server with max_connections, over two workers: E11, E42 to E44. Orders under threads are
 * waiter_test.c's; here are real clients, real servers and all that ends a wait. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { MANY = 6 };

struct world {
	struct kit_staunch *s;
	struct kit_peer *echo;
	int port, fds;
};

/* keys: of the upstream; limit: of its one server; end: at the end of the file. */
static const char *config_of(const struct world *w, const char *keys, int limit, const char *end)
{
	return textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: app, timeouts: {lifetime: off}}\n"
				 "upstreams:\n"
				 "  - {name: app, servers: [{address: \"%s:%d\", max_connections: %d}]%s}\n%s",
		     control_socket(), kit_ip(0), w->port, kit_ip(0), kit_peer_port(w->echo), limit, keys, end);
}

static struct world start(const char *keys, int limit)
{
	struct world w = {.port = kit_port(kit_ip(0))};

	w.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
	w.s = kit_staunch_start(config_of(&w, keys, limit, ""));
	w.fds = kit_proc_fds(w.s->child->pid);
	return w;
}

static bool waits_so_many(void *arg)
{
	const char *line = textf("staunch_upstream_queue_length{upstream=\"app\"} %d\n", *(int *)arg);

	return strstr(control_expect(200, "GET /metrics", ""), line) != NULL;
}

static void expect_waiting(int n)
{
	if (!kit_wait(waits_so_many, &n, KIT_MS))
		kit_fail("%d do not wait: %s", n,
			 strstr(control_expect(200, "GET /metrics", ""), "staunch_upstream_queue_length{"));
}

/* The nth to wait has come, and what it says is there. */
static int waiting(const struct world *w, int n)
{
	char c = (char)('0' + n);
	int fd = kit_connect(kit_ip(0), w->port);

	kit_send(fd, &c, 1);
	expect_waiting(n);
	return fd;
}

/* Nobody has answered it. */
static void expect_silent(int fd)
{
	char c;

	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void over(struct world *w)
{
	expect_waiting(0);
	back_to_normal(w->s, w->fds, kit_ip(0), w->port);
}

/* E42: whichever worker has them, in the order in which they came; F59: one at a time. */
static void e42_in_order_over_workers(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[MANY + 1] = {first};

	(void)state;
	for (int i = 1; i <= MANY; i++)
		fd[i] = waiting(&w, i);
	for (int i = 1; i <= MANY; i++) {
		char c = (char)('0' + i);

		for (int j = i; j <= MANY; j++)
			expect_silent(fd[j]);
		assert_int_equal(kit_peer_accepted(w.echo), i);
		end_orderly(fd[i - 1]);
		kit_expect(fd[i], &c, 1);
	}
	end_orderly(fd[MANY]);
	kit_staunch_wait_log(w.s, "\"staunch.queue_ms\":", MANY);
	expect_part(control_expect(200, "GET /metrics", ""), "staunch_upstream_queue_high_water{upstream=\"app\"} 6\n");
	expect_part(control_expect(200, "GET /metrics", ""),
		    "staunch_upstream_queue_wait_seconds_count{upstream=\"app\"} 6\n");
	over(&w);
}

/* E43, E11: a reset leaves at once and moves no slot; a FIN alone may be a half-close, and stays. */
static void e43_a_reset_leaves_a_fin_stays(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		fd[i] = waiting(&w, i + 1);
	kit_reset(fd[0]);
	expect_waiting(2);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"client_rst\"", 1);
	kit_half_close(fd[1]);
	assert_true(waits_so_many(&(int){2}));
	assert_int_equal(kit_peer_accepted(w.echo), 1);
	end_orderly(first);
	kit_expect(fd[1], "2", 1);
	kit_expect_fin(fd[1]);
	close(fd[1]);
	kit_expect(fd[2], "3", 1);
	end_orderly(fd[2]);
	over(&w);
}

/* E43 */
static void e43_queue_timeout(void **state)
{
	struct world w = start(", timeouts: {queue: 200ms}", 1);
	int first = served(kit_ip(0), w.port), fd = kit_connect(kit_ip(0), w.port);

	(void)state;
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"queue_timeout\"", 1);
	kit_staunch_wait_err(w.s, "timeouts.queue 200 ms is reached: clients that have waited so long are closed", 1);
	expect_part(control_expect(200, "GET /metrics", ""),
		    "\nstaunch_upstream_queue_timeouts_total{upstream=\"app\"} 1\n");
	expect_part(control_expect(200, "GET /v1/upstreams", ""), ",\"refused\":0,\"timed_out\":1}");
	expect_part(control_verb(0, "status --socket $S"), "app: timeouts.queue acts: 1 hit since the start");
	expect_part(control_verb(0, "status --limits --socket $S"), "app timeouts.queue ");
	assert_int_equal(kit_peer_accepted(w.echo), 1);
	still_works(first);
	end_orderly(first);
	over(&w);
}

/* E44: beyond queue.max at once, with one line for the episode. */
static void e44_queue_full(void **state)
{
	struct world w = start(", queue: {max: 2}", 1);
	int first = served(kit_ip(0), w.port), fd[2] = {waiting(&w, 1), waiting(&w, 2)};

	(void)state;
	for (int i = 1; i <= 3; i++) {
		int more = kit_connect(kit_ip(0), w.port);

		kit_expect_fin(more);
		close(more);
		kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"queue_full\"", i);
	}
	kit_staunch_wait_err(w.s, "upstream app: queue.max 2 is reached: clients are refused", 1);
	expect_part(control_expect(200, "GET /v1/upstreams", ""),
		    "\"queue\":{\"length\":2,\"max\":2,\"high\":2,\"refused\":3,\"timed_out\":0}");
	end_orderly(first);
	kit_expect(fd[0], "1", 1);
	end_orderly(fd[0]);
	kit_expect(fd[1], "2", 1);
	end_orderly(fd[1]);
	kit_staunch_wait_err(w.s, "upstream app: queue.max acted 3 times within ", 1);
	over(&w);
}

/* E10: without a queue a client that finds all full is turned away. */
static void e10_without_a_queue(void **state)
{
	struct world w = start(", queue: off", 1);
	int first = served(kit_ip(0), w.port), fd = kit_connect(kit_ip(0), w.port);

	(void)state;
	kit_expect_fin(fd);
	close(fd);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"max_connections\"", 1);
	end_orderly(first);
	kit_proc_wait_fds(w.s->child->pid, w.fds);
	end_orderly(served(kit_ip(0), w.port));
	assert_int_equal(kit_staunch_stop(w.s, SIGTERM), 0);
}

static void raise_limit(const char *server, int most)
{
	const char *body = textf("{\"max_connections\":%d}", most);

	expect_part(control_raw(textf("POST /v1/servers/%s HTTP/1.1\r\nHost: localhost\r\nX-Staunch: 1\r\n"
				      "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
				      server, strlen(body), body)),
		    "HTTP/1.1 200 ");
}

/* E43: a limit that is raised lets in as many as fit. E13: once the last server is drained nobody waits for it: who
 * does is closed at once, as is who comes then. */
static void e43_more_room(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[3];
	const char *server = textf("app/%s:%d", kit_ip(0), kit_peer_port(w.echo));

	(void)state;
	for (int i = 0; i < 3; i++)
		fd[i] = waiting(&w, i + 1);
	raise_limit(server, 3);
	kit_expect(fd[0], "1", 1);
	kit_expect(fd[1], "2", 1);
	expect_waiting(1);
	control_verb(0, textf("server drain %s --socket $S", server));
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"no_live_upstream\"", 1);
	close(fd[2]);
	end_orderly(first);
	end_orderly(fd[0]);
	end_orderly(fd[1]);
	control_verb(0, textf("server ready %s --socket $S", server));
	over(&w);
}

/* E43, E72: the upstream is removed by a reload: its generation serves who waits for it. */
static void e43_removed_by_a_reload(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[2] = {waiting(&w, 1), waiting(&w, 2)};
	struct kit_peer *other = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});

	(void)state;
	generation_from(w.s, 2, textf(TWO_WORKERS "control: {socket: \"%s\"}\nlisteners:\n"
				      "  - {name: web, bind: \"%s:%d\", upstream: new}\n"
				      "upstreams:\n  - {name: new, servers: [\"%s:%d\"]}\n",
				      control_socket(), kit_ip(0), w.port, kit_ip(0), kit_peer_port(other)));
	expect_silent(fd[0]);
	end_orderly(first);
	kit_expect(fd[0], "1", 1);
	expect_silent(fd[1]);
	end_orderly(fd[0]);
	kit_expect(fd[1], "2", 1);
	end_orderly(fd[1]);
	assert_int_equal(kit_peer_accepted(other), 0);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E43, E72: a limit that a reload raises lets in who waited before it, and the rest in order. */
static void e43_changed_by_a_reload(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[4] = {waiting(&w, 1), waiting(&w, 2)};

	(void)state;
	generation_from(w.s, 2, config_of(&w, "", 2, ""));
	kit_expect(fd[0], "1", 1);
	expect_waiting(1);
	fd[2] = kit_connect(kit_ip(0), w.port);
	kit_send(fd[2], "3", 1);
	expect_waiting(2);
	end_orderly(first);
	kit_expect(fd[1], "2", 1);
	expect_silent(fd[2]);
	end_orderly(fd[0]);
	kit_expect(fd[2], "3", 1);
	end_orderly(fd[1]);
	end_orderly(fd[2]);
	over(&w);
}

/* E43: a drain lets them wait, until its time is over. */
static void e43_drain(void **state)
{
	struct world w = start("", 1);
	int first = served(kit_ip(0), w.port), fd[2] = {waiting(&w, 1), waiting(&w, 2)};

	(void)state;
	kit_child_signal(w.s->child, SIGTERM);
	kit_staunch_wait_err(w.s, "stopping: 3 connections", 1);
	expect_silent(fd[0]);
	end_orderly(first);
	kit_expect(fd[0], "1", 1);
	expect_silent(fd[1]);
	kit_child_signal(w.s->child, SIGTERM); /* no time any more */
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"drain_deadline\"", 2);
	(void)kit_child_wait(w.s->child);
	close(fd[0]);
	close(fd[1]);
}

/* O42, O37: where it stands is seen in the table of connections, and what would happen to the next one. */
static void e42_is_shown(void **state)
{
	struct world w = start(", queue: {max: 1}", 1);
	int first = served(kit_ip(0), w.port), fd = waiting(&w, 1);

	(void)state;
	expect_part(control_expect(200, "GET /v1/conns", ""), "\"stage\":\"queue\"");
	expect_part(control_expect(200, "GET /v1/explain?listener=web", ""), "\"reason\":\"queue_full\"");
	expect_part(control_expect(200, "GET /v1/status", ""),
		    "{\"name\":\"upstreams[].queue.max\",\"used\":1,\"max\":1,\"listener\":null,\"upstream\":\"app\",");
	expect_part(control_expect(200, "GET /v1/explain?listener=web", ""),
		    "{\"name\":\"upstreams[].queue.max\",\"used\":1,\"max\":1,\"acts\":true,\"effect\":\"closed\"}");
	kit_staunch_wait_err(w.s, "max_connections 1 is reached: clients wait for a place", 1);
	expect_part(control_expect(200, "GET /metrics", ""),
		    textf("staunch_limit_hits_total{limit=\"server_connections\",upstream=\"app\","
			  "server=\"%s:%d\"} 1\n",
			  kit_ip(0), kit_peer_port(w.echo)));
	expect_part(control_expect(200, "GET /metrics", ""),
		    "staunch_limit_usage{limit=\"queue\",upstream=\"app\"} 1\n");
	expect_part(control_shell_ok(textf("COLUMNS=132 %s status --socket %s", kit_binary(), control_socket())),
		    "\nwaiting     upstream app: every server has max_connections; 1 of at most 1 wait in its queue\n");
	expect_part(control_shell_ok(textf("%s status --limits --socket %s", kit_binary(), control_socket())),
		    "\napp queue.max                         1        1        1         0  never\n");
	expect_part(control_shell_ok(textf("%s status --limits --socket %s", kit_binary(), control_socket())),
		    textf("\napp/%s:%d max_connections\n", kit_ip(0), kit_peer_port(w.echo)));
	expect_part(control_shell_ok(textf("%s status --limits --socket %s", kit_binary(), control_socket())),
		    "\n                                      1        1        1         1  acts now\n");
	kit_reset(fd);
	expect_waiting(0);
	expect_part(control_expect(200, "GET /v1/explain?listener=web", ""), "\"close\":null,\"waits\":true");
	expect_part(control_shell_ok(textf("%s explain route --socket %s", kit_binary(), control_socket())),
		    "\nwaits       in the upstream's queue: every server has max_connections\n");
	end_orderly(first);
	over(&w);
}

/* E43, E11: grants and timeouts at once, many times: afterwards exactly the limit fits. */
static void e43_grants_meet_timeouts(void **state)
{
	struct world w = start(", timeouts: {queue: 2ms}", 3);
	int fd[40], extra;

	(void)state;
	for (int turn = 0; turn < 40; turn++) {
		for (size_t i = 0; i < array_len(fd); i++)
			fd[i] = kit_connect(kit_ip(0), w.port);
		for (size_t i = 0; i < array_len(fd); i++)
			if (i % 3 == 0)
				kit_reset(fd[i]);
			else
				close(fd[i]);
	}
	expect_waiting(0);
	kit_proc_wait_fds(w.s->child->pid, w.fds);
	for (size_t i = 0; i < 3; i++)
		fd[i] = served(kit_ip(0), w.port);
	extra = kit_connect(kit_ip(0), w.port);
	kit_expect_fin(extra);
	close(extra);
	for (size_t i = 0; i < 3; i++)
		end_orderly(fd[i]);
	over(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e42_in_order_over_workers, kit_end),
		cmocka_unit_test_teardown(e43_a_reset_leaves_a_fin_stays, kit_end),
		cmocka_unit_test_teardown(e43_queue_timeout, kit_end),
		cmocka_unit_test_teardown(e44_queue_full, kit_end),
		cmocka_unit_test_teardown(e10_without_a_queue, kit_end),
		cmocka_unit_test_teardown(e43_more_room, kit_end),
		cmocka_unit_test_teardown(e43_removed_by_a_reload, kit_end),
		cmocka_unit_test_teardown(e43_changed_by_a_reload, kit_end),
		cmocka_unit_test_teardown(e43_drain, kit_end),
		cmocka_unit_test_teardown(e42_is_shown, kit_end),
		cmocka_unit_test_teardown(e43_grants_meet_timeouts, kit_end),
	};

	return cmocka_run_group_tests_name("upstream_queue", tests, NULL, NULL);
}
