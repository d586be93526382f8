/* owner: names and numbers, users and groups, and those that are not there. */
#include "proxy/base/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SAME NP_OWNER_SAME

/* Every Debian has root (0, 0) and the group daemon (1). */
static const struct {
	const char *text, *why; /* NULL: found */
	uint32_t uid, gid;
} rows[] = {
	{"root", NULL, 0, SAME},
	{"root:daemon", NULL, 0, 1},
	{":daemon", NULL, SAME, 1},
	{"12:34", NULL, 12, 34},
	{"0:daemon", NULL, 0, 1},
	{"nobody-here", "no user of that name", 0, 0},
	{"nobody-here:daemon", "no user of that name", 0, 0},
	{"root:nobody-here", "no group of that name", 0, 0},
	{":nobody-here", "no group of that name", 0, 0},
	{"4294967295", "no user of that name", 0, 0}, /* would be "as it is" */
	{"99999999999999999999", "no user of that name", 0, 0},
	{"-1", "no user of that name", 0, 0},
};

static void names_and_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct np_unix_owner o = {7, 7};
		const char *why = owner_find(rows[i].text, &o);

		if ((why == NULL) != (rows[i].why == NULL) || (why != NULL && strcmp(why, rows[i].why) != 0))
			fail_msg("%s: %s", rows[i].text, why != NULL ? why : "found");
		assert_int_equal(o.uid, why != NULL ? 7 : rows[i].uid);
		assert_int_equal(o.gid, why != NULL ? 7 : rows[i].gid);
	}
}

static void long_names_are_nobodys(void **state)
{
	char text[400];
	struct np_unix_owner o;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_string_equal(owner_find(text, &o), "no user of that name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers),
		cmocka_unit_test(long_names_are_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
