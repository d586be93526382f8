/* check_status: one status, or two in order. */
#include "config/check_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "netpoll/err.h"

static void one_or_two(void **state)
{
	static const char *const bad[] = {"", "20", "2000", "199", "600", "200-", "-299", "200-199", "200-600",
					  "100-200", "2x0", "200,299", "200-2999", "+200"};
	unsigned low = 0, high = 0;

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		if (check_status_read(bad[i], &low, &high) != -NP_EINVAL)
			fail_msg("%s", bad[i]);
	assert_int_equal(check_status_read("204", &low, &high), 0);
	assert_true(low == 204 && high == 204);
	assert_int_equal(check_status_read("200-599", &low, &high), 0);
	assert_true(low == 200 && high == 599);
	assert_int_equal(check_status_read("301-301", &low, &high), 0);
	assert_true(low == 301 && high == 301);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_or_two),
	};

	return cmocka_run_group_tests_name("check_status", tests, NULL, NULL);
}
