/* hook: a test can replace each system call and the clock, and put them back. */
#include "netpoll/hook.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static int tear_down(void **state)
{
	(void)state;
	hook_reset();
	return 0;
}

static int calls;

static ssize_t write_fails(int fd, const void *buf, size_t n)
{
	(void)fd, (void)buf, (void)n;
	calls++;
	errno = ENOSPC;
	return -1;
}

static int64_t noon(void)
{
	return 43200;
}

static void a_call_goes_through_the_table_until_reset(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	hook.write = write_fails;
	calls = 0;
	assert_int_equal(sys_write(ends[1], "x", 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(calls, 1);
	hook_reset();
	assert_int_equal(sys_write(ends[1], "x", 1), 1);
	assert_int_equal(calls, 1);
	close(ends[0]);
	close(ends[1]);
}

static void every_entry_starts_and_ends_as_the_real_call(void **state)
{
	struct hook_table first = hook;

	(void)state;
#define X(ret, name, params, args) \
	assert_true(hook.name != NULL); \
	hook.name = NULL;
	HOOK_TBL(X)
#undef X
	hook_reset();
#define X(ret, name, params, args) assert_true(hook.name == first.name);
	HOOK_TBL(X)
#undef X
	assert_true(hook.accept4 == accept4 && hook.nanotime == nanotime);
}

/* Between two looks at the same clock of the system. */
static void nanotime_is_the_monotonic_clock(void **state)
{
	struct timespec a, b;
	int64_t t;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	t = sys_nanotime();
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(t >= a.tv_sec * INT64_C(1000000000) + a.tv_nsec);
	assert_true(t <= b.tv_sec * INT64_C(1000000000) + b.tv_nsec);
	hook.nanotime = noon;
	assert_int_equal(sys_nanotime(), 43200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_call_goes_through_the_table_until_reset, tear_down),
		cmocka_unit_test_teardown(every_entry_starts_and_ends_as_the_real_call, tear_down),
		cmocka_unit_test_teardown(nanotime_is_the_monotonic_clock, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
