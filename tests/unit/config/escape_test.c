/* escape: texts to bytes, and to their one form. */
#include "config/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

static void texts_are_settled_and_read(void **state)
{
	static const struct {
		const char *text, *settled;
		size_t n;
		const char *bytes;
	} rows[] = {
		{"PING", "PING", 4, "PING"},
		{"PING\r\n", "PING\\r\\n", 6, "PING\r\n"},      /* a YAML reader has made it of escapes */
		{"PING\\r\\n", "PING\\r\\n", 6, "PING\r\n"},
		{"a\\tb\t", "a\\tb\\t", 4, "a\tb\t"},
		{"a\\\\n", "a\\\\n", 3, "a\\n"},
		{"\\x00\\x1f\\xfF\\x41", "\\x00\\x1f\\xffA", 4, "\0\x1f\xff" "A"},
		{"\xc3\xa4", "\\xc3\\xa4", 2, "\xc3\xa4"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		char out[ESCAPE_ROOM], again[ESCAPE_ROOM];
		uint8_t bytes[ESCAPE_BYTES];
		const char *why;

		assert_int_equal(escape_settle(rows[i].text, out, &why), 0);
		assert_string_equal(out, rows[i].settled);
		assert_int_equal(escape_settle(out, again, &why), 0);
		assert_string_equal(again, out);
		assert_int_equal(escape_read(out, bytes), rows[i].n);
		assert_memory_equal(bytes, rows[i].bytes, rows[i].n);
	}
}

static void others_are_refused(void **state)
{
	static const char *const texts[] = {"\\", "a\\", "\\q", "\\x", "\\x4", "\\xg0", "\\x0g", "\\X41", "\\0"};
	static char most[ESCAPE_BYTES + 2];
	char out[ESCAPE_ROOM];
	const char *why;

	(void)state;
	for (size_t i = 0; i < array_len(texts); i++) {
		why = NULL;
		if (escape_settle(texts[i], out, &why) != -NP_EINVAL || why == NULL)
			fail_msg("%s", texts[i]);
	}
	memset(most, 1, ESCAPE_BYTES);
	assert_int_equal(escape_settle(most, out, &why), 0);
	assert_int_equal(strlen(out), 4 * ESCAPE_BYTES);
	memset(most, 1, ESCAPE_BYTES + 1);
	assert_int_equal(escape_settle(most, out, &why), -NP_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_settled_and_read),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
