/* demo_hist: latencies in buckets, so that an hour of them has the size of a second.
 * Microseconds; a bucket is a sixteenth of its octave wide, so a quantile is at most 6 % off;
 * the last octave ends above half a minute. */
#ifndef PROXY_DEMO_DEMO_HIST_H
#define PROXY_DEMO_DEMO_HIST_H

#include "netpoll/base.h"

#define HIST_SUB     16
#define HIST_OCTAVES 22

/* All zero is empty. One thread at a time. */
struct demo_hist {
	uint32_t bucket[HIST_SUB * HIST_OCTAVES];
	uint64_t count;
	int64_t max; /* us, exact */
};

void hist_add(struct demo_hist *h, int64_t us);
/* Adds what other holds to h. */
void hist_merge(struct demo_hist *h, const struct demo_hist *other);
/* us, the middle of the bucket that holds the quantile (0 <= q <= 1), never above max; 0 when h
 * is empty. */
int64_t hist_quantile(const struct demo_hist *h, double q);

#endif
