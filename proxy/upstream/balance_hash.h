/* balance_hash: the key's own order of the members: weighted rendezvous, and what bounds it by load. Private to
 * proxy/upstream/; under the upstream's lock. */
#ifndef PROXY_UPSTREAM_BALANCE_HASH_H
#define PROXY_UPSTREAM_BALANCE_HASH_H

#include "proxy/upstream/balance_gather.h"

/* A bijection in which each bit of the input moves half of the output. */
static inline uint64_t balance_mix(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}

/* -log2((h + 1) / 2^64) in units of 2^-32: exponentially distributed when h is uniform, which is
 * what makes the smallest of rarity / weight fall to each member by its weight. Integers, so that
 * all machines agree; log2(1 + f) is f + f (1 - f) p(f) with a cubic p, good to 3e-4 of the
 * result even where h is near its top. Never 0. */
static inline uint64_t balance_rarity(uint64_t h)
{
	unsigned zeros = (unsigned)__builtin_clzll(h | 1);
	uint64_t f = (h | 1) << zeros << 1 >> 32; /* the bits after the leading one */
	uint64_t t = f >> 16;
	uint64_t p = 28994 - (t * (17667 - (t * (9865 - (t * 2941 >> 16)) >> 16)) >> 16);
	uint64_t bend = f * ((UINT64_C(1) << 32) - f) >> 32;

	return ((uint64_t)(zeros + 1) << 32) - f - (bend * p >> 16);
}

/* It falls as h grows, but for steps of its cubic: of two hashes so far apart the greater one is never rarer. */
#define BALANCE_RARITY_SLACK (UINT64_C(1) << 50)

/* balance_rendezvous: the first of the pool in the order of a->hash; never NULL. */
struct member *balance_rendezvous(const struct pool *p, const struct pick_args *a);

/* balance_bound_load: out of the pool go those that have max_load per cent of the mean load by weight, this connection
 * counted: what is too much for one goes on in each key's own order, so to all others and not to one neighbour. Leaves
 * one of the pool at least, as max_load is more than 100. */
void balance_bound_load(const struct upstream *u, struct pool *p);

#endif
