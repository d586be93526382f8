/* Which servers are used first, with real ones that are drained, die and come back: E38 to E41. Who may take a
 * connection in each state is semantics_tiers_test.c's. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	struct kit_peer *peer[SERVERS]; /* NULL: it refuses */
	int at[SERVERS], port, fds;
	int before[SERVERS]; /* connections that each had when it was last asked */
};

/* Of the servers what[] says more than their address, of the upstream `more`, of the process `top`. */
static const char *config_of(const struct world *w, const char *const what[SERVERS], const char *more, const char *top)
{
	const char *servers = "";

	for (int i = 0; i < SERVERS; i++)
		servers = textf("%s%s{address: \"%s:%d\"%s}", servers, i > 0 ? ", " : "", kit_ip(0), w->at[i], what[i]);
	return textf(TWO_WORKERS "%scontrol: {socket: \"%s\"}\nlisteners:\n"
				 "  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "upstreams:\n  - {name: app%s, servers: [%s]}\n",
		     top, control_socket(), kit_ip(0), w->port, more, servers);
}

/* refuses: the one that nobody listens at; -1: all are there. */
static void open_servers(struct world *w, int refuses)
{
	memset(w, 0, sizeof(*w));
	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < SERVERS; i++) {
		if (i == refuses) {
			w->at[i] = kit_refuser(kit_ip(0));
			continue;
		}
		w->peer[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
		w->at[i] = kit_peer_port(w->peer[i]);
	}
}

static void start(struct world *w, const char *config)
{
	w->s = kit_staunch_start(config);
	w->fds = kit_proc_fds(w->s->child->pid);
}

static bool is_served(int port)
{
	int fd = kit_connect(kit_ip(0), port);
	char back = 0;
	bool well = kit_io_write(fd, "x", 1) == 0 && kit_io_read(fd, &back, 1) == 1 && back == 'x';

	close(fd);
	return well;
}

/* Twelve clients, one after the other, all of them served: who had how many. */
static void expect_counts(struct world *w, int a, int b, int c)
{
	const int wanted[SERVERS] = {a, b, c};

	for (int i = 0; i < 12; i++)
		assert_true(is_served(w->port));
	for (int i = 0; i < SERVERS; i++) {
		int n = w->peer[i] != NULL ? kit_peer_accepted(w->peer[i]) : 0;

		if (n - w->before[i] != wanted[i])
			kit_fail("server %d had %d of 12 and not %d", i, n - w->before[i], wanted[i]);
		w->before[i] = n;
	}
}

static void order(const struct world *w, const char *verb, int i)
{
	control_verb(0, textf("server %s app/%s:%d --socket $S", verb, kit_ip(0), w->at[i]));
}

/* E39: the next tier joins below the threshold, and leaves when it is reached again. */
static void e39_the_next_tier_joins_and_leaves(void **state)
{
	static const char *const what[] = {"", "", ", priority: 5"};
	struct world w;

	(void)state;
	open_servers(&w, -1);
	start(&w, config_of(&w, what, ", failover_below: 60%", ""));
	expect_counts(&w, 6, 6, 0);
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"priority\":5,\"zone\":null,\"tier\":1");
	expect_part(control_verb(0, "explain route --listener web --socket $S"),
		    "a server of a tier before it is usable");
	order(&w, "drain", 0);
	expect_counts(&w, 0, 6, 6);
	order(&w, "ready", 0);
	expect_counts(&w, 6, 6, 0);
	order(&w, "drain", 0);
	order(&w, "drain", 1);
	expect_counts(&w, 0, 0, 12);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E39: the same by a server that dies: it is out after three connects, which no client sees. */
static void e39_a_dead_server_brings_the_next_tier(void **state)
{
	static const char *const what[] = {"", "", ", backup: true"};
	struct world w;
	int seen;

	(void)state;
	open_servers(&w, 0);
	start(&w, config_of(&w, what, ", failover_below: 60%, health: {passive: {out: 60s}}", ""));
	for (int i = 0; kit_file_count(w.s->child->err, "\"event\":\"server_out\"") == 0; i++) {
		assert_true(i < 100);
		assert_true(is_served(w.port));
	}
	seen = kit_peer_accepted(w.peer[2]);
	assert_in_range(seen, 0, 1); /* not before it was out */
	w.before[1] = kit_peer_accepted(w.peer[1]);
	w.before[2] = seen;
	expect_counts(&w, 0, 6, 6);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

static bool has_gauge(void *of)
{
	return strstr(control_expect(200, "GET /metrics", ""), of) != NULL;
}

/* Clients until the log has the event so often: none of them is turned away. */
static void serve_until(const struct world *w, const char *event)
{
	for (int i = 0; kit_file_count(w->s->child->err, textf("\"event\":\"%s\"", event)) == 0; i++) {
		if (i == 3000)
			kit_fail("no %s after 3000 clients", event);
		assert_true(is_served(w->port));
		if (i % 10 == 9)
			cpu_ms_within(w->s->child->pid, 20); /* the health thread has its seconds */
	}
}

/* E38: one of two dies, and half is less than panic: it is tried again with each turn, which no client sees. When it is
 * back, the panic is over. One line each. */
static void e38_panic_begins_and_ends(void **state)
{
	static const char *const what[] = {"", "", ", weight: 0"};
	struct world w;
	int tried;

	(void)state;
	open_servers(&w, -1);
	kit_peer_stop(w.peer[0]);
	start(&w, config_of(&w, what, ", panic: 60%, health: {passive: {out: 60s}}", ""));
	expect_part(control_expect(200, "GET /metrics", ""), "staunch_upstream_panic{upstream=\"app\"} 0\n");
	serve_until(&w, "panic");
	expect_part(control_expect(200, "GET /metrics", ""), "staunch_upstream_panic{upstream=\"app\"} 1\n");
	expect_part(control_verb(0, "explain route --listener web --socket $S"),
		    "too little weight is usable: a panic");
	tried = kit_file_count(w.s->child->out, "\"staunch.retries\":1");
	for (int i = 0; i < 12; i++)
		assert_true(is_served(w.port));
	kit_staunch_wait_log(w.s, "\"staunch.retries\":1", tried + 6);
	w.peer[0] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO, .port = w.at[0]});
	serve_until(&w, "panic_over");
	assert_true(kit_wait(has_gauge, (char[]){"staunch_upstream_panic{upstream=\"app\"} 0\n"}, KIT_MS));
	assert_int_equal(kit_file_count(w.s->child->err, "\"event\":\"panic\""), 1);
	assert_int_equal(kit_file_count(w.s->child->err, "\"event\":\"panic_over\""), 1);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* Of so many clients.   Returns  how many the server had. */
static int taken_of(const struct world *w, int clients, int i)
{
	int before = kit_peer_accepted(w->peer[i]);

	for (int k = 0; k < clients; k++)
		assert_true(is_served(w->port));
	return kit_peer_accepted(w->peer[i]) - before;
}

/* E41: back from maint a server has a tenth of its share, 2 of 42, and of those a reload later as well; a third of them
 * had been 14. */
static void e41_a_slow_start_outlives_a_reload(void **state)
{
	static const char *const what[] = {"", "", ""};
	const char *first;
	struct world w;

	(void)state;
	open_servers(&w, -1);
	start(&w, config_of(&w, what, ", slow_start: 1h", ""));
	expect_counts(&w, 4, 4, 4);
	control_verb(0, textf("server maint app/%s:%d --socket $S", kit_ip(0), w.at[0]));
	order(&w, "ready", 0); /* no client has come meanwhile */
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"share_percent\":9,\"slow_start_left_ms\":3");
	expect_part(control_verb(0, "server --socket $S"),
		    "    slow start: it came back a short time ago, and gets 9 % of its share; all of it in 1h\n");
	assert_in_range(taken_of(&w, 42, 0), 1, 6);
	expect_part(control_verb(0, "explain route --socket $S"), "    slow start: it came back a short time ago");
	first = strstr(control_expect(200, "GET /v1/servers", ""), "\"slow_start_ms\":");
	assert_true(first != NULL && first[strlen("\"slow_start_ms\":")] != 'n'); /* a number, and not null */
	kit_staunch_rewrite(w.s, config_of(&w, what, ", slow_start: 1h, retries: 1", ""));
	control_verb(0, "reload --wait --socket $S");
	assert_in_range(taken_of(&w, 42, 0), 1, 6);
	order(&w, "drain", 1);
	order(&w, "drain", 2); /* nobody else is left, so it has all */
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"share_percent\":100,\"slow_start_left_ms\":null");
	expect_part(control_verb(0, "server --socket $S"), "\n3 servers, 1 usable\n");
	assert_null(strstr(control_verb(0, "server --socket $S"), "slow start"));
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E40: the own zone, then the others, then the next priority; a reload can move the process elsewhere. */
static void e40_the_own_zone_first(void **state)
{
	static const char *const what[] = {", zone: near", ", zone: far", ", zone: near, priority: 1"};
	struct world w;

	(void)state;
	open_servers(&w, -1);
	start(&w, config_of(&w, what, "", "zone: near\n"));
	expect_counts(&w, 12, 0, 0);
	expect_part(control_expect(200, "GET /v1/servers", ""), "\"priority\":0,\"zone\":\"far\",\"tier\":1");
	order(&w, "drain", 0);
	expect_counts(&w, 0, 12, 0);
	order(&w, "drain", 1);
	expect_counts(&w, 0, 0, 12);
	order(&w, "ready", 1);
	order(&w, "ready", 0);
	expect_counts(&w, 12, 0, 0);
	kit_staunch_rewrite(w.s, config_of(&w, what, "", "zone: far\n"));
	control_verb(0, "reload --wait --socket $S");
	expect_counts(&w, 0, 12, 0);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

#define TEST(name) cmocka_unit_test_teardown(name, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(e39_the_next_tier_joins_and_leaves),
		TEST(e39_a_dead_server_brings_the_next_tier),
		TEST(e38_panic_begins_and_ends),
		TEST(e41_a_slow_start_outlives_a_reload),
		TEST(e40_the_own_zone_first),
	};

	return cmocka_run_group_tests_name("upstream_tiers", tests, NULL, NULL);
}
