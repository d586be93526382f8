/* stats: counters of workers add up, and each close reason has its counter. */
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
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++)
		for (unsigned i = 0; i < (unsigned)why; i++)
			stats_close(i % 2 == 0 ? &a : &b, why);
	stats_sum(&total, &a);
	stats_sum(&total, &b);
	n = 1;
#define X(field, ...) assert_int_equal(total.field, 101 * n++);
	COUNTER_TBL(X)
#undef X
	for (enum close_reason why = CLOSE_NONE; why < CLOSE_REASONS; why++)
		assert_int_equal(total.closed[why], why);
}

static void a_gauge_goes_down_again(void **state)
{
	(void)state;
	STAT_ADD(&a, active, 3);
	STAT_SUB(&a, active, 2);
	assert_int_equal(STAT_GET(&a, active), 1);
}

static void the_page_is_prometheus_text(void **state)
{
	(void)state;
	total.connections = 7;
	total.bytes_in = UINT64_MAX;
	total.closed[CLOSE_SERVER_RST] = 3;
	total.closed[CLOSE_OVERLOAD] = 4;
	print_page();
	assert_int_equal(count("# HELP staunch_connections_total Client connections accepted"), 1);
	assert_int_equal(count("\n# TYPE staunch_connections_total counter\nstaunch_connections_total 7\n"), 1);
	assert_int_equal(count("\n# TYPE staunch_connections_active gauge\n"), 1);
	assert_int_equal(count("\nstaunch_transferred_bytes_total{direction=\"in\"} 18446744073709551615\n"), 1);
	assert_int_equal(count("\nstaunch_connections_closed_total{reason=\"server_rst\"} 3\n"), 1);
	assert_int_equal(count("\nstaunch_connections_rejected_total{reason=\"overload\"} 4\n"), 1);
	assert_int_equal(count("reason=\"none\""), 0);
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
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++) {
		char label[64];
		struct text t;

		text_init(&t, label, sizeof(label));
		text_str(&t, "{reason=\"");
		text_str(&t, close_word(why));
		text_str(&t, "\"} 0\n");
		text_bytes(&t, "", 1);
		assert_int_equal(count(label), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_thread_has_its_lines_to_itself, fresh),
		cmocka_unit_test_setup(the_sum_takes_every_field_of_every_thread, fresh),
		cmocka_unit_test_setup(a_gauge_goes_down_again, fresh),
		cmocka_unit_test_setup(the_page_is_prometheus_text, fresh),
		cmocka_unit_test_setup(every_family_has_one_head_and_every_row_is_there, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
