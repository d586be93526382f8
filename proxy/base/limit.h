/* limit: so many at once, exactly, whichever workers take them. One atomic count: it moves twice per connection, never
 * per byte. */
#ifndef PROXY_BASE_LIMIT_H
#define PROXY_BASE_LIMIT_H

#include "netpoll/base.h"
#include "netpoll/check.h"

struct limit {
	uint32_t used; /* atomic */
	uint32_t max;  /* atomic: a reload may change it; UINT32_MAX is no limit */
};

/* Takes one place if there is one. Any thread. */
must_use static inline bool limit_take(struct limit *l)
{
	uint32_t used = __atomic_load_n(&l->used, __ATOMIC_RELAXED);

	do {
		if (used >= __atomic_load_n(&l->max, __ATOMIC_RELAXED))
			return false;
	} while (!__atomic_compare_exchange_n(&l->used, &used, used + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return true;
}

static inline void limit_give(struct limit *l)
{
	uint32_t before = __atomic_fetch_sub(&l->used, 1, __ATOMIC_ACQ_REL);

	CHECK(before > 0, "a place is given back twice");
}

static inline uint32_t limit_used(const struct limit *l)
{
	return __atomic_load_n(&l->used, __ATOMIC_RELAXED);
}

static inline void limit_set(struct limit *l, uint32_t max)
{
	__atomic_store_n(&l->max, max, __ATOMIC_RELAXED);
}

#endif
