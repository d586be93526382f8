/* utf8: decoding, widths, and nothing hostile on a terminal. */
#include "config/text/utf8.h"

#include "tests/unit/config/load.h"

static void decode(void **state)
{
	static const struct {
		const char *s;
		size_t      len;
		uint32_t    c;
	} rows[] = {
		{"\x80", 0, 0},             /* a tail without a head */
		{"\xC0\x80", 0, 0},         /* overlong NUL */
		{"\xC1\xBF", 0, 0},
		{"\xE0\x9F\xBF", 0, 0},     /* overlong */
		{"\xED\xA0\x80", 0, 0},     /* a surrogate */
		{"\xF0\x8F\xBF\xBF", 0, 0}, /* overlong */
		{"\xF4\x90\x80\x80", 0, 0}, /* past the last character */
		{"\xF5\x80\x80\x80", 0, 0},
		{"\xFF", 0, 0},
		{"\xE4\xB8", 0, 0},         /* cut off */
		{"\xC3" "a", 0, 0},
		{"a", 1, 'a'},
		{"\x7F", 1, 0x7F},
		{"\xC2\x80", 2, 0x80},
		{"\xC3\xA9", 2, 0xE9},
		{"\xE0\xA0\x80", 3, 0x800},
		{"\xE4\xB8\x96", 3, 0x4E16},
		{"\xF0\x90\x80\x80", 4, 0x10000},
		{"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		uint32_t c = 77;

		assert_int_equal(utf8_decode(rows[i].s, strlen(rows[i].s), &c), rows[i].len);
		assert_int_equal(c, rows[i].len == 0 ? 77 : rows[i].c);
	}
}

static void width(void **state)
{
	(void)state;
	assert_int_equal(utf8_width('a'), 1);
	assert_int_equal(utf8_width(0xE9), 1);
	assert_int_equal(utf8_width(0x301), 0);   /* a combining accent */
	assert_int_equal(utf8_width(0x4E16), 2);  /* a Chinese character */
	assert_int_equal(utf8_width(0xFF21), 2);  /* a full-width letter */
	assert_int_equal(utf8_width(0x1F600), 2); /* a picture */
	assert_int_equal(utf8_width(0x3B1), 1);
}

static void hostile(void **state)
{
	static const uint32_t bad[] = {0, 7, 0x1B, 0x7F, 0x85, 0x9B, 0x200E, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xFFFE};
	static const uint32_t good[] = {' ', '~', 0xA0, 0xE9, 0x200D, 0x4E16, 0x1F600};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		assert_true(utf8_is_hostile(bad[i]));
	for (size_t i = 0; i < array_len(good); i++)
		assert_false(utf8_is_hostile(good[i]));
}

static void put(void **state)
{
	static const struct {
		const char *in, *out;
		int         columns;
	} rows[] = {
		{"", "", 0},
		{"abc", "abc", 3},
		{"\tx", "        x", 9},
		{"1234567\tx", "1234567 x", 9},
		{"12345678\tx", "12345678        x", 17},
		{"\xE4\xB8\x96\tx", "\xE4\xB8\x96      x", 9},
		{"e\xCC\x81x", "e\xCC\x81x", 2},
		{"a\x1B[31mb\xFF", "a?[31mb?", 8},
		{"\xC2\x9B" "1m\r", "?1m?", 4},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct paper *p = paper_new();

		assert_int_equal(utf8_put(p->f, rows[i].in, strlen(rows[i].in), 0), rows[i].columns);
		assert_string_equal(paper_read(p), rows[i].out);
		paper_free(p);
	}
}

/* From a label of four columns on. */
static void hanging(void **state)
{
	static const struct {
		const char *in;
		int columns;
		const char *out;
	} rows[] = {
		{"", 10, "\n"},
		{" ", 10, "\n"},
		{"a", 1, "a\n"},
		{"ab cd", 9, "ab cd\n"},
		{"ab cd", 8, "ab\n> cd\n"},
		{"a  b   c ", 20, "a  b   c\n"},
		{"a  b", 6, "a\n> b\n"},
		{"abcdefghijk l", 8, "abcdefghijk\n> l\n"},
		{"a bcdefghijk l", 8, "a\n> bcdefghijk\n> l\n"},
		{"a b c d e f", 0, "a b c d e f\n"},
		{"\xE4\xB8\x96 \xE7\x95\x8C", 9, "\xE4\xB8\x96 \xE7\x95\x8C\n"},
		{"\xE4\xB8\x96 \xE7\x95\x8C", 8, "\xE4\xB8\x96\n> \xE7\x95\x8C\n"},
		{"\x1B[31m a\nb \xC2\x9B \xFF", 40, "?[31m a?b ? ?\n"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct paper *p = paper_new();

		utf8_put_hanging(p->f, rows[i].in, 4, rows[i].columns, "> ");
		assert_string_equal(paper_read(p), rows[i].out);
		paper_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode),
		cmocka_unit_test(width),
		cmocka_unit_test(hostile),
		cmocka_unit_test(put),
		cmocka_unit_test(hanging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
