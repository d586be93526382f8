/* listener_stats: what is open is what was accepted and has not ended. */
#include "proxy/metrics/listener_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void open_ones_are_counted_by_the_ends(void **state)
{
	struct listener_stats *cells = listener_stats_new(2), total = {0};

	(void)state;
	STAT_ADD(&cells[0], connections, 10);
	STAT_ADD(&cells[1], connections, 5);
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_NONE + 4; why++)
		STAT_ADD(&cells[why % 2], closed[why], 2);
	listener_stats_sum(&total, cells, 2);
	assert_int_equal(listener_stats_active(&total), 9);
	total.connections = 3; /* an end was read that came later than its accept */
	assert_int_equal(listener_stats_active(&total), 0);
	free(cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_ones_are_counted_by_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
