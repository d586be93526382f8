/* prometheus: O14: lines of both formats, whatever a label holds; O15: histograms are cumulative. */
#include "proxy/metrics/prometheus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char room[8192];
static struct text out;
static struct prometheus p = {.out = &out};

static int begin(void **state)
{
	(void)state;
	text_init(&out, room, sizeof(room) - 1);
	p.openmetrics = false;
	return 0;
}

static void expect(const char *text)
{
	room[out.n] = '\0';
	assert_false(out.cut);
	assert_string_equal(room, text);
	(void)begin(NULL);
}

static void heads(void **state)
{
	(void)state;
	prometheus_head(&p, "a_total", "counter", "What it is.");
	expect("# HELP a_total What it is.\n# TYPE a_total counter\n");
	p.openmetrics = true;
	prometheus_head(&p, "a_total", "counter", "What it is.");
	expect("# HELP a What it is.\n# TYPE a counter\n");
	prometheus_end(&p);
	expect("");
	p.openmetrics = true;
	prometheus_value(&p, "a_total", &(struct labels){0}, 7);
	prometheus_end(&p);
	expect("a_total 7\n# EOF\n");
}

static void labels_hold_any_bytes(void **state)
{
	char longest[400];
	struct labels l = {{{"x", "a\"b\\c\nd\t\xff"}, {"y", ""}}};

	(void)state;
	prometheus_value(&p, "v", &l, UINT64_MAX);
	expect("v{x=\"a\\\"b\\\\c\\nd\t?\",y=\"\"} 18446744073709551615\n");
	memset(longest, 'z', sizeof(longest));
	longest[399] = '\0';
	l = (struct labels){{{"x", longest}}};
	prometheus_value(&p, "v", &l, 1);
	assert_int_equal(out.n, strlen("v{x=\"\"} 1\n") + TEXT_FIELD_MAX);
	(void)begin(NULL);
	prometheus_row(&p, "v", "a=\"b\"", 2);
	prometheus_row(&p, "v", "", 3);
	expect("v{a=\"b\"} 2\nv 3\n");
}

static void seconds_are_exact(void **state)
{
	(void)state;
	prometheus_seconds(&p, "t", &(struct labels){0}, 0);
	prometheus_seconds(&p, "t", &(struct labels){0}, -5);
	prometheus_seconds(&p, "t", &(struct labels){0}, 1500000000);
	prometheus_seconds(&p, "t", &(struct labels){0}, 1);
	prometheus_seconds(&p, "t", &(struct labels){0}, INT64_MAX);
	expect("t 0\nt 0\nt 1.5\nt 0.000000001\nt 9223372036.854775807\n");
}

static void o15_a_histogram_is_cumulative(void **state)
{
	struct labels l = {{{"upstream", "app"}}};
	struct histogram h = {0};

	(void)state;
	histogram_add(&h, &histogram_latency, 50000);
	histogram_add(&h, &histogram_latency, 2000000);
	histogram_add(&h, &histogram_latency, 2000000);
	histogram_add(&h, &histogram_latency, INT64_C(20000000000));
	prometheus_histogram(&p, "c", &l, &histogram_latency, &h);
	expect("c_bucket{upstream=\"app\",le=\"0.0001\"} 1\n"
	       "c_bucket{upstream=\"app\",le=\"0.0003\"} 1\n"
	       "c_bucket{upstream=\"app\",le=\"0.001\"} 1\n"
	       "c_bucket{upstream=\"app\",le=\"0.003\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"0.01\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"0.03\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"0.1\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"0.3\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"1\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"3\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"10\"} 3\n"
	       "c_bucket{upstream=\"app\",le=\"+Inf\"} 4\n"
	       "c_sum{upstream=\"app\"} 20.00404992\n"
	       "c_count{upstream=\"app\"} 4\n");
	h.sum = UINT64_MAX; /* wider than 64 bits of ns */
	prometheus_histogram(&p, "c", &(struct labels){0}, &histogram_latency, &h);
	room[out.n] = '\0';
	assert_non_null(strstr(room, "\nc_sum 18889465931478.58085376\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(heads, begin),
		cmocka_unit_test_setup(labels_hold_any_bytes, begin),
		cmocka_unit_test_setup(seconds_are_exact, begin),
		cmocka_unit_test_setup(o15_a_histogram_is_cumulative, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
