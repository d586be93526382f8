/* server_checked: what is noted is what is read, in one word. */
#include "proxy/upstream/server_checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define MS INT64_C(1000000)

static void nothing_is_no_result(void **state)
{
	struct server_checked c = {0};

	(void)state;
	assert_int_equal(server_checked_last(&c).at, 0);
}

static void each_result_is_kept(void **state)
{
	static const int errs[] = {0, -NP_ECONNREFUSED, -NP_ESELF};
	struct server_checked c = {0};

	(void)state;
	for (unsigned r = 0; r < CHECK_RESULTS; r++)
		for (size_t i = 0; i < array_len(errs); i++) {
			const struct server_check_last in = {(enum check_result)r, errs[i], 123456789 * MS + 7, NULL};
			struct server_check_last out;

			server_checked_note(&c, &in);
			out = server_checked_last(&c);
			assert_int_equal(out.result, r);
			assert_int_equal(out.err, errs[i]);
			assert_int_equal(out.at, 123456789 * MS);
			assert_int_equal(c.results[r], i + 1);
		}
}

/* E23: what this machine could not do proves nothing. */
static void e23_bad_is_what_proves_something(void **state)
{
	unsigned bad = 0;

	(void)state;
	for (unsigned r = 0; r < CHECK_RESULTS; r++) {
		bad += check_result_is_bad((enum check_result)r);
		assert_true(strlen(check_result_word((enum check_result)r)) > 0);
		assert_true(strlen(check_result_sentence((enum check_result)r)) > 0);
	}
	assert_int_equal(bad, CHECK_RESULTS - 3);
	assert_false(check_result_is_bad(CHECK_LATE));
	assert_false(check_result_is_bad(CHECK_LOCAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_result),
		cmocka_unit_test(each_result_is_kept),
		cmocka_unit_test(e23_bad_is_what_proves_something),
	};

	return cmocka_run_group_tests_name("server_checked", tests, NULL, NULL);
}
