/* log_episode: each subject and cause is told of for itself, ever more seldom, and at its end (O26). */
#include "proxy/log/log_episode.h"

#include <stdio.h>
#include <string.h>

#include "tests/kit/kit.h"

#define S LOG_EPISODE_GAP

static struct log_episodes table;

static int fresh(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return pthread_mutex_init(&table.lock, NULL);
}

static bool admit(const char *who, int cause, int64_t now, uint64_t *suppressed)
{
	uint64_t key = log_episode_key("failed", who, cause);
	bool first;
	bool admitted = log_episode_admit(&table, key, now, suppressed, &first);

	if (first)
		log_episode_begin(&table, key, LVL_WARNING, "failed", who);
	return admitted;
}

static const struct {
	const char *name;
	int64_t now;
	bool admitted;
	uint64_t suppressed;
} events[] = {
	{"the first is written", 5, true, 0},
	{"the next is not", 5, false, 0},
	{"nor one at the end of the gap", 4 + S, false, 0},
	{"behind the gap one stands for two", 5 + S, true, 2},
	{"and the gap is twice as long", 4 + 3 * S, false, 0},
	{"the count starts again, too", 5 + 3 * S, true, 1},
	{"and again", 4 + 7 * S, false, 0},
	{"four seconds", 5 + 7 * S, true, 1},
	{"a whole while is one line", INT64_C(200) * S, true, 0},
	{"the longest gap is bounded", INT64_C(200) * S + LOG_EPISODE_GAP_MAX, true, 0},
};

static void o26_lines_come_ever_more_seldom(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(events); i++) {
		uint64_t suppressed = 0;

		if (admit("a", 1, events[i].now, &suppressed) != events[i].admitted)
			fail_msg("%s", events[i].name);
		if (events[i].admitted && suppressed != events[i].suppressed)
			fail_msg("%s: %d", events[i].name, (int)suppressed);
	}
}

static void o26_each_server_and_cause_has_its_own(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_true(admit("a", 1, 1, &n));
	assert_true(admit("b", 1, 1, &n));
	assert_true(admit("a", 2, 1, &n));
	assert_false(admit("a", 1, 2, &n));
	assert_false(admit("b", 1, 2, &n));
	assert_int_equal(table.open, 3);
}

static void o26_the_end_says_what_was_not_logged(void **state)
{
	struct log_episode e;
	uint64_t n = 0;

	(void)state;
	for (int i = 0; i < 132; i++)
		(void)admit("a", 1, i, &n);
	assert_false(log_episode_over(&table, 130 + LOG_EPISODE_CALM, &e));
	assert_true(log_episode_over(&table, 131 + LOG_EPISODE_CALM, &e));
	assert_int_equal(e.suppressed, 131);
	assert_string_equal(e.msg, "a");
	assert_string_equal(e.event, "failed");
	assert_false(log_episode_open(&table));
	assert_false(log_episode_over(&table, INT64_MAX, &e));
	assert_true(admit("a", 1, 10 * S, &n)); /* another one */
	assert_int_equal(n, 0);
}

/* More at once than there are places: the others share one, and none is lost from the count. */
static void o26_a_full_table_still_counts(void **state)
{
	uint64_t n = 0, told = 0;
	struct log_episode e;
	char who[16];

	(void)state;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 2 * LOG_EPISODES; i++) {
			snprintf(who, sizeof(who), "s%d", i);
			told += admit(who, 1, 1, &n);
		}
	assert_int_equal(told, LOG_EPISODES + 1);
	while (log_episode_over(&table, INT64_MAX, &e))
		told += e.suppressed;
	assert_int_equal(told, 4 * LOG_EPISODES);
	for (int i = 0; i < LOG_EPISODES; i++) { /* all places are free again */
		snprintf(who, sizeof(who), "t%d", i);
		assert_true(admit(who, 1, 1, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(o26_lines_come_ever_more_seldom, fresh),
		cmocka_unit_test_setup(o26_each_server_and_cause_has_its_own, fresh),
		cmocka_unit_test_setup(o26_the_end_says_what_was_not_logged, fresh),
		cmocka_unit_test_setup(o26_a_full_table_still_counts, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
