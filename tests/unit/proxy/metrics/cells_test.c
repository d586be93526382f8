/* cells: each worker's on lines of its own, and the sum takes every number of every worker. */
#include "proxy/metrics/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/metrics/listener_stats.h"
#include "proxy/metrics/server_stats.h"

#define WORKERS 3

static void no_two_share_a_line(void **state)
{
	struct server_stats *s = server_stats_new(WORKERS);
	struct listener_stats *l = listener_stats_new(WORKERS);
	struct upstream_stats *u = upstream_stats_new(WORKERS);

	(void)state;
	assert_true((uintptr_t)s % 128 == 0 && sizeof(*s) % 128 == 0);
	assert_true((uintptr_t)l % 128 == 0 && sizeof(*l) % 128 == 0);
	assert_true((uintptr_t)u % 128 == 0 && sizeof(*u) % 128 == 0);
	free(s);
	free(l);
	free(u);
}

/* Word j of worker i has a value of its own. */
static void fill(uint64_t *words, size_t each)
{
	for (size_t i = 0; i < WORKERS; i++)
		for (size_t j = 0; j < each; j++)
			words[i * each + j] = (i + 1) * 1000 + j;
}

static void expect_sums(const uint64_t *total, size_t words)
{
	for (size_t j = 0; j < words; j++)
		assert_true(total[j] == 6000 + 3 * j);
}

static void the_sum_takes_every_number(void **state)
{
	struct server_stats *s = server_stats_new(WORKERS), server = {0};
	struct listener_stats *l = listener_stats_new(WORKERS), listener = {0};

	(void)state;
	fill((uint64_t *)s, sizeof(*s) / 8);
	fill((uint64_t *)l, sizeof(*l) / 8);
	server_stats_sum(&server, s, WORKERS);
	listener_stats_sum(&listener, l, WORKERS);
	expect_sums((uint64_t *)&server, sizeof(server) / 8);
	expect_sums((uint64_t *)&listener, sizeof(listener) / 8);
	free(s);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_two_share_a_line),
		cmocka_unit_test(the_sum_takes_every_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
