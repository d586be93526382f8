/* pulse: a loop that does not turn is seen by who is under way meanwhile, and by nobody else. */
#include "proxy/health/pulse.h"

#include "tests/kit/kit.h"

#define BLOCKED (150 * NP_MS)

static struct pulse pulse;
static const char *problem;

static void hold_the_loop(int64_t ns)
{
	int64_t until = np_nanotime() + ns;

	while (np_nanotime() < until)
		;
}

/* Three: one that is there all the time, one that ends before, one that comes after. */
static const char *watch(void)
{
	struct pulse_user all, before, after;

	pulse_use(&pulse, &before);
	pulse_use(&pulse, &all);
	np_sleep(2 * PULSE_EVERY);
	if (pulse_leave(&pulse, &before) >= BLOCKED)
		return "nothing has happened yet";
	hold_the_loop(BLOCKED);
	np_sleep(2 * PULSE_EVERY);
	pulse_use(&pulse, &after);
	np_sleep(2 * PULSE_EVERY);
	if (pulse_leave(&pulse, &after) >= BLOCKED)
		return "it was over before";
	if (pulse_leave(&pulse, &all) < BLOCKED)
		return "it is remembered";
	return list_empty(&pulse.users) ? NULL : "nobody is left";
}

/* Who ends before the overdue beat has come is told of it, too. */
static const char *leave_at_once(void)
{
	struct pulse_user u;

	pulse_use(&pulse, &u);
	hold_the_loop(BLOCKED);
	return pulse_leave(&pulse, &u) >= BLOCKED ? NULL : "the beat that is overdue";
}

static void script(void *arg)
{
	problem = ((const char *(*)(void))arg)();
}

static void run(const char *(*what)(void))
{
	const struct np_worker_opts o = {.name = "pulse", .id = 0, .cpu = -1, .main = script, .arg = (void *)what};

	pulse = (struct pulse){0};
	list_init(&pulse.users);
	assert_int_equal(np_run(&o), 0);
	if (problem != NULL)
		fail_msg("%s", problem);
}

static void e23_lateness_is_seen(void **state)
{
	(void)state;
	run(watch);
}

static void e23_an_overdue_beat_counts(void **state)
{
	(void)state;
	run(leave_at_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(e23_lateness_is_seen, kit_end),
		cmocka_unit_test_teardown(e23_an_overdue_beat_counts, kit_end),
	};

	return cmocka_run_group_tests_name("pulse", tests, NULL, NULL);
}
