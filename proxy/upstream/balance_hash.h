/* balance_hash: the key's own order of the members: weighted rendezvous, and what bounds it by load. Private to
 * proxy/upstream/; under the upstream's lock. */
#ifndef PROXY_UPSTREAM_BALANCE_HASH_H
#define PROXY_UPSTREAM_BALANCE_HASH_H

#include "proxy/upstream/balance.h"

/* A bijection in which each bit of the input moves half of the output. */
static inline uint64_t balance_mix(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

/* balance_rendezvous: the first of the pool in the order of a->hash; never NULL. */
struct member *balance_rendezvous(struct pool *p, const struct pick_args *a);

/* balance_bound_load: out of the pool go those that have max_load per cent of the mean load by weight, this connection
 * counted: what is too much for one goes on in each key's own order, so to all others and not to one neighbour. Leaves
 * one of the pool at least, as max_load is more than 100. */
void balance_bound_load(const struct upstream *u, struct pool *p);

#endif
