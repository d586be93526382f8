/* ulid: known values, and texts that sort by time. */
#include "proxy/base/ulid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name;
	uint64_t ms;
	uint16_t high;
	uint64_t low;
	const char *want;
} rows[] = {
	{"zero", 0, 0, 0, "00000000000000000000000000"},
	{"the last random bit", 0, 0, 1, "00000000000000000000000001"},
	{"the last millisecond bit", 1, 0, 0, "00000000010000000000000000"},
	{"the first random bit", 0, 0x8000, 0, "0000000000G000000000000000"},
	{"all ones", UINT64_C(0xffffffffffff), 0xffff, UINT64_MAX, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"},
	{"time of 2016-07-30", UINT64_C(1469918176385), 0, 0, "01ARYZ6S410000000000000000"},
	{"time beyond 48 bits is cut", UINT64_C(1) << 48, 0, 0, "00000000000000000000000000"},
};

static void known_values(void **state)
{
	char text[ULID_TEXT];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct ulid id = ulid_make(rows[i].ms, rows[i].high, rows[i].low);

		memset(text, '?', sizeof(text));
		ulid_format(&id, text);
		assert_string_equal(text, rows[i].want);
	}
}

static void text_and_bytes_sort_by_time(void **state)
{
	char before[ULID_TEXT], after[ULID_TEXT];

	(void)state;
	for (uint64_t ms = 1; ms < UINT64_C(1) << 48; ms *= 3) {
		struct ulid a = ulid_make(ms - 1, 0xffff, UINT64_MAX), b = ulid_make(ms, 0, 0);

		ulid_format(&a, before);
		ulid_format(&b, after);
		assert_true(strcmp(before, after) < 0);
		assert_true(memcmp(a.b, b.b, sizeof(a.b)) < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(text_and_bytes_sort_by_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
