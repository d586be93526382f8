/* conn_hash: the key by which a balance by hash finds a connection's server: key hash_on of its upstream. */
#ifndef PROXY_CONN_CONN_HASH_H
#define PROXY_CONN_CONN_HASH_H

#include "proxy/conn/conn_extra.h"

/* conn_hash_told: by the name that the client asked for, or by a TLV of its PROXY header.
 *   Returns  0: it did not tell; round robin takes it then. */
uint64_t conn_hash_told(const struct conn *c, uint8_t hash_on);

/* conn_hash_name: of a name alone, for who tells where it would lead.
 *   Returns  0: it is empty, or none.   Calls  any thread. */
uint64_t conn_hash_name(const char *sni, size_t n);

/* conn_hash: the key of c, whose target is known and whose first bytes are still there.
 *   Returns  0: it has none, or its upstream does not balance by keys.   Calls  owner worker. */
static inline uint64_t conn_hash(const struct conn *c)
{
	const struct target *t = conn_target(c);

	if (likely(!balance_is_by_key(t->upstream->balance)))
		return 0;
	return t->hash_on == TARGET_HASH_SOURCE ? conn_source_hash(conn_client(c)) : conn_hash_told(c, t->hash_on);
}

#endif
