/* hist: every quantile against the sorted values themselves: never below the true one, at most 1/128 above. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/gen/hist.h"

#define VALUES 20000

static struct hist h;

static void of_nothing(void **state)
{
	(void)state;
	hist_init(&h);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	assert_int_equal(hist_quantile(&h, 1), 0);
}

static void of_one_value(void **state)
{
	static const int64_t values[] = {0, 1, 255, 256, 257, 1000, 123456789, HIST_TOP};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		hist_init(&h);
		hist_add(&h, values[i]);
		/* No bucket is wider than what was recorded: the maximum is kept exactly. */
		assert_int_equal(hist_quantile(&h, 0), values[i]);
		assert_int_equal(hist_quantile(&h, 0.5), values[i]);
		assert_int_equal(hist_quantile(&h, 1), values[i]);
		assert_int_equal(h.min, values[i]);
		assert_int_equal(h.max, values[i]);
	}
}

static void out_of_range(void **state)
{
	(void)state;
	hist_init(&h);
	hist_add(&h, -5);
	assert_int_equal(hist_quantile(&h, 1), 0);
	hist_add(&h, INT64_MAX);
	assert_int_equal(h.max, HIST_TOP);
	assert_int_equal(h.count, 2);
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void fill(uint64_t *values, double octaves)
{
	srand(7);
	hist_init(&h);
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = (uint64_t)exp2(octaves * rand() / RAND_MAX);
		hist_add(&h, (int64_t)values[i]);
	}
	qsort(values, VALUES, sizeof(*values), ascending);
}

static void every_quantile(void **state)
{
	static const double shares[] = {0.0001, 0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
	static uint64_t values[VALUES];

	(void)state;
	for (double octaves = 1; octaves < 40; octaves += 1.7) {
		fill(values, octaves);
		for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
			uint64_t truth = values[(size_t)ceil(shares[i] * VALUES) - 1];
			uint64_t got = hist_quantile(&h, shares[i]);

			assert_true(got >= truth);
			assert_true(got - truth <= truth / 128);
		}
	}
}

/* Below 256 a value has its own bucket. */
static void small_values_are_exact(void **state)
{
	(void)state;
	hist_init(&h);
	for (int64_t v = 0; v < 256; v++)
		hist_add(&h, v);
	for (uint64_t v = 0; v < 256; v++)
		assert_int_equal(hist_quantile(&h, (double)(v + 1) / 256), v);
}

/* What the driver reads: a point a tenth of a nine, none beyond what the count can tell. */
static void printed(void **state)
{
	char text[1024] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(f);
	hist_init(&h);
	for (int i = 1; i <= 10; i++)
		hist_add(&h, i * 1000);
	hist_print(&h, f);
	fclose(f);
	assert_non_null(strstr(text, "{\"min\":1.0,\"mean\":5.5,\"max\":10.0,\"curve\":[[0.0000000,1.0],"));
	assert_non_null(strstr(text, ",[0.9000000,9.0]]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_nothing),
		cmocka_unit_test(of_one_value),
		cmocka_unit_test(out_of_range),
		cmocka_unit_test(every_quantile),
		cmocka_unit_test(small_values_are_exact),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
