/* hist: latencies in buckets a 128th of their octave wide, as HdrHistogram with two digits keeps them: a quantile is at
 * most 0.8% above the true one and never below it. Values up to 2^40 (18 minutes in ns); larger ones count as that. */
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
/* The smallest recorded value, to the bucket's width, that a share q of all values does not exceed; 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double q);
/* {"min":..,"mean":..,"max":..,"curve":[[q,value],...]}, values in microseconds; the curve has ten points a nine. */
void hist_print(const struct hist *h, FILE *f);

#endif
