/* Which handshake of a worker gives up its place: one row a case, the crowd in the order of its arrival, so stale ones
 * stand first. */
#include "proxy/conn/conn_yield.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CROWD = 6, LISTENERS = 2, TWIN = SHARD_SOURCES /* + n: in the bucket of source n */ };

static const struct row {
	const char *what;
	struct {
		int source, listener; /* source 0: the crowd ends here */
		bool stale;
	} crowd[CROWD];
	struct {
		int source, listener; /* listener -1: any */
		unsigned elsewhere;
		bool stale_only;
	} ask;
	int victim; /* index in the crowd; -1: none */
} rows[] = {
	{"nobody is there", {{0}}, {1, 0, 0, false}, -1},
	{"one each", {{1, 0, false}, {2, 0, false}}, {3, 0, 0, false}, -1},
	{"the greedy one's oldest", {{1, 0, false}, {2, 0, false}, {2, 0, false}}, {3, 0, 0, false}, 1},
	{"the greedy one itself is no newcomer", {{2, 0, false}, {2, 0, false}}, {2, 0, 0, false}, -1},
	{"as many elsewhere", {{2, 0, false}, {2, 0, false}}, {3, 0, 1, false}, -1},
	{"one more than elsewhere", {{2, 0, false}, {2, 0, false}, {2, 0, false}}, {3, 0, 1, false}, 0},
	{"a twin in the newcomer's bucket", {{TWIN + 3, 0, false}}, {3, 0, 0, false}, 0},
	{"a stale one first", {{2, 0, true}, {1, 0, false}, {1, 0, false}, {1, 0, false}}, {3, 0, 0, false}, 0},
	{"the source with the most stale ones", {{1, 0, true}, {2, 0, true}, {2, 0, true}}, {3, 0, 0, true}, 1},
	{"a stale one of its own", {{3, 0, true}}, {3, 0, 0, true}, 0},
	{"no stale one, and nothing else is asked", {{2, 0, false}, {2, 0, false}}, {3, 0, 0, true}, -1},
	{"a place of another limit", {{2, 1, true}, {2, 1, true}}, {3, 0, 0, false}, -1},
	{"of its limit, the most are of another", {{2, 1, true}, {2, 1, true}, {1, 0, true}}, {3, 0, 0, true}, 2},
	{"of any limit", {{2, 1, true}, {1, 0, false}}, {3, -1, 0, true}, 0},
};

static struct scene {
	struct shard *shard;
	const struct row *row;
	struct listener_counts *counts[LISTENERS];
	struct listener listener[LISTENERS];
	struct conn conn[CROWD];
	struct handshake of[CROWD];
	int peer[CROWD], n;
} scene;

static void join_crowd(struct scene *z)
{
	for (z->n = 0; z->n < CROWD && z->row->crowd[z->n].source != 0; z->n++) {
		struct conn *c = &z->conn[z->n];
		int pair[2];

		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
		*c = (struct conn){.shard = z->shard, .listener = &z->listener[z->row->crowd[z->n].listener]};
		CHECK(np_fd_init(&c->client.fd, pair[0]) == 0, "the poller takes it");
		z->peer[z->n] = pair[1];
		z->of[z->n] = (struct handshake){.conn = c, .source = (uint64_t)z->row->crowd[z->n].source};
		yield_join(&z->of[z->n]);
		if (z->row->crowd[z->n].stale)
			z->of[z->n].since -= 2 * NP_S;
	}
}

static void leave_crowd(struct scene *z)
{
	for (int i = 0; i < z->n; i++) {
		if (z->of[i].has_place)
			yield_leave(&z->of[i]);
		np_fd_close(&z->conn[i].client.fd);
		close(z->peer[i]);
	}
	for (int i = 0; i < SHARD_SOURCES; i++)
		CHECK(z->shard->handshakes_of[i] == 0 && z->shard->stale_of[i] == 0, "all are counted out");
	CHECK(list_empty(&z->shard->handshakes) && list_empty(&z->shard->stale), "none is left");
}

static void judge(struct scene *z)
{
	const struct row *r = z->row;
	struct yield_ask ask = {
		.counts = r->ask.listener < 0 ? NULL : z->counts[r->ask.listener],
		.source = (uint64_t)r->ask.source,
		.elsewhere = r->ask.elsewhere,
		.stale_only = r->ask.stale_only,
		.why = CLOSE_MAX_HANDSHAKES,
	};

	yield_run(z->shard, &ask);
	CHECK(ask.yields == (r->victim >= 0), r->what);
	for (int i = 0; i < z->n; i++) {
		CHECK(z->of[i].has_place == (i != r->victim), r->what);
		CHECK(z->conn[i].kill == (i == r->victim ? CLOSE_MAX_HANDSHAKES : CLOSE_NONE), r->what);
	}
}

static void script(void *arg)
{
	struct scene *z = arg;

	z->shard->worker = np_self();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		z->row = &rows[i];
		for (int l = 0; l < LISTENERS; l++)
			z->counts[l]->handshakes_limit.used = CROWD;
		join_crowd(z);
		judge(z);
		leave_crowd(z);
	}
}

static void who_yields(void **state)
{
	const struct np_worker_opts o = {.name = "here", .cpu = -1, .main = script, .arg = &scene};

	(void)state;
	scene.shard = aligned_alloc(_Alignof(struct shard), sizeof(*scene.shard));
	assert_int_equal(shard_init(scene.shard, 0, NULL), 0);
	for (int l = 0; l < LISTENERS; l++) {
		scene.counts[l] = calloc(1, sizeof(*scene.counts[l]) + sizeof(scene.counts[l]->on[0]));
		scene.listener[l].counts = scene.counts[l];
	}
	assert_int_equal(np_run(&o), 0);
	for (int l = 0; l < LISTENERS; l++)
		free(scene.counts[l]);
	shard_fini(scene.shard);
	free(scene.shard);
}

/* ---- sources --------------------------------------------------------------------------------- */

static uint64_t source_of(const struct shard *s, const char *ip)
{
	union np_inet a;

	memset(&a, 0, sizeof(a));
	if (inet_pton(AF_INET, ip, &a.in4.sin_addr) == 1) {
		a.sa.sa_family = AF_INET;
	} else {
		a.sa.sa_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, ip, &a.in6.sin6_addr), 1);
	}
	return yield_source(s, &a);
}

static void a_network_of_64_bits_is_one_source(void **state)
{
	static const struct shard s = {.source_seed = 42}, other = {.source_seed = 43};

	(void)state;
	assert_true(source_of(&s, "2001:db8::1") == source_of(&s, "2001:db8::ffff:ffff:ffff:ffff"));
	assert_true(source_of(&s, "2001:db8::1") != source_of(&s, "2001:db8:0:1::1"));
	assert_true(source_of(&s, "192.0.2.1") != source_of(&s, "192.0.2.2"));
	assert_true(source_of(&s, "192.0.2.1") != source_of(&other, "192.0.2.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_yields),
		cmocka_unit_test(a_network_of_64_bits_is_one_source),
	};

	return cmocka_run_group_tests_name("proxy/conn_yield", tests, NULL, NULL);
}
