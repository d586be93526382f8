/* chunk: bytes that wait for their reader, in one block that is exactly as large as it must be.
 * Whoever has a chunk owns it and frees it with chunk_drop; a pointer that is NULL almost always is
 * an empty one. Used where a connection keeps bytes only now and then: what a slow reader leaves
 * (relay), what was read before the server is known (preread), ciphertext and plaintext that do not
 * fit (tls).
 *
 *   bytes   0 ......... from ............ to ............ the room that chunk_new was asked for
 *           '-- taken --'---- waiting ----'---- free ----'
 *
 * No function parks; each chunk has one user at a time, on one thread. */
#ifndef PROXY_BASE_CHUNK_H
#define PROXY_BASE_CHUNK_H

#include <stdlib.h>
#include <string.h>

#include "netpoll/base.h"
#include "netpoll/check.h"

struct chunk {
	uint32_t from, to; /* from <= to; what waits is bytes[from .. to) */
	char bytes[];
};

/* How many bytes wait. Takes NULL: none. */
static inline size_t chunk_held(const struct chunk *c)
{
	DCHECK(c == NULL || c->from <= c->to, "a chunk ends before it begins");
	return c != NULL ? c->to - c->from : 0;
}

/* An empty chunk with room for n bytes, which the caller puts at bytes + to.
 *   Returns  NULL: no memory. */
must_use static inline struct chunk *chunk_new(size_t n)
{
	struct chunk *c = n <= UINT32_MAX ? malloc(sizeof(*c) + n) : NULL;

	if (c != NULL)
		c->from = c->to = 0;
	return c;
}

/* Puts n bytes behind those that are there. There must be room: a chunk does not know how much it
 * has. */
static inline void chunk_put(struct chunk *c, const void *p, size_t n)
{
	DCHECK(n <= UINT32_MAX - c->to, "more than a chunk can count");
	memcpy(c->bytes + c->to, p, n);
	c->to += (uint32_t)n;
}

/* A chunk with a copy of these n bytes.
 *   Returns  NULL: no memory. */
must_use static inline struct chunk *chunk_of(const void *p, size_t n)
{
	struct chunk *c = chunk_new(n);

	if (c != NULL)
		chunk_put(c, p, n);
	return c;
}

/* Gives *c room for n bytes in all and keeps what it holds, the taken bytes too: their offsets stay
 * valid, pointers do not. *c may be NULL.
 *   Returns  false: no memory, and *c is unchanged. */
must_use static inline bool chunk_grow(struct chunk **c, size_t n)
{
	struct chunk *grown = n <= UINT32_MAX ? realloc(*c, sizeof(*grown) + n) : NULL;

	if (grown == NULL)
		return false;
	if (*c == NULL)
		grown->from = grown->to = 0;
	*c = grown;
	return true;
}

/* Frees *c, which may be NULL, and takes the pointer away. It does not wipe: secrets are their
 * user's care. */
static inline void chunk_drop(struct chunk **c)
{
	free(*c);
	*c = NULL;
}

#endif
