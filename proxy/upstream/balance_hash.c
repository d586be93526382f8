/* balance_hash: scores of members for a key, and the bound on what one of them takes. */
#include "proxy/upstream/balance_hash.h"

/* A member of no more weight whose hash is below that is rarer than one of hash h, or as rare: so its rarity need not
 * be known, and that of a few is computed, not of all. The picks are the same, which other proxies rely on. */
static uint64_t lose_from(uint64_t h)
{
	return h > BALANCE_RARITY_SLACK ? h - BALANCE_RARITY_SLACK : 0;
}

/* Rendezvous: when a member leaves, the scores of the others do not change, so only its own clients
 * move, each to the member that is second for it. Rejected: a ring, whose shares are uneven and
 * whose points need memory. */
struct member *balance_rendezvous(const struct pool *p, const struct pick_args *a)
{
	struct member *best = p->at[0];
	uint64_t h = balance_mix(best->key ^ a->hash), rarest = balance_rarity(h), hopeless = lose_from(h);

	for (unsigned i = 1; i < p->n; i++) {
		struct member *m = p->at[i];
		uint64_t r;

		h = balance_mix(m->key ^ a->hash);
		if (likely(h < hopeless && m->share <= best->share))
			continue;
		r = balance_rarity(h);
		if (r * best->share >= rarest * m->share)
			continue;
		best = m;
		rarest = r;
		hopeless = lose_from(h);
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
