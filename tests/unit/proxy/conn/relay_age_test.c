/* relay_age: T9: lifetimes are drawn evenly, once for each connection; T10: whose kernel was heard of is alive. */
#include "proxy/conn/relay_age.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/conn/conn_extra.h"
#include "proxy/policy/snapshot.h"

#define LIFETIME (20 * NP_S)
#define SPREAD   (2 * NP_S)
#define DRAWS    1000
#define CELLS    10

/* Of a connection that this shard accepted so. */
static int64_t end_of(struct shard *s, struct listener *l, int64_t accepted)
{
	struct conn c = {.magic = CONN_MAGIC, .shard = s, .listener = l, .accepted = accepted};
	int64_t end = relay_lifetime_end(&c);

	assert_true(relay_lifetime_end(&c) == end); /* not drawn anew */
	return end - accepted;
}

/* With 9 degrees of freedom 27.9 is passed by one even distribution in a thousand; these seeds are always the same. */
static void drawn_evenly(int64_t apart, uint64_t seed)
{
	struct listener l = {.lifetime = LIFETIME, .lifetime_spread = SPREAD};
	static struct shard s;
	unsigned cell[CELLS] = {0};
	double chi = 0;

	s.id_seed = seed;
	for (int i = 0; i < DRAWS; i++) {
		int64_t age = end_of(&s, &l, NP_S + i * apart);

		assert_true(age > LIFETIME - SPREAD && age <= LIFETIME);
		cell[(LIFETIME - age) / (SPREAD / CELLS)]++;
	}
	for (int i = 0; i < CELLS; i++) {
		double off = cell[i] - (double)DRAWS / CELLS;

		chi += off * off / ((double)DRAWS / CELLS);
	}
	if (chi > 27.9)
		fail_msg("chi-square %.1f, accepted %lld ns apart", chi, (long long)apart);
}

/* Of clients that come in one turn of the loop, ns apart, as of those that come in step with a clock. */
static void t9_drawn_evenly(void **state)
{
	static const int64_t apart[] = {1, 1000, NP_MS, 4 * NP_MS, NP_S};

	(void)state;
	for (size_t i = 0; i < array_len(apart); i++)
		for (uint64_t seed = 1; seed <= 5; seed++)
			drawn_evenly(apart[i], seed * UINT64_C(0x9e3779b97f4a7c15));
}

static void t9_exact_without_jitter(void **state)
{
	struct listener l = {.lifetime = LIFETIME}, off = {.lifetime = INT64_MAX};
	static struct shard s = {.id_seed = 1};
	struct conn c = {.magic = CONN_MAGIC, .shard = &s, .listener = &off, .accepted = 7};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(end_of(&s, &l, i * NP_MS) == LIFETIME);
	assert_true(relay_lifetime_end(&c) == INT64_MAX);
}

/* Its id goes with it, and with that what was drawn. */
static void t9_kept_in_another_process(void **state)
{
	struct listener l = {.lifetime = LIFETIME, .lifetime_spread = SPREAD};
	static struct shard here = {.id_seed = 1}, there = {.id_seed = 2, .id = 1};
	struct conn c = {.magic = CONN_MAGIC, .shard = &here, .listener = &l, .accepted = NP_S};
	struct conn_extra x = {.id = conn_id(&c), .has_id = true};
	int64_t end = relay_lifetime_end(&c);

	(void)state;
	c.shard = &there;
	assert_true(relay_lifetime_end(&c) != end);
	c.extra = &x;
	assert_true(relay_lifetime_end(&c) == end);
}

static void t10_who_is_alive(void **state)
{
	static const struct {
		uint32_t last_ack;
		bool alive;
	} rows[] = {{195001, false}, {UINT32_MAX, false}, {195000, true}, {0, true}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct np_tcp_info leg = {.last_ack = rows[i].last_ack, .last_data_recv = UINT32_MAX};

		assert_int_equal(relay_leg_is_alive(&leg), rows[i].alive);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t9_drawn_evenly),
		cmocka_unit_test(t9_exact_without_jitter),
		cmocka_unit_test(t9_kept_in_another_process),
		cmocka_unit_test(t10_who_is_alive),
	};

	return cmocka_run_group_tests_name("relay_age", tests, NULL, NULL);
}
