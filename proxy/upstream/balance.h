/* balance: the choosing half of a pick, for the pick itself and for who asks what it would be
 * (upstream_view.c). Private to proxy/upstream/. All under the upstream's lock. */
#ifndef PROXY_UPSTREAM_BALANCE_H
#define PROXY_UPSTREAM_BALANCE_H

#include "proxy/upstream/balance_gather.h"

/* balance_choose: of those that were gathered the one that a pick would take a slot of. */
struct member *balance_choose(const struct upstream *u, const struct pick_args *a, const struct pool *p);

/* balance_pick: upstream_pick, but for the lock, which the caller holds, and for those who wait. */
must_use int balance_pick(struct upstream *u, struct pick_args *a, struct server **out);

/* Does the choice hang on a->random? */
bool balance_draws(const struct upstream *u);

/* Is load a of weight wa less than load b of weight wb? */
static inline bool balance_lighter(uint64_t a, uint64_t wa, uint64_t b, uint64_t wb)
{
	return a * wb < b * wa;
}

#endif
