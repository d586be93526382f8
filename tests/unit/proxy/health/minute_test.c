/* minute: what was counted comes into windows of ten seconds, and is forgotten after a minute. By a clock of the
 * test. */
#include "proxy/health/minute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2
#define S       INT64_C(1000000000)
#define MS      INT64_C(1000000)

static struct server_stats cells[WORKERS];
static struct server_minute minute;
static int64_t now;

static int begin(void **state)
{
	(void)state;
	memset(cells, 0, sizeof(cells));
	memset(&minute, 0, sizeof(minute));
	now = 1000 * S;
	minute_begin(&minute, cells, WORKERS, now);
	return 0;
}

static void answer(unsigned worker, unsigned n, int64_t takes)
{
	for (unsigned i = 0; i < n; i++)
		histogram_add(&cells[worker].first_byte, &histogram_latency, takes);
}

/* The teacher's: each second. */
static void pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		now += S;
		minute_look(&minute, cells, WORKERS, now);
	}
}

static struct minute_counts sum(void)
{
	struct minute_counts c = {0};

	minute_add(&c, &minute);
	return c;
}

static uint64_t answers(void)
{
	struct minute_counts c = sum();

	return histogram_count(&c.first_byte);
}

static void all_workers_and_both_early_ends(void **state)
{
	struct minute_counts c;

	(void)state;
	answer(0, 3, 50 * MS);
	answer(1, 4, 2 * S);
	STAT_ADD(&cells[0], early_ends, 2);
	STAT_ADD(&cells[1], early_ends, 3);
	STAT_ADD(&cells[1], early_resets, 5);
	pass(1);
	c = sum();
	assert_int_equal(histogram_count(&c.first_byte), 7);
	assert_int_equal(c.first_byte.bucket[histogram_bucket(&histogram_latency, 50 * MS)], 3);
	assert_int_equal(c.first_byte.bucket[histogram_bucket(&histogram_latency, 2 * S)], 4);
	assert_int_equal(c.early, 10);
}

/* However often they are looked at. */
static void totals_are_counted_once(void **state)
{
	(void)state;
	answer(0, 5, MS);
	STAT_ADD(&cells[0], early_resets, 1);
	pass(20);
	assert_int_equal(answers(), 5);
	assert_int_equal(sum().early, 1);
	answer(0, 2, MS);
	pass(1);
	assert_int_equal(answers(), 7);
}

static void a_window_takes_ten_seconds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		answer(0, 1, MS);
		pass(1);
	}
	for (unsigned i = 0; i < 3; i++) /* the first look of a window sees what came before it as well */
		assert_int_equal(histogram_count(&minute.windows[i].first_byte), i == 0 ? 9 : 10);
	assert_int_equal(minute.at, 3);
	assert_int_equal(histogram_count(&minute.windows[3].first_byte), 1);
	assert_int_equal(answers(), 30);
}

static void the_oldest_is_forgotten(void **state)
{
	(void)state;
	answer(0, 100, MS);
	STAT_ADD(&cells[0], early_ends, 7);
	pass(1); /* the first window */
	answer(1, 1, MS);
	pass(9); /* the second */
	pass(49);
	assert_int_equal(answers(), 101);
	assert_int_equal(sum().early, 7);
	pass(1); /* a minute after the first began */
	assert_int_equal(sum().early, 0);
	assert_int_equal(answers(), 0);
}

static void each_window_goes_on_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		answer(0, 1U << i, MS);
		pass(10); /* i == 0: seen in the first second, and so on */
	}
	assert_int_equal(answers(), 62); /* all but the first */
	for (unsigned i = 1; i < 6; i++) {
		pass(10);
		assert_int_equal(answers(), 62 - (2U << i) + 2);
	}
}

/* What was counted before anybody looked, or while nobody did, is of no minute. */
static void history_is_of_no_minute(void **state)
{
	(void)state;
	answer(0, 5000, MS);
	STAT_ADD(&cells[1], early_ends, 70);
	minute_begin(&minute, cells, WORKERS, now);
	pass(1);
	assert_int_equal(answers(), 0);
	assert_int_equal(sum().early, 0);
	answer(1, 3, MS);
	pass(1);
	assert_int_equal(answers(), 3);
	answer(0, 4000, MS);
	now += 20 * S;
	pass(1);
	assert_int_equal(answers(), 0);
	answer(0, 2, MS);
	pass(1);
	assert_int_equal(answers(), 2);
}

static void sums_are_added_to(void **state)
{
	struct minute_counts c = {.early = 40};

	(void)state;
	answer(0, 2, MS);
	STAT_ADD(&cells[0], early_ends, 2);
	pass(1);
	minute_add(&c, &minute);
	minute_add(&c, &minute);
	assert_int_equal(c.early, 44);
	assert_int_equal(histogram_count(&c.first_byte), 4);
}

/* E69: beside what clients' connects took. */
static void e69_a_probe_is_a_sample(void **state)
{
	struct minute_counts c;

	(void)state;
	pass(1);
	histogram_add(&cells[0].connect, &histogram_latency, MS);
	minute_connected(&minute, 50 * MS);
	pass(1);
	minute_connected(&minute, 50 * MS);
	c = sum();
	assert_int_equal(histogram_count(&c.connect), 3);
	assert_int_equal(c.connect.bucket[histogram_bucket(&histogram_latency, 50 * MS)], 2);
	pass(70);
	c = sum();
	assert_int_equal(histogram_count(&c.connect), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_workers_and_both_early_ends, begin),
		cmocka_unit_test_setup(totals_are_counted_once, begin),
		cmocka_unit_test_setup(a_window_takes_ten_seconds, begin),
		cmocka_unit_test_setup(the_oldest_is_forgotten, begin),
		cmocka_unit_test_setup(each_window_goes_on_its_own, begin),
		cmocka_unit_test_setup(history_is_of_no_minute, begin),
		cmocka_unit_test_setup(sums_are_added_to, begin),
		cmocka_unit_test_setup(e69_a_probe_is_a_sample, begin),
	};

	return cmocka_run_group_tests_name("minute", tests, NULL, NULL);
}
