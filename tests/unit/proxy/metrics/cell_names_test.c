/* cell_names: every count of a cell has one name, and none has two. P38 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/check.h"
#include "proxy/metrics/cell_names.h"
#include "proxy/metrics/listener_stats.h"
#include "proxy/metrics/server_stats.h"
#include "tests/kit/kit.h"

/* Numbers without a name, on purpose: of now, and what fills the last line. */
static unsigned nameless(enum cell_kind kind)
{
	static uint8_t seen[CELL_NUMBERS_MOST];
	const struct cell_names *names = &cell_names[kind];
	unsigned n = 0;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < names->nrows; i++)
		for (unsigned j = 0; j < names->rows[i].n; j++)
			assert_int_equal(seen[names->rows[i].at + j]++, 0);
	for (unsigned i = 0; i < names->nnumbers; i++)
		n += seen[i] == 0;
	return n;
}

#define NUMBERS_IN(type, last) \
	((offsetof(struct type, last) + sizeof(((struct type *)0)->last)) / sizeof(uint64_t))

static void p38_each_number_has_a_name(void **state)
{
	(void)state;
	assert_int_equal(nameless(CELL_PROCESS), sizeof(struct stats) / 8 - NUMBERS_IN(stats, upgrade_lost));
	assert_int_equal(nameless(CELL_LISTENER), /* CLOSE_NONE ends nothing */
			 1 + sizeof(struct listener_stats) / 8 - NUMBERS_IN(listener_stats, upgrade_pause));
	assert_int_equal(nameless(CELL_UPSTREAM),
			 sizeof(struct upstream_stats) / 8 - NUMBERS_IN(upstream_stats, queue_wait));
	assert_int_equal(nameless(CELL_SERVER), /* answered, and three of warm connections */
			 4 + sizeof(struct server_stats) / 8 - NUMBERS_IN(server_stats, warm_dials));
}

static void p38_a_name_is_found(void **state)
{
	const uint8_t name[] = "closed.client_fin";

	(void)state;
	assert_int_equal(cell_row_named(CELL_LISTENER, name, sizeof(name) - 1)->n, 1);
	assert_null(cell_row_named(CELL_LISTENER, name, sizeof(name) - 2));
	assert_null(cell_row_named(CELL_SERVER, name, sizeof(name) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p38_each_number_has_a_name),
		cmocka_unit_test(p38_a_name_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
