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
	/* While another process takes over, places of `used` that are the other one's, so that no limit is exceeded in
	 * sum: below. Written by the control thread, or by a worker that it waits for. */
	uint32_t held;
	bool shared; /* the same: places pass between the two */
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

/* ---- two processes, while one takes over from the other: control thread, or a worker that it waits for ----
 *
 *   old   lends what is free: it can take only what it gives back; says how many are its own
 *   new   holds as many for old
 *   a connection moves: old passes its place on, to new's; in new a held place becomes its own
 *
 * All of it moves `held` within `used`: who takes a place for a client knows nothing of it. */

/* limit_lend: old: all that is free of max is new's from now on. UINT32_MAX: there is no end, so nothing is lent.
 *   Returns  how many are its own. */
static inline uint32_t limit_lend(struct limit *l, uint32_t max)
{
	uint32_t used = __atomic_load_n(&l->used, __ATOMIC_RELAXED), held = l->held, rest;

	if (max == UINT32_MAX)
		return used - held;
	do
		rest = used < max ? max - used : 0;
	while (!__atomic_compare_exchange_n(&l->used, &used, used + rest, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	l->held = held + rest;
	l->shared = true;
	return used - held;
}

/* limit_hold: n places are the other's, however many were before. */
static inline void limit_hold(struct limit *l, uint32_t n)
{
	__atomic_add_fetch(&l->used, n - l->held, __ATOMIC_ACQ_REL);
	l->held = n;
	l->shared = true;
}

/* limit_alone: the other has ended, or nothing came of it. */
static inline void limit_alone(struct limit *l)
{
	limit_hold(l, 0);
	l->shared = false;
}

/* limit_take_moved: one of the other's places becomes its own, or, where none is known, one above the limit: nobody is
 * turned away because he moves. */
static inline void limit_take_moved(struct limit *l)
{
	if (l->held > 0)
		l->held--;
	else
		limit_note_high(l, __atomic_add_fetch(&l->used, 1, __ATOMIC_ACQ_REL));
}

/* limit_pass: a place of its own is the other's.   Returns  false: nothing is shared, so it is to be given back. */
must_use static inline bool limit_pass(struct limit *l)
{
	l->held += l->shared;
	return l->shared;
}

#endif
