/* histogram: how many durations were at most so long, for one worker. As in struct stats the owner
 * writes by plain stores, and any thread may read each number at any time.
 *
 *   scale     bounds of the buckets; what is longer than the last is in one of its own
 *   latency   0.1 0.3 1 3 10 30 100 300 ms 1 3 10 s: connect, first byte, handshake
 *   lifetime  0.01 0.1 1 10 60 300 600 1800 3600 10800 36000 s: whole connections
 *
 * An observation needs no search: bounds of a scale are at least a factor of 2 apart, so between two
 * powers of two there is at most one, and the highest set bit of a duration leaves two buckets to
 * choose from. */
#ifndef PROXY_METRICS_HISTOGRAM_H
#define PROXY_METRICS_HISTOGRAM_H

#include "netpoll/base.h"
#include "netpoll/check.h"

#define HISTOGRAM_BOUNDS  11
#define HISTOGRAM_BUCKETS (HISTOGRAM_BOUNDS + 1)
/* The sum is kept in ticks of so many ns, a power of two: in 64 bits that is more than 500,000
 * years of connections. */
#define HISTOGRAM_TICK_BITS 10
#define HISTOGRAM_HALF      (INT64_C(1) << (HISTOGRAM_TICK_BITS - 1))

struct histogram_scale {
	uint8_t first[64];                 /* by the highest bit: bounds below that power of two */
	int64_t bound[HISTOGRAM_BUCKETS];  /* ns; the last is INT64_MAX */
	const char *le[HISTOGRAM_BUCKETS]; /* the bound in seconds, as text */
};

extern const struct histogram_scale histogram_latency, histogram_lifetime;

/* Zero-initialise. */
struct histogram {
	uint64_t sum;                       /* ticks */
	uint64_t bucket[HISTOGRAM_BUCKETS]; /* not cumulative */
};

/* The bucket of a duration in ns. */
static inline unsigned histogram_bucket(const struct histogram_scale *scale, int64_t ns)
{
	unsigned i = scale->first[63 - __builtin_clzll((uint64_t)ns | 1)];

	return i + (ns > scale->bound[i]);
}

/* histogram_add: one more duration; less than half a tick below 0, which a clock of a turn ago may
 * give, is 0. Owner only. */
static inline void histogram_add(struct histogram *h, const struct histogram_scale *scale, int64_t ns)
{
	uint64_t ticks = (uint64_t)(ns + HISTOGRAM_HALF) >> HISTOGRAM_TICK_BITS;

	DCHECK(ns >= -HISTOGRAM_HALF, "a duration ends after it began");
	relaxed_add(&h->bucket[histogram_bucket(scale, ns)], 1);
	relaxed_add(&h->sum, ticks);
}

/* histogram_sum: add one worker's to a total, which no other thread writes. Any thread. */
void histogram_sum(struct histogram *total, const struct histogram *one);

/* histogram_count: the number of durations. Any thread. */
uint64_t histogram_count(const struct histogram *h);

/* histogram_quantile: the duration that so many of a thousand do not exceed, as if those of a bucket were
 * spread over it evenly; above the last bound it is that bound.
 *   Returns  ns; -1: there are no durations.   Calls  who owns h, or any thread. */
int64_t histogram_quantile(const struct histogram *h, const struct histogram_scale *scale, unsigned thousandth);

/* histogram_since: h becomes what was added to it since it was `before`. */
void histogram_since(struct histogram *h, const struct histogram *before);

#endif
