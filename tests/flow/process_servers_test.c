/* Which server a connection goes to, over two workers: E4 to E8, E10, E13. The picks themselves are balance_test.c's;
 * here it is that workers agree. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/flow/kit/service.h"

enum { SERVERS = 3 };

struct world {
	struct kit_staunch *s;
	struct kit_peer *echo[SERVERS];
	int port, fds;
	int accepted[SERVERS]; /* as of the last look */
};

static void open_servers(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->port = kit_port(kit_ip(0));
	for (int i = 0; i < SERVERS; i++)
		w->echo[i] = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
}

/* An upstream of the first n servers, each with options of its own. */
static const char *upstream_of(const struct world *w, const char *balance, int n, const char *const options[])
{
	const char *servers = "";

	for (int i = 0; i < n; i++)
		servers = textf("%s%s{address: \"%s:%d\"%s}", servers, i > 0 ? ", " : "", kit_ip(0),
				kit_peer_port(w->echo[i]), options != NULL ? options[i] : "");
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				 "upstreams:\n  - {name: app, balance: %s, queue: off, servers: [%s]}\n",
		     kit_ip(0), w->port, balance, servers);
}

static void start(struct world *w, const char *config)
{
	w->s = kit_staunch_start(config);
	w->fds = kit_proc_fds(w->s->child->pid);
}

/* Which server has taken a connection since the last look; exactly one has. */
static int who_took_it(struct world *w)
{
	int who = -1;

	for (int i = 0; i < SERVERS; i++) {
		int now = kit_peer_accepted(w->echo[i]);

		if (now == w->accepted[i])
			continue;
		assert_int_equal(now, w->accepted[i] + 1);
		assert_int_equal(who, -1);
		w->accepted[i] = now;
		who = i;
	}
	assert_int_not_equal(who, -1);
	return who;
}

static int connect_once(struct world *w, int *fd)
{
	*fd = served(kit_ip(0), w->port);
	return who_took_it(w);
}

static int visit(struct world *w)
{
	int fd, who = connect_once(w, &fd);

	end_orderly(fd);
	return who;
}

static void round_robin_is_strict(void **state)
{
	struct world w;

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "round_robin", SERVERS, NULL));
	for (int i = 0; i < 20 * SERVERS; i++)
		assert_int_equal(visit(&w), i % SERVERS);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* Seven in a row, wherever one begins to count. */
static void weights_are_exact(void **state)
{
	static const char *const options[] = {", weight: 4", ", weight: 2", ", weight: 1"};
	struct world w;
	int took[70];

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "round_robin", SERVERS, options));
	for (int i = 0; i < 70; i++)
		took[i] = visit(&w);
	for (int i = 0; i + 7 <= 70; i++) {
		int n[SERVERS] = {0};

		for (int k = 0; k < 7; k++)
			n[took[i + k]]++;
		assert_true(n[0] == 4 && n[1] == 2 && n[2] == 1);
	}
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

static void least_conn_fills_up(void **state)
{
	struct world w;
	int fd[4], who[4], n = 0;

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "least_conn", 2, NULL));
	for (int i = 0; i < 4; i++)
		n += who[i] = connect_once(&w, &fd[i]);
	assert_int_equal(n, 2); /* two each */
	for (int i = 0; i < 4; i++)
		if (who[i] == 1)
			end_orderly(fd[i]);
	kit_staunch_wait_log(w.s, "client_fin", 2);
	for (int i = 0; i < 4; i++)
		if (who[i] == 1)
			assert_int_equal(connect_once(&w, &fd[i]), 1);
	for (int i = 0; i < 4; i++)
		end_orderly(fd[i]);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E6: taken when the first is full, left when it is not. */
static void backup_is_left_again(void **state)
{
	static const char *const options[] = {", max_connections: 1", ", backup: true"};
	struct world w;
	int fd;

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "round_robin", 2, options));
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(connect_once(&w, &fd), 0);
		assert_int_equal(visit(&w), 1);
		assert_int_equal(visit(&w), 1);
		end_orderly(fd);
		kit_staunch_wait_log(w.s, "client_fin", 3 * i);
	}
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E6: and when the first refuses. */
static void backup_for_one_that_refuses(void **state)
{
	struct world w;

	(void)state;
	open_servers(&w);
	start(&w, textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app}\n"
				    "upstreams:\n  - name: app\n"
				    "    servers: [\"%s:%d\", {address: \"%s:%d\", backup: true}]\n",
			kit_ip(0), w.port, kit_ip(0), kit_refuser(kit_ip(0)), kit_ip(0), kit_peer_port(w.echo[0])));
	for (int i = 0; i < 10; i++)
		assert_int_equal(visit(&w), 0);
	kit_staunch_wait_log(w.s, "\"staunch.retries\":1", 10);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* E10: passed over when full; all full: turned away, and each place is there again. */
static void full_servers_are_passed_over(void **state)
{
	static const char *const options[] = {", max_connections: 1", ", max_connections: 2", ", max_connections: 3"};
	static const char *const balances[] = {"round_robin", "least_conn", "random_two", "source_hash"};

	(void)state;
	for (size_t b = 0; b < array_len(balances); b++) {
		struct world w;
		int fd[6], n[SERVERS] = {0}, extra;

		open_servers(&w);
		start(&w, upstream_of(&w, balances[b], SERVERS, options));
		for (size_t i = 0; i < array_len(fd); i++)
			n[connect_once(&w, &fd[i])]++;
		assert_true(n[0] == 1 && n[1] == 2 && n[2] == 3);
		extra = kit_connect(kit_ip(0), w.port);
		kit_expect_fin(extra);
		close(extra);
		kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"max_connections\"", (int)b + 1);
		for (size_t i = 0; i < array_len(fd); i++)
			end_orderly(fd[i]);
		back_to_normal(w.s, w.fds, kit_ip(0), w.port);
	}
}

/* ---- source_hash ----------------------------------------------------------------------------- */

/* From an address of the client's choice; any port. */
static int connect_from(const char *source, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, source, &a.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(inet_pton(AF_INET, kit_ip(0), &a.sin_addr), 1);
	a.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	still_works(fd);
	return fd;
}

enum { SOURCES = 60 };

static int visit_from(struct world *w, int source)
{
	int fd = connect_from(kit_ip(10 + source), w->port), who = who_took_it(w);

	end_orderly(fd);
	return who;
}

/* E7: each client has its server, over reloads too; when one of three goes, only its own clients move. */
static void source_hash_stays(void **state)
{
	struct world w;
	int before[SOURCES], n[SERVERS] = {0};

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "source_hash", SERVERS, NULL));
	for (int i = 0; i < SOURCES; i++)
		n[before[i] = visit_from(&w, i)]++;
	assert_true(n[0] > 0 && n[1] > 0 && n[2] > 0);
	for (int i = 0; i < SOURCES; i++)
		assert_int_equal(visit_from(&w, i), before[i]);
	generation_from(w.s, 2, upstream_of(&w, "source_hash", 2, NULL));
	for (int i = 0; i < SOURCES; i++) {
		int now = visit_from(&w, i);

		assert_true(now < 2);
		if (before[i] < 2)
			assert_int_equal(now, before[i]);
	}
	generation_from(w.s, 3, upstream_of(&w, "source_hash", SERVERS, NULL));
	for (int i = 0; i < SOURCES; i++)
		assert_int_equal(visit_from(&w, i), before[i]);
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

/* ---- none ------------------------------------------------------------------------------------ */

/* E13: closed at once, without a spin, and served as soon as there is a server. */
static void no_server_at_all(void **state)
{
	static const char *const none[] = {", weight: 0", ", weight: 0"};
	struct world w;
	int64_t start_ms;
	long cpu;

	(void)state;
	open_servers(&w);
	start(&w, upstream_of(&w, "round_robin", 2, none));
	cpu = kit_proc_cpu_ms(w.s->child->pid);
	start_ms = kit_now_ms();
	for (int i = 1; i <= 20; i++) {
		int fd = kit_connect(kit_ip(0), w.port);

		kit_expect_fin(fd);
		close(fd);
	}
	assert_in_range(kit_now_ms() - start_ms, 0, 20 * 100);
	assert_in_range(kit_proc_cpu_ms(w.s->child->pid) - cpu, 0, 200);
	kit_staunch_wait_log(w.s, "\"staunch.close_reason\":\"no_live_upstream\"", 20);
	generation_from(w.s, 2, upstream_of(&w, "round_robin", 2, NULL));
	back_to_normal(w.s, w.fds, kit_ip(0), w.port);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(round_robin_is_strict, kit_end),
		cmocka_unit_test_teardown(weights_are_exact, kit_end),
		cmocka_unit_test_teardown(least_conn_fills_up, kit_end),
		cmocka_unit_test_teardown(backup_is_left_again, kit_end),
		cmocka_unit_test_teardown(backup_for_one_that_refuses, kit_end),
		cmocka_unit_test_teardown(full_servers_are_passed_over, kit_end),
		cmocka_unit_test_teardown(source_hash_stays, kit_end),
		cmocka_unit_test_teardown(no_server_at_all, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
