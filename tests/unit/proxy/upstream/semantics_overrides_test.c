/* What an operator says of a server, and what picks make of it: O10. */
#include <pthread.h>

#include "tests/unit/proxy/upstream/servers.h"

static void say(const struct upstream *u, unsigned place, enum server_admin_state state, int weight, uint32_t most)
{
	struct server_inputs in = {.admin = state, .admin_weight = weight, .admin_most = most};

	servers_say(u->members->at[place].server, &in);
}

static void expect_picks(struct upstream *u, const char *letters)
{
	struct pick_args a = {.hash = 1, .random = UINT64_C(0x4000000080000000)};

	for (const char *p = letters; *p != '\0'; p++) {
		int err;
		unsigned place = servers_pick(u, &a, &err);
		char got = err == -NP_EAGAIN ? '!' : '-';

		if (err == 0)
			got = (char)('a' + place);
		if (got != *p)
			fail_msg("%s: '%c' at %d", letters, got, (int)(p - letters));
	}
}

/* O10: the next pick passes a drained server over, with every algorithm; ready undoes it. */
static void o10_drained_servers_are_passed_over(void **state)
{
	(void)state;
	for (unsigned i = BALANCE_ROUND_ROBIN; i <= BALANCE_SOURCE_HASH; i++) {
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = servers_open((enum balance)i, "1 1 1b", registry);

		say(u, 1, SERVER_DRAIN, -1, 0);
		expect_picks(u, "aaa");
		say(u, 0, SERVER_MAINT, -1, 0);
		expect_picks(u, "ccc");
		say(u, 2, SERVER_DRAIN, -1, 0);
		expect_picks(u, "--");
		say(u, 1, SERVER_READY, -1, 0);
		expect_picks(u, "bb");
		servers_close(u, registry);
	}
}

/* O10: who comes back gets no burst for the time it was away. */
static void o10_no_burst_after_a_drain(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "1 1 1", registry);

	(void)state;
	expect_picks(u, "ab");
	say(u, 2, SERVER_DRAIN, -1, 0);
	expect_picks(u, "abababab");
	say(u, 2, SERVER_READY, -1, 0);
	expect_picks(u, "cabcab");
	servers_close(u, registry);
}

/* O10: the round is that of the new weights from the next pick on, with no debt of the old ones. */
static void o10_weights_count_at_once(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "256 1", registry);

	(void)state;
	expect_picks(u, "aaaaaaaaaaaaaaaaaaaa");
	say(u, 0, SERVER_READY, 1, 0);
	expect_picks(u, "abababab");
	say(u, 0, SERVER_READY, 5, 0);
	expect_picks(u, "aaabaaaaabaa");
	say(u, 0, SERVER_READY, 0, 0);
	expect_picks(u, "bbb");
	say(u, 1, SERVER_READY, 0, 0);
	expect_picks(u, "--");
	servers_close(u, registry);
}

static void o10_least_conn_weighs_by_the_override(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_LEAST_CONN, "1 1", registry);

	(void)state;
	say(u, 0, SERVER_READY, 3, 0);
	expect_picks(u, "abaaabaa");
	servers_close(u, registry);
}

static void count_picks(struct upstream *u, unsigned n, unsigned counts[SERVERS_MAX])
{
	uint64_t bits = 1;

	memset(counts, 0, SERVERS_MAX * sizeof(*counts));
	for (unsigned i = 0; i < n; i++) {
		struct pick_args a = {.hash = servers_random(&bits) | 1, .random = servers_random(&bits)};
		int err;
		unsigned place = servers_pick(u, &a, &err);

		assert_int_equal(err, 0);
		server_release(u->members->at[place].server);
		counts[place]++;
	}
}

/* O10: three times the weight, three times the share, where chance decides. */
static void o10_shares_follow_the_override(void **state)
{
	static const enum balance by_lot[] = {BALANCE_RANDOM_TWO, BALANCE_SOURCE_HASH};

	(void)state;
	for (size_t i = 0; i < array_len(by_lot); i++) {
		struct server_registry *registry = server_registry_new(1);
		struct upstream *u = servers_open(by_lot[i], "1 1 9", registry);
		unsigned counts[SERVERS_MAX];

		say(u, 0, SERVER_READY, 3, 0);
		say(u, 2, SERVER_DRAIN, -1, 0);
		count_picks(u, 40000, counts);
		assert_in_range(counts[0], 29500, 30500);
		assert_in_range(counts[1], 9500, 10500);
		assert_int_equal(counts[2], 0);
		servers_close(u, registry);
	}
}

/* O10: only the keys of a drained server move, and all return. */
static void o10_keys_of_others_stay(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_SOURCE_HASH, "1 1 1 1", registry);
	unsigned before[1000];
	int err;

	(void)state;
	for (unsigned i = 0; i < array_len(before); i++)
		before[i] = servers_pick(u, &(struct pick_args){.hash = i + 1}, &err);
	say(u, 2, SERVER_DRAIN, -1, 0);
	for (unsigned i = 0; i < array_len(before); i++) {
		unsigned now = servers_pick(u, &(struct pick_args){.hash = i + 1}, &err);

		assert_true(before[i] == 2 ? now != 2 : now == before[i]);
	}
	say(u, 2, SERVER_READY, -1, 0);
	for (unsigned i = 0; i < array_len(before); i++)
		assert_int_equal(servers_pick(u, &(struct pick_args){.hash = i + 1}, &err), before[i]);
	servers_close(u, registry);
}

/* O10: max_connections: fewer, more, off, and as configured. */
static void o10_limits_count_at_once(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "1/2", registry);

	(void)state;
	say(u, 0, SERVER_READY, -1, 1);
	expect_picks(u, "a!");
	say(u, 0, SERVER_READY, -1, 4);
	expect_picks(u, "aaa!");
	say(u, 0, SERVER_READY, -1, SERVER_NO_LIMIT);
	expect_picks(u, "aaaa");
	say(u, 0, SERVER_READY, -1, 0);
	expect_picks(u, "!");
	servers_close(u, registry);
}

/* O11: a reload makes the upstream anew; the servers are the same, and so is what was said of them. */
static void o11_a_new_generation_sees_it(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *old = servers_open(BALANCE_ROUND_ROBIN, "1 1", registry), *new;

	(void)state;
	say(old, 0, SERVER_DRAIN, -1, 0);
	new = servers_open(BALANCE_LEAST_CONN, "1 1", registry);
	expect_picks(new, "bb");
	expect_picks(old, "bb");
	servers_release(old);
	upstream_free(old);
	servers_close(new, registry);
}

/* ---- words that change under picks ---- */

#define ROUNDS 20000

struct picker {
	struct upstream *u;
	unsigned drained_picks, refused;
	uint32_t *drained; /* atomic: server b is drained for good */
};

static void *pick_on(void *arg)
{
	struct picker *p = arg;
	struct pick_args a = {.hash = 0};

	for (int i = 0; i < ROUNDS; i++) {
		bool drained = __atomic_load_n(p->drained, __ATOMIC_ACQUIRE) != 0;
		struct server *s;

		if (upstream_pick(p->u, &a, &s) != 0) {
			p->refused++;
			continue;
		}
		p->drained_picks += drained && servers_place(p->u, s) == 1;
		server_release(s);
	}
	return NULL;
}

/* O10: four threads pick while one changes words; from the moment at which a drain is said, no pick that begins takes
 * that server. */
static void o10_words_change_under_picks(void **state)
{
	struct server_registry *registry = server_registry_new(1);
	struct upstream *u = servers_open(BALANCE_ROUND_ROBIN, "1 1 1", registry);
	uint32_t drained = 0;
	struct picker pickers[4];
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		pickers[i] = (struct picker){.u = u, .drained = &drained};
		assert_int_equal(pthread_create(&threads[i], NULL, pick_on, &pickers[i]), 0);
	}
	for (int i = 0; i < ROUNDS / 4; i++) {
		say(u, 0, SERVER_READY, i % 7, (uint32_t)i % 5);
		say(u, 1, i % 2 != 0 ? SERVER_MAINT : SERVER_READY, -1, 0);
	}
	say(u, 1, SERVER_DRAIN, -1, 0);
	__atomic_store_n(&drained, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(pickers[i].drained_picks, 0);
		assert_int_equal(pickers[i].refused, 0); /* c is always there */
	}
	servers_close(u, registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o10_drained_servers_are_passed_over),
		cmocka_unit_test(o10_no_burst_after_a_drain),
		cmocka_unit_test(o10_weights_count_at_once),
		cmocka_unit_test(o10_least_conn_weighs_by_the_override),
		cmocka_unit_test(o10_shares_follow_the_override),
		cmocka_unit_test(o10_keys_of_others_stay),
		cmocka_unit_test(o10_limits_count_at_once),
		cmocka_unit_test(o11_a_new_generation_sees_it),
		cmocka_unit_test(o10_words_change_under_picks),
	};

	return cmocka_run_group_tests_name("semantics_overrides", tests, NULL, NULL);
}
