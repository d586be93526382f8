/* override_tell: what an operator has changed, with the old value beside the new one: O10, E76. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/control/override_tell.h"

#define FILE_SAYS {.admin_weight = -1, .agent_weight = -1}

struct row {
	const char *words;
	struct server_inputs was, is;
	bool passive, check;
};

static void o10_old_and_new(void **state)
{
	static const struct row rows[] = {
		{.words = "ready", .was = FILE_SAYS, .is = FILE_SAYS},
		{.words = "drain, was ready",
		 .was = FILE_SAYS,
		 .is = {.admin = SERVER_DRAIN, .admin_weight = -1, .agent_weight = -1}},
		{.words = "ready; weight 0, was as in the file",
		 .was = FILE_SAYS,
		 .is = {.admin_weight = 0, .agent_weight = -1}},
		{.words = "ready, was maint; weight as in the file, was 7; max_connections off, was 5",
		 .was = {.admin = SERVER_MAINT, .admin_weight = 7, .admin_most = 5, .agent_weight = -1},
		 .is = {.admin_weight = -1, .admin_most = SERVER_NO_LIMIT, .agent_weight = -1}},
		{.words = "ready; weight 3; max_connections as in the file, was off",
		 .was = {.admin_weight = 3, .admin_most = SERVER_NO_LIMIT, .agent_weight = -1},
		 .is = {.admin_weight = 3, .agent_weight = -1}},
		{.words = "ready; forgot its failures, was out; forgot its check, was down",
		 .was = {.admin_weight = -1,
			 .agent_weight = -1,
			 .passive = SERVER_OUT,
			 .check = SERVER_CHECK_DOWN},
		 .is = FILE_SAYS,
		 .passive = true,
		 .check = true},
	};
	struct server_change c = {.result = CHANGE_DONE};
	char words[OVERRIDE_WORDS];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		c.was = server_word(&rows[i].was);
		c.word = server_word(&rows[i].is);
		c.forgets_passive = rows[i].passive;
		c.forgets_check = rows[i].check;
		assert_string_equal(override_words(&c, words), rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o10_old_and_new),
	};

	return cmocka_run_group_tests_name("override_tell", tests, NULL, NULL);
}
