/* history: the last 600 seconds, and no more. */
#include "proxy/admin/history.h"

#include <stdlib.h>

#include "tests/unit/proxy/admin/lists.h"

static void the_first_look_only_remembers(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct history_counts c = {.v = {[HISTORY_ACCEPTED] = 5}};

	(void)state;
	assert_non_null(h);
	history_note(h, &c, NP_S, 1);
	assert_int_equal(history_length(h), 0);
	c.v[HISTORY_ACCEPTED] = 8;
	history_note(h, &c, 3 * NP_S, 2);
	assert_int_equal(history_length(h), 1);
	assert_int_equal(h->v[history_row(h, 0)][HISTORY_ACCEPTED], 2); /* 3 in two seconds: 1.5 */
	free(h);
}

static void seconds_are_kept_in_order_and_the_oldest_goes(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct history_counts c = {.v = {0}};

	(void)state;
	assert_non_null(h);
	for (unsigned i = 0; i <= HISTORY_SECONDS + 7; i++) {
		c.v[HISTORY_ACTIVE] = i;
		c.v[HISTORY_BYTES_IN] += i;
		c.cpu += 250 * NP_MS;
		history_note(h, &c, (i + 1) * NP_S, i);
	}
	assert_int_equal(history_length(h), HISTORY_SECONDS);
	for (unsigned i = 0; i < HISTORY_SECONDS; i++) {
		unsigned row = history_row(h, i);

		assert_int_equal(h->at[row], i + 8);
		assert_int_equal(h->v[row][HISTORY_ACTIVE], i + 8);
		assert_int_equal(h->v[row][HISTORY_BYTES_IN], i + 8);
		assert_int_equal(h->v[row][HISTORY_CPU], 250);
		assert_true(h->v[row][HISTORY_CONNECT_P99] == HISTORY_NONE);
	}
	free(h);
}

/* The quantiles are those of the second, whatever was measured before. */
static void latencies_of_a_second(void **state)
{
	struct history *h = calloc(1, sizeof(*h));
	struct history_counts c = {.connect.bucket = {[10] = 1000000}};

	(void)state;
	assert_non_null(h);
	history_note(h, &c, NP_S, 1);
	c.connect.bucket[1] += 100; /* 0.1 to 0.3 ms */
	history_note(h, &c, 2 * NP_S, 2);
	assert_int_equal(h->v[0][HISTORY_CONNECT_P50], 200);
	assert_int_equal(h->v[0][HISTORY_CONNECT_P99], 298);
	free(h);
}

static void the_counts_are_those_of_the_cells(void **state)
{
	struct inventory *inv = list_of(BOTH);
	struct history_counts c = {.v = {0}};

	(void)state;
	inv->listeners[0].counts->stats[0].connections = 9;
	inv->listeners[1].counts->stats[1].connections = 3;
	inv->listeners[1].counts->stats[1].closed[CLOSE_CONNECT_FAILED] = 2;
	inv->listeners[1].counts->stats[1].closed[CLOSE_NO_ROUTE] = 1;
	inv->servers[0].server->stats[1].timeout = 4;
	inv->servers[1].server->stats[0].connect.bucket[0] = 6;
	inv->upstreams[0].live->stats[1].retries = 5;
	history_count(inv, &c);
	assert_int_equal(c.v[HISTORY_ACCEPTED], 12);
	assert_int_equal(c.v[HISTORY_ACTIVE], 9);
	assert_int_equal(c.v[HISTORY_FAILED], 2);
	assert_int_equal(c.v[HISTORY_REJECTED], 1);
	assert_int_equal(c.v[HISTORY_CONNECT_ERRORS], 4);
	assert_int_equal(c.v[HISTORY_CONNECTS], 6);
	assert_int_equal(c.v[HISTORY_RETRIES], 5);
	assert_int_equal(c.v[HISTORY_USABLE], 2);
	assert_int_equal(HISTORY_SERIES, 16);
	assert_true(c.cpu > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTS_TEST(the_first_look_only_remembers),
		LISTS_TEST(seconds_are_kept_in_order_and_the_oldest_goes),
		LISTS_TEST(latencies_of_a_second),
		LISTS_TEST(the_counts_are_those_of_the_cells),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
