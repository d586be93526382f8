/* json: commas, nesting, and that no value gets out of its quotes. */
#include "proxy/base/json.h"

#include <string.h>

#include "tests/kit/kit.h"

static const char *written(const char *p, size_t n)
{
	static char room[1024];
	struct text t;
	struct json j = {.t = &t};

	text_init(&t, room, sizeof(room) - 1);
	json_bytes(&j, NULL, p, n);
	room[t.n] = '\0';
	return room;
}

static void commas_and_brackets(void **state)
{
	char room[512] = "";
	struct text t;
	struct json j = {.t = &t};

	(void)state;
	text_init(&t, room, sizeof(room) - 1);
	json_enter(&j, NULL, '{');
	json_u64(&j, "a", 18446744073709551615u);
	json_i64(&j, "b", -1);
	json_enter(&j, "c", '[');
	json_leave(&j, ']');
	json_enter(&j, "d", '[');
	json_str(&j, NULL, "x");
	json_enter(&j, NULL, '{');
	json_bool(&j, "e", true);
	json_leave(&j, '}');
	json_leave(&j, ']');
	json_str(&j, "f", NULL);
	json_time(&j, "g", 0);
	json_time(&j, "h", 1000000000);
	json_leave(&j, '}');
	assert_string_equal(room, "{\"a\":18446744073709551615,\"b\":-1,\"c\":[],\"d\":[\"x\",{\"e\":true}],"
				  "\"f\":null,\"g\":null,\"h\":\"1970-01-01T00:00:01.000000Z\"}");
}

static void no_value_breaks_out(void **state)
{
	(void)state;
	assert_string_equal(written("a\"\\/\n\x7f", 6), "\"a\\\"\\\\/\\u000a\\u007f\"");
	assert_string_equal(written("\0b", 2), "\"\\u0000b\"");
	assert_string_equal(written("\xc3\xa9\xe2\x82\xac", 5), "\"\xc3\xa9\xe2\x82\xac\"");
	/* broken: a lone byte of a sequence, an overlong form, a surrogate, and the end within a character */
	assert_string_equal(written("\xff", 1), "\"\\ufffd\"");
	assert_string_equal(written("\xc0\xaf", 2), "\"\\ufffd\\ufffd\"");
	assert_string_equal(written("a\xe2\x82", 3), "\"a\\ufffd\\ufffd\"");
}

static void o3_what_turns_text_around_is_shown(void **state)
{
	(void)state;
	assert_string_equal(written("\xe2\x80\xaa\xe2\x80\xae", 6), "\"\\u202a\\u202e\"");
	assert_string_equal(written("\xe2\x81\xa6\xe2\x81\xa9", 6), "\"\\u2066\\u2069\"");
}

static void a_cut_text_ends_between_characters(void **state)
{
	char room[9];
	struct text t;
	struct json j = {.t = &t};

	(void)state;
	text_init(&t, room, sizeof(room));
	json_str(&j, NULL, "ab\n\n");
	assert_true(t.cut);
	assert_memory_equal(room, "\"ab\\u000a", t.n);
	assert_int_equal(t.n, 9);
}

static const char *milli(uint64_t thousandths)
{
	static char room[32];
	struct text t;
	struct json j = {.t = &t};

	text_init(&t, room, sizeof(room) - 1);
	json_milli(&j, NULL, thousandths);
	room[t.n] = '\0';
	return room;
}

static void thousandths_have_no_zeros_at_their_end(void **state)
{
	(void)state;
	assert_string_equal(milli(0), "0");
	assert_string_equal(milli(1), "0.001");
	assert_string_equal(milli(50), "0.05");
	assert_string_equal(milli(1500), "1.5");
	assert_string_equal(milli(12000), "12");
	assert_string_equal(milli(UINT64_MAX), "18446744073709551.615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_and_brackets),
		cmocka_unit_test(no_value_breaks_out),
		cmocka_unit_test(o3_what_turns_text_around_is_shown),
		cmocka_unit_test(a_cut_text_ends_between_characters),
		cmocka_unit_test(thousandths_have_no_zeros_at_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
