/* since: exact while there is room, and never another value's word. */
#include "proxy/base/since.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)

static const struct since_row {
	const char *what;
	int64_t ns, back;
} rows[] = {
	{"before the accept, by a clock of a turn ago", -5, 0},
	{"nothing", 0, 0},
	{"less than a microsecond", 999, 0},
	{"a microsecond", US, US},
	{"a second", S + 7 * US, S + 7 * US},
	{"the last that is exact", 2147 * S + 483647 * US, 2147 * S + 483647 * US},
	{"one more", 2147 * S + 483648 * US, 2147 * S + 483 * MS},
	{"a day", 86400 * S + 1 * MS, 86400 * S + 1 * MS},
	{"twenty-four days", 24 * 86400 * S, 24 * 86400 * S},
	{"the most", INT64_MAX, (INT64_C(2147483647) - 1) * MS},
};

static void comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		uint32_t t = since_pack(rows[i].ns);

		if (t == SINCE_NEVER || since_ns(t) != rows[i].back)
			fail_msg("%s: %lld", rows[i].what, (long long)since_ns(t));
	}
	assert_true(since_ns(SINCE_NEVER) == -1);
}

static void keeps_the_order(void **state)
{
	int64_t before = 0;

	(void)state;
	for (int64_t ns = 1; ns < 40 * 86400 * S; ns += ns / 7 + 1) {
		int64_t now = since_ns(since_pack(ns));

		assert_true(now >= before);
		before = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(keeps_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
