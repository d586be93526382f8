/* server_stats: a connect that worked is a duration of `connect`, and no count of its own. */
#include "proxy/metrics/server_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void totals_of_all_workers(void **state)
{
	struct server_stats *cells = server_stats_new(2), total = {0};

	(void)state;
	histogram_add(&cells[0].connect, &histogram_latency, 250000);
	histogram_add(&cells[1].connect, &histogram_latency, 250000);
	STAT_ADD(&cells[1], refused, 3);
	server_stats_sum(&total, cells, 2);
	assert_int_equal(histogram_count(&total.connect), 2);
	assert_int_equal(total.connect.bucket[1], 2);
	assert_int_equal(total.refused, 3);
	free(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals_of_all_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
