/* The two scales, and sums over workers. */
#include "proxy/metrics/histogram.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

/* How many of the bounds a..k are below 2^bit. */
#define BELOW(bit, a, b, c, d, e, f, g, h, i, j, k)                                               \
	(((a) < P(bit)) + ((b) < P(bit)) + ((c) < P(bit)) + ((d) < P(bit)) + ((e) < P(bit)) +     \
	 ((f) < P(bit)) + ((g) < P(bit)) + ((h) < P(bit)) + ((i) < P(bit)) + ((j) < P(bit)) +     \
	 ((k) < P(bit)))
#define P(bit) (INT64_C(1) << (bit))
#define FOUR(n, ...) \
	BELOW(n, __VA_ARGS__), BELOW(n + 1, __VA_ARGS__), BELOW(n + 2, __VA_ARGS__), BELOW(n + 3, __VA_ARGS__)
#define SIXTEEN(n, ...) \
	FOUR(n, __VA_ARGS__), FOUR(n + 4, __VA_ARGS__), FOUR(n + 8, __VA_ARGS__), FOUR(n + 12, __VA_ARGS__)
/* Bit 63 is that of negative durations: the first bucket. */
#define SCALE(...)                                                                                \
	.first = {SIXTEEN(0, __VA_ARGS__), SIXTEEN(16, __VA_ARGS__), SIXTEEN(32, __VA_ARGS__),    \
		  FOUR(48, __VA_ARGS__), FOUR(52, __VA_ARGS__), FOUR(56, __VA_ARGS__),            \
		  BELOW(60, __VA_ARGS__), BELOW(61, __VA_ARGS__), BELOW(62, __VA_ARGS__),         \
		  0},                                                              \
	.bound = {__VA_ARGS__, INT64_MAX}

const struct histogram_scale histogram_latency = {
	SCALE(100 * US, 300 * US, MS, 3 * MS, 10 * MS, 30 * MS, 100 * MS, 300 * MS, S, 3 * S, 10 * S),
	.le = {"0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10", "+Inf"},
};

const struct histogram_scale histogram_lifetime = {
	SCALE(10 * MS, 100 * MS, S, 10 * S, 60 * S, 300 * S, 600 * S, 1800 * S, 3600 * S, 10800 * S, 36000 * S),
	.le = {"0.01", "0.1", "1", "10", "60", "300", "600", "1800", "3600", "10800", "36000", "+Inf"},
};

void histogram_sum(struct histogram *total, const struct histogram *one)
{
	total->sum += __atomic_load_n(&one->sum, __ATOMIC_RELAXED);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		total->bucket[i] += __atomic_load_n(&one->bucket[i], __ATOMIC_RELAXED);
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		n += __atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
	return n;
}

int64_t histogram_quantile(const struct histogram *h, const struct histogram_scale *scale, unsigned thousandth)
{
	uint64_t n = histogram_count(h), below = 0, rank = (n * thousandth + 999) / 1000;
	unsigned i = 0;
	int64_t from;

	if (n == 0)
		return -1;
	if (rank == 0)
		rank = 1;
	while (below + h->bucket[i] < rank)
		below += h->bucket[i++];
	if (i == HISTOGRAM_BOUNDS)
		return scale->bound[HISTOGRAM_BOUNDS - 1];
	from = i == 0 ? 0 : scale->bound[i - 1];
	return from + (int64_t)((double)(scale->bound[i] - from) * (double)(rank - below) / (double)h->bucket[i]);
}

void histogram_since(struct histogram *h, const struct histogram *before)
{
	h->sum -= before->sum;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->bucket[i] -= before->bucket[i];
}
