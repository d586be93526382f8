/* demo_hist: bucket arithmetic. Rejected: keeping each sample, which an hour of traffic makes 28
 * MB of. */
#include "proxy/demo/demo_hist.h"

#include "netpoll/check.h"

/* Below HIST_SUB each microsecond has its bucket; above, each octave has HIST_SUB. */
static size_t hist_bucket_of(int64_t us)
{
	uint64_t v = us > 0 ? (uint64_t)us : 0;
	int octave;
	size_t i;

	if (v < HIST_SUB)
		return v;
	/* 16 has its highest bit at 4 and is the first of octave 1. */
	octave = 63 - __builtin_clzll(v) - 3;
	i = (size_t)octave * HIST_SUB + (v >> (octave - 1)) % HIST_SUB;
	return i < HIST_SUB * HIST_OCTAVES ? i : HIST_SUB * HIST_OCTAVES - 1;
}

/* The middle of the bucket. */
static int64_t hist_value_of(size_t i)
{
	size_t octave = i / HIST_SUB;

	if (octave == 0)
		return (int64_t)i;
	return ((int64_t)(HIST_SUB + i % HIST_SUB) << (octave - 1)) + ((INT64_C(1) << (octave - 1)) >> 1);
}

void hist_add(struct demo_hist *h, int64_t us)
{
	h->bucket[hist_bucket_of(us)]++;
	h->count++;
	if (us > h->max)
		h->max = us;
}

void hist_merge(struct demo_hist *h, const struct demo_hist *other)
{
	for (size_t i = 0; i < array_len(h->bucket); i++)
		h->bucket[i] += other->bucket[i];
	h->count += other->count;
	if (other->max > h->max)
		h->max = other->max;
}

int64_t hist_quantile(const struct demo_hist *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->count), seen = 0;

	DCHECK(q >= 0 && q <= 1, "a quantile outside of 0 to 1");
	for (size_t i = 0; i < array_len(h->bucket); i++) {
		seen += h->bucket[i];
		if (seen > rank)
			return hist_value_of(i) < h->max ? hist_value_of(i) : h->max;
	}
	return h->max;
}
