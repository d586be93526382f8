/* balance_hash: scores of members for a key, and the bound on what one of them takes. */
#include "proxy/upstream/balance_hash.h"

/* -log2((h + 1) / 2^64) in units of 2^-32: exponentially distributed when h is uniform, which is
 * what makes the smallest of rarity / weight fall to each member by its weight. Integers, so that
 * all machines agree; log2(1 + f) is f + f (1 - f) p(f) with a cubic p, good to 3e-4 of the
 * result even where h is near its top. Never 0. */
static uint64_t rarity(uint64_t h)
{
	unsigned zeros = (unsigned)__builtin_clzll(h | 1);
	uint64_t f = (h | 1) << zeros << 1 >> 32; /* the bits after the leading one */
	uint64_t t = f >> 16;
	uint64_t p = 28994 - (t * (17667 - (t * (9865 - (t * 2941 >> 16)) >> 16)) >> 16);
	uint64_t bend = f * ((UINT64_C(1) << 32) - f) >> 32;

	return ((uint64_t)(zeros + 1) << 32) - f - (bend * p >> 16);
}

/* Rendezvous: when a member leaves, the scores of the others do not change, so only its own clients
 * move, each to the member that is second for it. Rejected: a ring, whose shares are uneven and
 * whose points need memory. */
struct member *balance_rendezvous(struct pool *p, const struct pick_args *a)
{
	struct member *best = p->at[0];
	uint64_t rarest = rarity(balance_mix(best->key ^ a->hash));

	for (unsigned i = 1; i < p->n; i++) {
		struct member *m = p->at[i];
		uint64_t r = rarity(balance_mix(m->key ^ a->hash));

		if (r * best->share >= rarest * m->share)
			continue;
		best = m;
		rarest = r;
	}
	return best;
}

/* By weight, and rounded up: the bounds of all sum to more than the load with this connection, so one is below its
 * own. */
void balance_bound_load(const struct upstream *u, struct pool *p)
{
	uint64_t load = 1, sum = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++) {
		load += server_active(p->at[i]->server);
		sum += p->at[i]->share;
	}
	for (unsigned i = 0; i < p->n; i++) {
		struct member *m = p->at[i];
		bool last = n == 0 && i + 1 == p->n; /* others may have come between the two looks at the counts */

		if (last || server_active(m->server) * 100 * sum < load * m->share * u->max_load)
			p->at[n++] = m;
	}
	p->n = n;
}
