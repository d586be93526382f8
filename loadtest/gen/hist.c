/* hist: maps a latency to its bucket and finds quantiles; hist.h has the precision. */
#include "loadtest/gen/hist.h"

#include <math.h>
#include <string.h>

#define US 1000.0

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Below 2 * HIST_SUB each value has its bucket; above, octave n holds HIST_SUB buckets of 2^n
 * values. */
static size_t bucket_of(uint64_t v)
{
	int octave;

	if (v < 2 * HIST_SUB)
		return v;
	octave = 63 - __builtin_clzll(v) - 7;
	return (size_t)octave * HIST_SUB + (v >> octave);
}

/* The largest value of the bucket, so that a quantile is never below the true one. */
static uint64_t top_of(size_t i)
{
	size_t octave;

	if (i < 2 * HIST_SUB)
		return i;
	octave = i / HIST_SUB - 1;
	return ((i - octave * HIST_SUB + 1) << octave) - 1;
}

void hist_add(struct hist *h, int64_t value)
{
	uint64_t v = value < 0 ? 0 : (uint64_t)value;

	if (v > HIST_TOP)
		v = HIST_TOP;
	h->bucket[bucket_of(v)]++;
	h->count++;
	h->sum += (double)v;
	if (v > h->max)
		h->max = v;
	if (v < h->min)
		h->min = v;
}

uint64_t hist_quantile(const struct hist *h, double q)
{
	uint64_t rank = (uint64_t)ceil(q * (double)h->count), seen = 0;

	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > 0 && seen >= rank)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}

void hist_print(const struct hist *h, FILE *f)
{
	double mean = h->count > 0 ? h->sum / (double)h->count : 0;

	fprintf(f, "{\"min\":%.1f,\"mean\":%.1f,\"max\":%.1f,\"curve\":[",
		h->count > 0 ? (double)h->min / US : 0, mean / US, (double)h->max / US);
	/* A point for each tenth of a nine (0.9 is one nine), as far as there are enough values. */
	for (int tenth = 0; pow(10, tenth / 10.0) <= (double)h->count; tenth++) {
		double q = 1 - pow(10, -tenth / 10.0);

		fprintf(f, "%s[%.7f,%.1f]", tenth > 0 ? "," : "", q,
			(double)hist_quantile(h, q) / US);
	}
	fprintf(f, "]}");
}
