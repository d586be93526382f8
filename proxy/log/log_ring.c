/* The queue between a worker and the writer of the access log, without a lock. */
#include "proxy/log/log_ring.h"

#include <stdlib.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

#define SKIP UINT64_MAX

/* Stands in front of each record. It has 16 bytes, so that the record is aligned for any type. */
struct slot {
	uint64_t n; /* bytes of the record, or SKIP */
	uint64_t unused;
};

_Static_assert(sizeof(struct slot) % _Alignof(max_align_t) == 0, "records stay aligned");

/* Bytes of a slot and its record, rounded up to whole slots: then each slot fits in front of the
 * end. */
static uint64_t slot_size(size_t n)
{
	uint64_t unit = sizeof(struct slot);

	return (unit + n + unit - 1) & ~(unit - 1);
}

static struct slot *slot_at(const struct log_ring *r, uint64_t at)
{
	return (struct slot *)(void *)(r->base + (at & (r->size - 1)));
}

static uint64_t to_end(const struct log_ring *r, uint64_t at)
{
	return r->size - (at & (r->size - 1));
}

int log_ring_init(struct log_ring *r, size_t size, struct log_bell *bell)
{
	CHECK(size >= 64 && (size & (size - 1)) == 0, "a ring's size is a power of two");
	*r = (struct log_ring){.size = size, .bell = bell};
	r->base = aligned_alloc(sizeof(struct slot), size);
	return r->base != NULL ? 0 : -NP_ENOMEM;
}

void log_ring_fini(struct log_ring *r)
{
	free(r->base);
	r->base = NULL;
}

/* Is there room up to `end`? Only if the old tail says no is the consumer's cache line read. */
static bool fits(struct log_ring *r, uint64_t end)
{
	if (end - r->tail_seen <= r->size)
		return true;
	r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return end - r->tail_seen <= r->size;
}

void *log_ring_reserve(struct log_ring *r, size_t n)
{
	uint64_t at = r->head, need = slot_size(n);
	bool skip = need > to_end(r, at);
	uint64_t start = skip ? at + to_end(r, at) : at;

	CHECK(need <= r->size / 2, "a record is at most half the ring, or it might never fit");
	if (!fits(r, start + need)) {
		__atomic_store_n(&r->dropped, r->dropped + 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (skip)
		slot_at(r, at)->n = SKIP;
	slot_at(r, start)->n = n;
	r->next = start + need;
	DCHECK(r->next - r->tail_seen <= r->size, "no record overwrites another");
	return slot_at(r, start) + 1;
}

/* tail_seen may be old. A ring that only looks crowded is checked again before it wakes the
 * writer. */
static bool looks_crowded(struct log_ring *r)
{
	if (r->head - r->tail_seen <= r->size / 2)
		return false;
	r->tail_seen = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return r->head - r->tail_seen > r->size / 2;
}

/* The store is sequentially consistent and not a release, because the bell demands that. */
void log_ring_commit(struct log_ring *r)
{
	DCHECK(r->next != r->head, "a commit follows a reserve");
	__atomic_store_n(&r->committed, r->committed + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&r->head, r->next, __ATOMIC_SEQ_CST);
	log_bell_ring(r->bell, looks_crowded(r) ? BELL_DOZE : BELL_SLEEP);
}

void log_ring_look(struct log_ring *r)
{
	r->head_seen = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
}

const void *log_ring_peek(struct log_ring *r, size_t *n)
{
	struct slot *s;

	if (r->tail == r->head_seen)
		return NULL;
	DCHECK(r->tail < r->head_seen, "the tail never passes the head");
	s = slot_at(r, r->tail);
	if (s->n == SKIP) { /* published together with the record it makes room for */
		__atomic_store_n(&r->tail, r->tail + to_end(r, r->tail), __ATOMIC_RELEASE);
		s = slot_at(r, r->tail);
	}
	*n = s->n;
	return s + 1;
}

void log_ring_release(struct log_ring *r)
{
	DCHECK(r->tail != r->head_seen, "only a record that was peeked is released");
	__atomic_store_n(&r->tail, r->tail + slot_size(slot_at(r, r->tail)->n), __ATOMIC_RELEASE);
}

bool log_ring_pending(const struct log_ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_SEQ_CST) != r->tail;
}

bool log_ring_crowded(const struct log_ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_SEQ_CST) - r->tail > r->size / 2;
}

uint64_t log_ring_committed(const struct log_ring *r)
{
	return __atomic_load_n(&r->committed, __ATOMIC_RELAXED);
}

uint64_t log_ring_dropped(const struct log_ring *r)
{
	return __atomic_load_n(&r->dropped, __ATOMIC_RELAXED);
}
