/* histogram: O15: exact bounds, counts that equal the observations, sums. */
#include "proxy/metrics/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  (1000 * MS)

static const int64_t latency[] = {MS / 10, 3 * MS / 10, MS, 3 * MS, 10 * MS, 30 * MS,
				  100 * MS, 300 * MS, S, 3 * S, 10 * S};
static const int64_t lifetime[] = {10 * MS, 100 * MS, S, 10 * S, 60 * S, 300 * S,
				   600 * S, 1800 * S, 3600 * S, 10800 * S, 36000 * S};

/* The definition: the first bound that is not below the duration. */
static unsigned slow_bucket(const int64_t *bounds, int64_t ns)
{
	unsigned i = 0;

	while (i < HISTOGRAM_BOUNDS && ns > bounds[i])
		i++;
	return i;
}

static void bounds_are(const struct histogram_scale *scale, const int64_t *bounds)
{
	assert_true(scale->bound[HISTOGRAM_BOUNDS] == INT64_MAX);
	assert_string_equal(scale->le[HISTOGRAM_BOUNDS], "+Inf");
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		char *end;
		double seconds = strtod(scale->le[i], &end);

		assert_true(scale->bound[i] == bounds[i]);
		assert_true(*end == '\0' && (int64_t)(seconds * 1e9 + 0.5) == bounds[i]);
		assert_int_equal(histogram_bucket(scale, bounds[i] - 1), i);
		assert_int_equal(histogram_bucket(scale, bounds[i]), i);
		assert_int_equal(histogram_bucket(scale, bounds[i] + 1), i + 1);
	}
}

static void o15_bounds_are_exact(void **state)
{
	(void)state;
	bounds_are(&histogram_latency, latency);
	bounds_are(&histogram_lifetime, lifetime);
}

/* At each power of two, beside it, and at random between. */
static void each_duration_is_in_the_bucket_of_its_bound(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (unsigned bit = 0; bit < 63; bit++) {
		for (int i = 0; i < 1000; i++) {
			int64_t base = INT64_C(1) << bit, v;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			v = i < 3 ? base - 1 + i : base + (int64_t)(x % (uint64_t)base);
			assert_int_equal(histogram_bucket(&histogram_latency, v), slow_bucket(latency, v));
			assert_int_equal(histogram_bucket(&histogram_lifetime, v), slow_bucket(lifetime, v));
		}
	}
	assert_int_equal(histogram_bucket(&histogram_latency, 0), 0);
	assert_int_equal(histogram_bucket(&histogram_latency, INT64_MAX), HISTOGRAM_BOUNDS);
}

static void counts_equal_the_observations(void **state)
{
	struct histogram a = {0}, b = {0}, total = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		histogram_add(i % 2 == 0 ? &a : &b, &histogram_latency, i * 3 * MS);
	histogram_sum(&total, &a);
	histogram_sum(&total, &b);
	assert_int_equal(histogram_count(&a), 500);
	assert_int_equal(histogram_count(&total), 1000);
	assert_int_equal(total.bucket[0], 1); /* 0 */
	assert_int_equal(total.bucket[3], 1); /* 3 ms */
	assert_int_equal(total.bucket[4], 2); /* 6 and 9 ms */
}

static void a_sum_is_in_ticks_and_a_negative_duration_is_none(void **state)
{
	struct histogram h = {0};

	(void)state;
	histogram_add(&h, &histogram_lifetime, 3600 * S);
	assert_true(h.sum == 3515625000u); /* 3,600 s in 1,024 ns each */
	histogram_add(&h, &histogram_lifetime, -5);
	histogram_add(&h, &histogram_lifetime, 511);
	assert_true(h.sum == 3515625000u);
	histogram_add(&h, &histogram_lifetime, 512);
	assert_true(h.sum == 3515625001u);
	assert_int_equal(h.bucket[0], 3);
	assert_int_equal(h.bucket[8], 1);
}

static void a_quantile_is_in_its_bucket(void **state)
{
	struct histogram h = {0};

	(void)state;
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 500), -1);
	h.bucket[2] = 10; /* 0.3 to 1 ms */
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 0), 370000);
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 500), 650000);
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 1000), 1000000);
	h.bucket[5] = 10; /* 10 to 30 ms */
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 500), 1000000);
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 550), 12 * MS);
	h.bucket[HISTOGRAM_BOUNDS] = 80; /* beyond all bounds */
	assert_int_equal(histogram_quantile(&h, &histogram_latency, 990), 10 * S);
}

static void what_was_added_since(void **state)
{
	struct histogram h = {.sum = 7, .bucket = {[1] = 5, [3] = 2}}, before = {.sum = 3, .bucket = {[1] = 4}};

	(void)state;
	histogram_since(&h, &before);
	assert_int_equal(h.sum, 4);
	assert_int_equal(h.bucket[1], 1);
	assert_int_equal(h.bucket[3], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o15_bounds_are_exact),
		cmocka_unit_test(each_duration_is_in_the_bucket_of_its_bound),
		cmocka_unit_test(counts_equal_the_observations),
		cmocka_unit_test(a_sum_is_in_ticks_and_a_negative_duration_is_none),
		cmocka_unit_test(a_quantile_is_in_its_bucket),
		cmocka_unit_test(what_was_added_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
