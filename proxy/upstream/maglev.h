/* maglev: a table in which a key finds its server by one look: Eisenbud et al., Maglev (2016), section 3.4. Each server
 * has an order of all places by its address, and they take turns to take the next free place of theirs, a server of
 * more weight more turns. So shares are even to a place, and when a server goes, few of the others' places change
 * hands.
 *
 * Of configured weights and of the first tier. Who cannot take a connection stays in the table and is stepped over, by
 * rendezvous (balance_hash.h): an outage moves its own keys alone, and back. Orders and turns hang on addresses and
 * the seed, not on places in a file. Private to proxy/upstream/. */
#ifndef PROXY_UPSTREAM_MAGLEV_H
#define PROXY_UPSTREAM_MAGLEV_H

#include "proxy/upstream/upstream.h"

#define MAGLEV_SIZE 65537 /* places: a prime, so that each step visits all */

/* maglev_build: of members, of which at[i] is number i of the table. A few milliseconds for a thousand.
 *   Returns  the table, for free(3); NULL: no memory, or nobody has a weight, or they are more than its numbers.
 *   Calls    control thread. */
must_use uint16_t *maglev_build(const struct member *at, unsigned n);

/* maglev_look: the number of the member that the key leads to. */
static inline unsigned maglev_look(const uint16_t *table, uint64_t key)
{
	return table[key % MAGLEV_SIZE];
}

#endif
