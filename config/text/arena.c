/* arena: chunks in a list, handed out from the newest. Space that a chunk has left when the next
 * one is taken is lost: a model is some kilobytes, and a search for room would cost more than it
 * saves. */
#include "config/text/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)16 << 10) /* bytes; a larger piece gets a chunk of its own */

struct arena_chunk {
	struct arena_chunk *next;
	size_t              used, size;
	alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit)
{
	a->chunks = NULL;
	a->left = limit;
}

void arena_fini(struct arena *a)
{
	for (struct arena_chunk *c = a->chunks, *next; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	arena_init(a, 0);
}

/* calloc and not malloc: the arena promises zeroed pieces, and fresh pages are zero already. */
static struct arena_chunk *chunk_add(struct arena *a, size_t n)
{
	size_t size = n > CHUNK ? n : CHUNK;
	struct arena_chunk *c = calloc(1, sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	c->size = size;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

/* The newest chunk only: see the head. Rounding keeps every piece aligned for any type. */
void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunks;
	void *p;

	/* Before rounding up, which could overflow for a hostile n. */
	if (n > a->left)
		return NULL;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (c == NULL || c->size - c->used < n)
		c = chunk_add(a, n);
	if (c == NULL)
		return NULL;
	p = c->data + c->used;
	c->used += n;
	a->left -= n < a->left ? n : a->left;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_alloc(a, bytes);
}

char *arena_text(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (copy != NULL && n > 0)
		memcpy(copy, text, n);
	return copy;
}
