/* When an answer is asked for again. The asking itself: tests/flow/tls_stapling_test.c. */
#include "proxy/control/ocsp.h"

#include "tests/kit/kit.h"

static void failures_are_farther_and_farther_apart(void **state)
{
	static const struct {
		unsigned failures;
		int64_t after;
	} rows[] = {{0, 1}, {1, 1}, {2, 2}, {3, 4}, {12, 2048}, {13, 3600}, {14, 3600}, {UINT32_MAX, 3600}};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++)
		assert_int_equal(ocsp_retry_after(rows[i].failures), rows[i].after);
}

static void an_answer_is_due_at_half_of_its_time(void **state)
{
	static const struct {
		int64_t from, until, now, at;
	} rows[] = {
		{1000, 2000, 1000, 1500}, {1000, 2000, 1499, 1500}, /* the half is to come */
		{1000, 2000, 1500, 1750}, {1000, 2000, 1900, 1950}, /* an old one: half of what is left */
		{1000, 2000, 1998, 1999}, {1000, 2000, 1999, 2000}, /* never at once */
		{1000, 1000, 990, 1000},  {1200, 2000, 1000, 1600},
		{0, INT64_MAX / 4, 10, INT64_MAX / 8},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct tls_ocsp_verdict v = {.from = rows[i].from, .until = rows[i].until};

		assert_int_equal(ocsp_refresh_at(&v, rows[i].now), rows[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_are_farther_and_farther_apart),
		cmocka_unit_test(an_answer_is_due_at_half_of_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
