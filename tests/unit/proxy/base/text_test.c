/* buf: what fits is written whole, what does not is left out whole, and no byte can end a line. */
#include "proxy/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "netpoll/err.h"

#include <cmocka.h>

static char room[8192];
static struct text t;

static int fresh(void **state)
{
	(void)state;
	memset(room, '~', sizeof(room));
	text_init(&t, room, sizeof(room));
	return 0;
}

static void expect(const char *name, const char *want)
{
	if (t.n == strlen(want) && memcmp(t.p, want, t.n) == 0)
		return;
	print_error("%s: got \"%.*s\", want \"%s\"\n", name, (int)t.n, t.p, want);
	fail();
}

static void a_piece_that_does_not_fit_is_left_out_whole(void **state)
{
	(void)state;
	text_init(&t, room, 5);
	text_str(&t, "abc");
	text_str(&t, "def");
	expect("no half", "abc");
	assert_true(t.cut);
	text_str(&t, "g"); /* would fit, but not after a gap */
	expect("nothing after a cut", "abc");
	assert_int_equal(room[3], '~');
}

static void a_text_may_be_filled_to_the_last_byte(void **state)
{
	(void)state;
	text_init(&t, room, 3);
	text_str(&t, "abc");
	text_str(&t, "");
	assert_false(t.cut);
	text_char(&t, 'd');
	assert_true(t.cut);
	expect("full", "abc");
}

/* Numbers and escapes are pieces too: cut at every length, the text is a clean beginning. */
static void no_number_and_no_escape_is_halved(void **state)
{
	static const char *const clean[] = {"", "12", "12\\u001b", "12\\u001b-3", "12\\u001b-31.002"};
	bool known;

	(void)state;
	for (size_t cap = 0; cap < 16; cap++) {
		text_init(&t, room, cap);
		text_u64(&t, 12);
		text_escape(&t, "\033", 1, TEXT_JSON);
		text_i64(&t, -3);
		text_ms(&t, 1002000);
		known = false;
		for (size_t i = 0; i < array_len(clean); i++)
			known |= t.n == strlen(clean[i]) && memcmp(t.p, clean[i], t.n) == 0;
		assert_true(known);
		assert_int_equal(t.cut, cap < 15);
	}
}

static const struct {
	int64_t v;
	const char *want;
} numbers[] = {
	{0, "0"}, {-1, "-1"}, {10, "10"}, {INT64_MAX, "9223372036854775807"}, {INT64_MIN, "-9223372036854775808"},
};

static void numbers_are_decimal(void **state)
{
	for (size_t i = 0; i < array_len(numbers); i++) {
		fresh(state);
		text_i64(&t, numbers[i].v);
		expect("number", numbers[i].want);
	}
	fresh(state);
	text_u64(&t, UINT64_MAX);
	expect("largest", "18446744073709551615");
}

static const struct {
	uint64_t ns;
	const char *want;
} durations[] = {
	{0, "0.000"}, {999, "0.000"}, {1000, "0.001"}, {999999, "0.999"}, {1000000, "1.000"},
	{1234567, "1.234"}, {60000000000, "60000.000"}, {UINT64_MAX, "18446744073709.551"},
};

static void durations_are_milliseconds(void **state)
{
	for (size_t i = 0; i < array_len(durations); i++) {
		fresh(state);
		text_ms(&t, durations[i].ns);
		expect("duration", durations[i].want);
	}
}

static const struct {
	const char *name;
	int64_t ns;
	const char *want;
} times[] = {
	{"the epoch", 0, "1970-01-01T00:00:00.000000Z"},
	{"below a microsecond", 999, "1970-01-01T00:00:00.000000Z"},
	{"before the epoch", -1000, "1969-12-31T23:59:59.999999Z"},
	{"a whole second before", -1000000000, "1969-12-31T23:59:59.000000Z"},
	{"a leap day", INT64_C(1709164800123456789), "2024-02-29T00:00:00.123456Z"},
	{"the last one", INT64_MAX, "2262-04-11T23:47:16.854775Z"},
	{"the first one", INT64_MIN, "1677-09-21T00:12:43.145224Z"},
};

static void times_are_rfc3339_in_utc(void **state)
{
	for (size_t i = 0; i < array_len(times); i++) {
		fresh(state);
		text_time(&t, times[i].ns);
		expect(times[i].name, times[i].want);
	}
}

static const struct {
	const char *name, *in;
	size_t n;
	const char *json, *plain;
} hostile[] = {
	{"nothing", "", 0, "", ""},
	{"harmless", "a b~", 4, "a b~", "a b~"},
	{"newline", "a\nb", 3, "a\\nb", "a\\x0ab"},
	{"the other short ones of JSON", "\b\f\r\t", 4, "\\b\\f\\r\\t", "\\x08\\x0c\\x0d\\x09"},
	{"their neighbours", "\a\v", 2, "\\u0007\\u000b", "\\x07\\x0b"},
	{"escape", "\033[31m", 5, "\\u001b[31m", "\\x1b[31m"},
	{"quote", "\"", 1, "\\\"", "\\x22"},
	{"backslash", "\\n", 2, "\\\\n", "\\x5cn"},
	{"NUL", "a\0b", 3, "a\\u0000b", "a\\x00b"},
	{"DEL and above", "\177\200\377", 3, "\\u007f\\u0080\\u00ff", "\\x7f\\x80\\xff"},
};

static void hostile_bytes_are_escaped(void **state)
{
	for (size_t i = 0; i < array_len(hostile); i++) {
		fresh(state);
		text_escape(&t, hostile[i].in, hostile[i].n, TEXT_JSON);
		expect(hostile[i].name, hostile[i].json);
		fresh(state);
		text_escape(&t, hostile[i].in, hostile[i].n, TEXT_PLAIN);
		expect(hostile[i].name, hostile[i].plain);
	}
}

static void every_byte_written_is_printable(void **state)
{
	unsigned char all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	text_escape(&t, all, sizeof(all), TEXT_JSON);
	assert_false(t.cut);
	for (size_t i = 0; i < t.n; i++)
		assert_in_range((unsigned char)room[i], 0x20, 0x7e);
}

static void a_field_is_cut_at_its_limit_with_a_mark(void **state)
{
	static char big[65536];

	(void)state;
	memset(big, 1, sizeof(big)); /* the longest escape */
	text_field(&t, big, TEXT_FIELD_MAX, TEXT_JSON);
	assert_int_equal(t.n, TEXT_FIELD_MAX * 6);
	fresh(state);
	text_field(&t, big, TEXT_FIELD_MAX + 1, TEXT_JSON);
	assert_int_equal(t.n, TEXT_FIELD_ROOM);
	assert_memory_equal(room + t.n - 12, TEXT_TRUNCATED, 12);
	fresh(state);
	text_field(&t, big, sizeof(big), TEXT_JSON);
	assert_int_equal(t.n, TEXT_FIELD_ROOM);
}

static void absent_texts_are_the_same(void **state)
{
	char again[] = "a";

	(void)state;
	assert_true(text_same(NULL, NULL) && text_same("a", again) && text_same("", ""));
	assert_false(text_same(NULL, "a") || text_same("a", NULL) || text_same("a", "b") || text_same("", NULL));
}

/* O45: a file that no descriptor is left for is not to blame. */
static void o45_what_is_wrong_with_a_file(void **state)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
		{-NP_ENOENT, "f: why"},
		{-NP_EMFILE, "f: why; raise ulimit -n or LimitNOFILE"},
		{-NP_ENFILE, "f: why; raise fs.file-max"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		char got[64] = "";
		struct text into;

		text_init(&into, got, sizeof(got) - 1);
		assert_int_equal(text_problem(&into, "f", "why", rows[i].code), rows[i].code);
		assert_string_equal(got, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(o45_what_is_wrong_with_a_file),
		cmocka_unit_test_setup(a_piece_that_does_not_fit_is_left_out_whole, fresh),
		cmocka_unit_test_setup(a_text_may_be_filled_to_the_last_byte, fresh),
		cmocka_unit_test_setup(no_number_and_no_escape_is_halved, fresh),
		cmocka_unit_test_setup(numbers_are_decimal, fresh),
		cmocka_unit_test_setup(durations_are_milliseconds, fresh),
		cmocka_unit_test_setup(times_are_rfc3339_in_utc, fresh),
		cmocka_unit_test_setup(hostile_bytes_are_escaped, fresh),
		cmocka_unit_test_setup(every_byte_written_is_printable, fresh),
		cmocka_unit_test_setup(a_field_is_cut_at_its_limit_with_a_mark, fresh),
		cmocka_unit_test(absent_texts_are_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
