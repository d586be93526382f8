/* arena: memory that is taken in pieces and freed whole. A node tree and a model each live in
 * one, so neither has a destructor that could forget a pointer. The limit bounds what a hostile
 * file can make us keep; a test sets it low to make the Nth piece fail. One thread at a time. */
#ifndef CONFIG_TEXT_ARENA_H
#define CONFIG_TEXT_ARENA_H

#include "netpoll/base.h"

#define ARENA_LIMIT ((size_t)64 << 20)

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* owned; the newest first */
	size_t              left;   /* bytes that may still be handed out */
};

/* arena_init: an empty arena that hands out at most `limit` bytes. Takes no memory yet. */
void arena_init(struct arena *a, size_t limit);
/* Frees all pieces at once. The arena is then empty, with a limit of 0. */
void arena_fini(struct arena *a);

/* Zeroed and aligned for any type; NULL when the machine or the limit has no more. */
must_use void *arena_alloc(struct arena *a, size_t n);
must_use void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy of n bytes, terminated. */
must_use char *arena_text(struct arena *a, const char *text, size_t n);

#endif
