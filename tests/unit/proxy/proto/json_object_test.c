/* json_object: what is refused with which sentence; what is taken, decoded where it stands. */
#include "proxy/proto/json_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define MOST 6

static char body[512];
static struct json_member m[MOST];

static int read_text(const char *text, size_t n, const char **why)
{
	memcpy(body, text, n);
	body[n] = '\0';
	*why = NULL;
	return json_object_read(body, n, m, MOST, why);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "the body is no JSON object"},
		{"[]", "the body is no JSON object"},
		{"{", "a member has no name in quotes"},
		{"{a:1}", "a member has no name in quotes"},
		{"{\"a\" 1}", "behind a name stands a colon"},
		{"{\"a\":}", "a value is none that JSON has"},
		{"{\"a\":+1}", "a value is none that JSON has"},
		{"{\"a\":NaN}", "a value is none that JSON has"},
		{"{\"a\":-}", "a value is none that JSON has"},
		{"{\"a\":01}", "a number begins with a zero"},
		{"{\"a\":1.5}", "a number is not a whole one"},
		{"{\"a\":1e3}", "a number is not a whole one"},
		{"{\"a\":9223372036854775808}", "a number is too large"},
		{"{\"a\":1,}", "a member has no name in quotes"},
		{"{\"a\":1", "the object has no end"},
		{"{\"a\":1}x", "something stands behind the object"},
		{"{\"a\":1,\"\\u0061\":2}", "a name stands there twice"},
		{"{\"a\":[1],\"a\":[2]}", "a name stands there twice"},
		{"{\"a\":{}}", "no object stands inside another here"},
		{"{\"a\":[[]]}", "no list stands inside another here"},
		{"{\"a\":[1,]}", "a value is none that JSON has"},
		{"{\"a\":[1", "a list has no end"},
		{"{\"a\":\"x", "a string has no end"},
		{"{\"a\":\"x\ty\"}", "there is a control character in a string"},
		{"{\"a\":\"\\x\"}", "there is no such escape in JSON"},
		{"{\"a\":\"\\", "there is no such escape in JSON"},
		{"{\"a\":\"\\u12g4\"}", "behind \\u stand four hexadecimal digits"},
		{"{\"a\":\"\\u12", "behind \\u stand four hexadecimal digits"},
		{"{\"a\":\"\\ud83d\"}", "half of a surrogate pair"},
		{"{\"a\":\"\\ude00\"}", "half of a surrogate pair"},
		{"{\"a\":\"\\ud83d\\u0041\"}", "half of a surrogate pair"},
		{"{\"a\":\"\\u0000\"}", "there is a NUL in a string"},
		{"{\"a\":\"\xff\"}", "there is a byte that is not UTF-8"},
		{"{\"a\":\"\xc0\xaf\"}", "there is a byte that is not UTF-8"},
		{"{\"a\":[1,2,3,4,5,6,7]}", "there are too many members"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *why;

		if (read_text(rows[i].text, strlen(rows[i].text), &why) != -NP_EINVAL)
			fail_msg("%s was taken", rows[i].text);
		if (why == NULL || strcmp(why, rows[i].why) != 0)
			fail_msg("%s: %s", rows[i].text, why);
	}
}

static void a_nul_is_refused(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(read_text("{\"a\":\"x\0y\"}", 11, &why), -NP_EINVAL);
	assert_int_equal(read_text("{\"a\":1}\0", 8, &why), -NP_EINVAL);
}

static void what_is_taken(void **state)
{
	static const char text[] = " {\"weight\": 50, \"for\":\"10m\",\"all\":true,\n"
				   "\"max\":null,\"forget\":[\"a\",\"b\"]} ";
	const char *why;

	(void)state;
	assert_int_equal(read_text(text, sizeof(text) - 1, &why), 6);
	assert_string_equal(m[0].name, "weight");
	assert_int_equal(m[0].kind, JSON_NUMBER);
	assert_true(m[0].number == 50);
	assert_string_equal(m[1].text, "10m");
	assert_true(m[2].kind == JSON_BOOL && m[2].truth);
	assert_int_equal(m[3].kind, JSON_NULL);
	for (int i = 4; i < 6; i++) {
		assert_string_equal(m[i].name, "forget");
		assert_true(m[i].listed && m[i].kind == JSON_STRING);
		assert_string_equal(m[i].text, i == 4 ? "a" : "b");
	}
}

static void edges_that_are_taken(void **state)
{
	const char *why;

	(void)state;
	assert_int_equal(read_text("{}", 2, &why), 0);
	assert_int_equal(read_text("{\"a\":[],\"\":false}", 17, &why), 2);
	assert_true(m[0].listed && m[0].kind == JSON_NOTHING);
	assert_true(m[1].name[0] == '\0' && !m[1].truth);
	assert_int_equal(read_text("{\"a\":-9223372036854775807}", 26, &why), 1);
	assert_true(m[0].number == -INT64_MAX);
}

static void strings_are_decoded(void **state)
{
	static const char text[] = "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83d\\ude00\xc3\xa4z\"}";
	const char *why;

	(void)state;
	assert_int_equal(read_text(text, sizeof(text) - 1, &why), 1);
	assert_string_equal(m[0].text, "\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa4z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_nul_is_refused),
		cmocka_unit_test(what_is_taken),
		cmocka_unit_test(edges_that_are_taken),
		cmocka_unit_test(strings_are_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
