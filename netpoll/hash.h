/* hash: FNV-1a with 64 bits, the one hash of the house. It spreads keys that an operator wrote or that we made:
 * names, addresses, file facts. It has no secret, so no table that a client fills may rely on it.
 * Source: the Internet draft draft-eastlake-fnv; start and factor are those of its table for 64 bits.
 *
 *   uint64_t h = hash_text("name");
 *   h = hash_bytes(h, &number, sizeof(number));        goes on behind the text
 *
 * Every byte changes the low bits at once, and the high bits only after some bytes more: who takes high bits of a
 * short key mixes the result first, as np_addr_hash_host does. Its values are stable: a balancer stands on them. */
#ifndef NETPOLL_HASH_H
#define NETPOLL_HASH_H

#include "netpoll/base.h"

#define HASH_START  UINT64_C(0xcbf29ce484222325) /* the hash of no bytes */
#define HASH_FACTOR UINT64_C(0x100000001b3)

/* Each takes the hash of what came before, HASH_START first, and returns that of all so far. */
static inline uint64_t hash_byte(uint64_t h, unsigned char c)
{
	return (h ^ c) * HASH_FACTOR;
}

static inline uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++)
		h = hash_byte(h, c[i]);
	return h;
}

/* The hash of a string, without the NUL at its end. */
static inline uint64_t hash_text(const char *s)
{
	uint64_t h = HASH_START;

	for (; *s != '\0'; s++)
		h = hash_byte(h, (unsigned char)*s);
	return h;
}

#endif
