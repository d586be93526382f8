/* stats: counters of threads add up, and each row of the table is there, in the order of its family. */
#include "proxy/metrics/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct stats a, b;
static const struct stats *const all[] = {&a, &b};

static void a_thread_has_its_lines_to_itself(void **state)
{
	(void)state;
	assert_int_equal(_Alignof(struct stats), 128);
	assert_int_equal(sizeof(struct stats) % 128, 0);
}

static void each_row_sums_every_thread(void **state)
{
	uint64_t n = 1;
	struct stats_row row;
	unsigned i = 0;

	(void)state;
#define X(field, ...)                 \
	STAT_ADD(&a, field, n);       \
	STAT_ADD(&b, field, 100 * n); \
	n++;
	COUNTER_TBL(X)
#undef X
	n = 1;
#define X(field, family_, label_, kind_, help_)         \
	stats_row(i++, all, 2, &row);                   \
	assert_int_equal(row.value, 101 * n++);         \
	assert_string_equal(row.family, family_);       \
	assert_string_equal(row.label, label_);         \
	assert_string_equal(row.kind, #kind_);          \
	assert_true(row.first == (row.help[0] != '\0'));
	COUNTER_TBL(X)
#undef X
	assert_int_equal(i, stats_rows());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_has_its_lines_to_itself),
		cmocka_unit_test(each_row_sums_every_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
