/* hist: a histogram of latencies. A bucket is a 128th of its octave wide, as in HdrHistogram with
 * two digits: a quantile is at most 0.8 % above the true one and never below it. A value above 2^40
 * (18 minutes in ns) counts as 2^40. */
#ifndef LOADTEST_GEN_HIST_H
#define LOADTEST_GEN_HIST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HIST_SUB     128
#define HIST_TOP     ((UINT64_C(1) << 40) - 1)
#define HIST_BUCKETS (34 * HIST_SUB)

struct hist {
	uint64_t count, min, max;
	double   sum;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_init(struct hist *h);
void hist_add(struct hist *h, int64_t value); /* a negative one counts as 0 */
/* The smallest recorded value that a share q of all values does not exceed, rounded up to its
 * bucket's end; 0 when the histogram is empty. */
uint64_t hist_quantile(const struct hist *h, double q);
/* Prints {"min":..,"mean":..,"max":..,"curve":[[q,value],...]} in microseconds; the curve has ten
 * points per nine. */
void hist_print(const struct hist *h, FILE *f);

#endif
