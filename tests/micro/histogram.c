/* histogram: one observation, its line warm: durations of all sizes, in no order. */
#include "tests/micro/micro.h"

#include "proxy/metrics/histogram.h"

#define COUNT 65536

static struct histogram cell;

static void observe(void *arg)
{
	const int64_t *ns = arg;

	for (size_t i = 0; i < COUNT; i++)
		histogram_add(&cell, &histogram_latency, ns[i]);
}

int main(void)
{
	int64_t *ns = micro_need(malloc(COUNT * sizeof(*ns)));
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < COUNT; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ns[i] = (int64_t)(x >> (30 + x % 20));
	}
	micro_best("histogram: observe", COUNT, NULL, observe, ns);
	free(ns);
	return 0;
}
