/* balance_hash: E45, E47: the order of servers for a key is the same in all proxies and for ever, so what makes a pick
 * quicker may not change one. */
#include "proxy/upstream/balance_hash.h"

#include "tests/unit/proxy/upstream/servers.h"

#define MOST  64
#define PICKS 300000

static uint64_t bits;
static struct member members[MOST];
static struct member *at[MOST];

static int begin(void **state)
{
	(void)state;
	bits = servers_seed();
	memset(members, 0, sizeof(members));
	return 0;
}

static uint64_t random_bits(void)
{
	return servers_random(&bits);
}

/* ---- the pick in its plainest form: every rarity is computed ---- */

static const struct member *plainly(const struct pool *p, uint64_t hash)
{
	const struct member *best = p->at[0];
	uint64_t rarest = balance_rarity(balance_mix(best->key ^ hash));

	for (unsigned i = 1; i < p->n; i++) {
		const struct member *m = p->at[i];
		uint64_t r = balance_rarity(balance_mix(m->key ^ hash));

		if (r * best->share >= rarest * m->share)
			continue;
		best = m;
		rarest = r;
	}
	return best;
}

static void fill(struct pool *p, unsigned n)
{
	*p = (struct pool){.at = at, .n = n};
	for (unsigned i = 0; i < n; i++)
		at[i] = &members[i];
}

static void e47_the_plain_pick(void **state)
{
	struct pool p;

	(void)state;
	for (unsigned i = 0; i < PICKS; i++) {
		const struct pick_args a = {.hash = random_bits()};

		fill(&p, 1 + (unsigned)(random_bits() % MOST));
		for (unsigned k = 0; k < p.n; k++) {
			members[k].key = random_bits();
			members[k].share = i % 2 == 0 ? 1 : 1 + (uint32_t)(random_bits() % 256);
		}
		assert_ptr_equal(balance_rendezvous(&p, &a), plainly(&p, a.hash));
	}
}

/* ---- hashes that a test chooses: the mix is turned back ---- */

/* Of an odd number, modulo 2^64: each step doubles the bits that are right. */
static uint64_t inverse(uint64_t odd)
{
	uint64_t x = odd;

	for (unsigned i = 0; i < 6; i++)
		x *= 2 - odd * x;
	return x;
}

static uint64_t unmix(uint64_t h)
{
	h = (h ^ h >> 33) * inverse(0xc4ceb9fe1a85ec53u);
	h = (h ^ h >> 33) * inverse(0xff51afd7ed558ccdu);
	return h ^ h >> 33;
}

/* Of hashes so close together that steps of the rarity decide, or nothing does: then the first is taken. */
static void e47_the_plain_pick_among_neighbours(void **state)
{
	struct pool p;

	(void)state;
	assert_int_equal(balance_mix(unmix(0x123456789abcdef)), 0x123456789abcdef);
	for (unsigned i = 0; i < PICKS; i++) {
		uint64_t middle = random_bits() >> random_bits() % 20, width = UINT64_C(1) << (30 + random_bits() % 26);

		fill(&p, 2 + (unsigned)(random_bits() % 6));
		for (unsigned k = 0; k < p.n; k++) {
			members[k].key = unmix(middle + random_bits() % width);
			members[k].share = i % 4 == 0 ? 1 + (uint32_t)(random_bits() % 3) : 7;
		}
		assert_ptr_equal(balance_rendezvous(&p, &(struct pick_args){0}), plainly(&p, 0));
	}
}

/* What the quick way stands on: a hash that is smaller by the slack is rarer, or as rare. Within a step of the cubic,
 * which is 2^16 of the 32 bits behind the leading one, rarity falls; so its ends tell all. */
static void rarity_falls_beyond_its_slack(void **state)
{
	const uint64_t step = UINT64_C(1) << 47, top = UINT64_C(1) << 63;
	static uint64_t ends[1 << 16];
	uint64_t least_before = UINT64_MAX;
	const unsigned slack = (unsigned)(BALANCE_RARITY_SLACK / step);

	(void)state;
	for (unsigned i = 0; i < 1 << 16; i++) {
		uint64_t begins = balance_rarity(top + i * step), last = begins;

		for (unsigned k = 1; k <= 64; k++) {
			uint64_t r = balance_rarity(top + i * step + k * (step / 64) - 1);

			assert_true(r <= last);
			last = r;
		}
		ends[i] = last;
		if (i >= slack && ends[i - slack] < least_before)
			least_before = ends[i - slack];
		assert_true(begins <= least_before);
	}
	for (unsigned zeros = 1; zeros < 63; zeros++) /* and between octaves it only falls */
		assert_true(balance_rarity((top >> zeros) - 1) >= balance_rarity(top >> zeros));
}

/* Thirty servers of many weights, and what a thousand keys lead to: a constant, since processes of other versions must
 * agree with this one. */
static void e47_the_same_in_all_versions(void **state)
{
	struct pool p;
	uint64_t sum = 0;

	(void)state;
	fill(&p, 30);
	for (unsigned i = 0; i < p.n; i++) {
		members[i].key = balance_mix(i + 1);
		members[i].share = 1 + i % 5;
	}
	for (uint64_t key = 1; key <= 1000; key++) {
		const struct pick_args a = {.hash = balance_mix(key << 32)};

		sum = sum * 31 + (uint64_t)(balance_rendezvous(&p, &a) - members);
	}
	assert_int_equal(sum, UINT64_C(0x240d5645a0a6b044));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(e47_the_plain_pick, begin),
		cmocka_unit_test_setup(e47_the_plain_pick_among_neighbours, begin),
		cmocka_unit_test_setup(rarity_falls_beyond_its_slack, begin),
		cmocka_unit_test_setup(e47_the_same_in_all_versions, begin),
	};

	return cmocka_run_group_tests_name("balance_hash", tests, NULL, NULL);
}
