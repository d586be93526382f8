/* limit: places that all workers share, counted exactly: two workers that ask for the last one
 * cannot both get it. One atomic count is enough, since it moves twice per connection and never per
 * byte. Rejected: a share per worker, which turns clients away while other workers still have
 * places.
 *
 * The count lives as long as the process; how many places there are belongs to a generation of the
 * configuration, and who takes one says it. So a reload changes a limit for each acceptor in the
 * same moment as what happens there to clients beyond it. */
#ifndef PROXY_BASE_LIMIT_H
#define PROXY_BASE_LIMIT_H

#include "netpoll/base.h"
#include "netpoll/check.h"

/* All atomic. Who takes a place writes the line anyway; only a new maximum, and a refusal, write
 * more. */
struct limit {
	uint32_t used; /* above the number of places for a while after a reload lowered it */
	uint32_t high; /* the most that were ever used */
	uint64_t hits; /* times that somebody was refused or had to wait */
	int64_t last_hit; /* monotonic ns; 0: never */
	int64_t since; /* begin of the episode under way; 0: none. limit_watch.h, the control thread writes */
	uint64_t told; /* hits of the episodes that are over: the control thread's */
};

/* limit_note_high: n places are used, more than ever before. */
static no_inline unused_ok void limit_note_high(struct limit *l, uint32_t n)
{
	uint32_t high = __atomic_load_n(&l->high, __ATOMIC_RELAXED);

	while (n > high && !__atomic_compare_exchange_n(&l->high, &high, n, true, __ATOMIC_RELAXED,
							__ATOMIC_RELAXED))
		;
}

/* limit_take: take one place of max. UINT32_MAX: there is always one.
 *   Returns  false if all are taken.
 *   Calls    any thread. */
must_use static inline bool limit_take(struct limit *l, uint32_t max)
{
	uint32_t used = __atomic_load_n(&l->used, __ATOMIC_RELAXED);

	do {
		if (used >= max)
			return false;
	} while (!__atomic_compare_exchange_n(&l->used, &used, used + 1, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	if (unlikely(used >= __atomic_load_n(&l->high, __ATOMIC_RELAXED)))
		limit_note_high(l, used + 1);
	return true;
}

/* limit_hit: the limit acted: one who asks again and again is one hit. now: monotonic ns. Who sees
 * the hit sees its time.   Calls  any thread. */
static inline void limit_hit(struct limit *l, int64_t now)
{
	__atomic_store_n(&l->last_hit, now, __ATOMIC_RELAXED);
	__atomic_add_fetch(&l->hits, 1, __ATOMIC_RELEASE);
}

/* limit_still: who was hit still waits.   Calls  any thread. */
static inline void limit_still(struct limit *l, int64_t now)
{
	__atomic_store_n(&l->last_hit, now, __ATOMIC_RELAXED);
}

/* limit_give: give one place back, that limit_take gave. Any thread. */
static inline void limit_give(struct limit *l)
{
	uint32_t before = __atomic_fetch_sub(&l->used, 1, __ATOMIC_ACQ_REL);

	CHECK(before > 0, "a place is given back only once");
}

/* limit_used: how many places were taken a moment ago. Any thread. */
static inline uint32_t limit_used(const struct limit *l)
{
	return __atomic_load_n(&l->used, __ATOMIC_RELAXED);
}

#endif
