/* stats: counters of threads add up, and the page has each of them. */
#include "proxy/metrics/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct stats a, b, total;
static char page[STATS_TEXT + 1];

static int fresh(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	memset(&total, 0, sizeof(total));
	return 0;
}

static void print_page(void)
{
	struct text out;

	text_init(&out, page, STATS_TEXT);
	stats_write(&total, &out);
	assert_false(out.cut);
	page[out.n] = '\0';
}

static size_t count(const char *needle)
{
	size_t n = 0;

	for (const char *at = page; (at = strstr(at, needle)) != NULL; at += strlen(needle))
		n++;
	return n;
}

static void a_thread_has_its_lines_to_itself(void **state)
{
	(void)state;
	assert_int_equal(_Alignof(struct stats), 128);
	assert_int_equal(sizeof(struct stats) % 128, 0);
}

static void the_sum_takes_every_field_of_every_thread(void **state)
{
	uint64_t n = 1;

	(void)state;
#define X(field, ...)                \
	STAT_ADD(&a, field, n);      \
	STAT_ADD(&b, field, 100 * n); \
	n++;
	COUNTER_TBL(X)
#undef X
	stats_sum(&total, &a);
	stats_sum(&total, &b);
	n = 1;
#define X(field, ...) assert_int_equal(total.field, 101 * n++);
	COUNTER_TBL(X)
#undef X
}

static void the_page_is_prometheus_text(void **state)
{
	(void)state;
	total.accept_pauses = 7;
	total.records_own = UINT64_MAX;
	print_page();
	assert_int_equal(count("# HELP staunch_accept_pauses_total Times a listener paused"), 1);
	assert_int_equal(count("\n# TYPE staunch_accept_pauses_total counter\nstaunch_accept_pauses_total 7\n"), 1);
	assert_int_equal(count("\nstaunch_tls_records_total{layer=\"own\"} 18446744073709551615\n"), 1);
	assert_int_equal(page[strlen(page) - 1], '\n');
}

/* Prometheus refuses a page on which a family has two heads or its rows stand apart. */
static void every_family_has_one_head_and_every_row_is_there(void **state)
{
	(void)state;
	print_page();
#define X(field, family, label, kind, help)                                                   \
	assert_int_equal(count("# HELP " family " "), 1);                                     \
	assert_int_equal(count("# TYPE " family " " #kind "\n"), 1);                          \
	assert_int_equal(count(label[0] ? "\n" family "{" label "} 0\n" : "\n" family " 0\n"), 1);
	COUNTER_TBL(X)
#undef X
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_thread_has_its_lines_to_itself, fresh),
		cmocka_unit_test_setup(the_sum_takes_every_field_of_every_thread, fresh),
		cmocka_unit_test_setup(the_page_is_prometheus_text, fresh),
		cmocka_unit_test_setup(every_family_has_one_head_and_every_row_is_there, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
