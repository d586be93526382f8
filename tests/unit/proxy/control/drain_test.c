/* The end of the process: how long its logs may take. */
#include "proxy/control/drain.h"

#include "proxy/control/control.h"
#include "tests/kit/kit.h"

static struct process p;

static int fresh(void **state)
{
	(void)state;
	p = (struct process){.stop_by = INT64_MAX, .logs_by = INT64_MAX};
	return 0;
}

/* V10: one bound for both logs. An access log that takes all of its time leaves the process log no more
 * than its share. */
static void both_logs_have_one_bound(void **state)
{
	int64_t before = np_nanotime();
	int access = drain_access_patience(&p), least;

	(void)state;
	assert_in_range(p.logs_by, before + LOG_STOP_MS * NP_MS, np_nanotime() + LOG_STOP_MS * NP_MS);
	p.logs_by = np_nanotime(); /* the access log was given up, and late */
	least = drain_process_patience(&p);
	assert_true(least > 0);
	assert_int_equal(access + least, LOG_STOP_MS);
}

/* After the deadline each still has a moment: a log that takes its lines loses none. */
static void each_log_has_its_least(void **state)
{
	(void)state;
	p.stop_by = 0;
	assert_true(drain_access_patience(&p) > 0);
	p.logs_by = 0;
	assert_true(drain_process_patience(&p) > 0);
}

/* A start that failed had no drain. */
static void without_a_drain_the_process_log_has_all(void **state)
{
	(void)state;
	assert_int_equal(drain_process_patience(&p), LOG_STOP_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_logs_have_one_bound, fresh),
		cmocka_unit_test_setup(each_log_has_its_least, fresh),
		cmocka_unit_test_setup(without_a_drain_the_process_log_has_all, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
