/* balance: the choosing half of a pick, for the pick itself and for who asks what it would be
 * (upstream_view.c). Private to proxy/upstream/. All under the upstream's lock. */
#ifndef PROXY_UPSTREAM_BALANCE_H
#define PROXY_UPSTREAM_BALANCE_H

#include "proxy/upstream/upstream.h"

struct algorithm;

/* The members that may take a connection, tier by tier and in the order of the configuration. */
struct pool {
	const struct algorithm *by; /* that chose; balance_choose sets it */
	const struct members *of;
	struct member **at; /* the upstream's scratch */
	unsigned n;
};

/* balance_standing: whether the member, if it is of that grade at least, may take this connection, or what is in the
 * way; it takes note of its server's word, if that has changed. Its tier does not count here. */
enum standing balance_standing(struct upstream *u, struct member *m, const struct pick_args *a, enum grade least);

/* balance_gather: the members that upstream_pick would choose from. Only reads, but for words that have changed, and
 * the pool: p->at is the upstream's scratch.
 *   Returns  0, or upstream_pick's refusal and the pool is empty. */
must_use int balance_gather(struct upstream *u, const struct pick_args *a, struct pool *p);
/* balance_choose: the one of them that it would take a slot of. An algorithm that draws takes members out of the
 * pool. */
struct member *balance_choose(const struct upstream *u, const struct pick_args *a, struct pool *p);

/* Is so little usable that those that checks and failures hold out are picked, too? By the words as they were seen. */
bool balance_panics(const struct upstream *u);
/* Is the tier to be joined by the next, by what the words of its servers say now? */
bool balance_tier_is_weak(const struct upstream *u, const struct tier *t);

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
