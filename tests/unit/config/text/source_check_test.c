/* source_check: what no parser may see is found at its place, once for each kind. */
#include "config/text/source_check.h"

#include "tests/unit/config/load.h"

static struct source *from(const char *text)
{
	struct source *s;

	assert_int_equal(source_new(&s, "t.yaml", text, strlen(text)), 0);
	return s;
}

static void check_finds(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"a: \xFF\nb: \xFF\n",
		 "error[E108]: the text is not UTF-8 here\n  --> t.yaml:1:4          note: and on 1 more line\n"},
		{"a: \x1B[2J\n", "error[E108]: invisible character U+001B\n  --> t.yaml:1:4\n"},
		{"a: b\rc: d\n", "invisible character U+000D\n  --> t.yaml:1:5\n"},
		{"a: \xE2\x80\xA8\n", "invisible character U+2028\n"},
		{"a: \xEF\xBB\xBF\n", "invisible character U+FEFF\n"},
		{"a:\n\tb: c\n\td: e\n  \tf: g\n",
		 "a tab in the indentation; indent with spaces\n"
		 "  --> t.yaml:2:1          note: and on 2 more lines\n"},
		{"a:\tb # \t\r\n \t\n  \n", NULL},
		{"\xE4\xB8\x96: \xC3\xA9\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct diag *d = diag_new();
		struct source *s = from(rows[i].text);
		struct paper *p = paper_new();

		diag_take_source(d, s);
		assert_int_equal(source_check(s, d), rows[i].says == NULL);
		diag_print(p->f, d, (struct diag_look){0}, NULL);
		if (rows[i].says == NULL)
			assert_string_equal(paper_read(p), "");
		else if (strstr(paper_read(p), rows[i].says) == NULL)
			fail_msg("row %zu says\n%s", i, p->text);
		paper_free(p);
		diag_free(d);
	}
}

/* A NUL ends nothing early: what stands behind it is checked too. */
static void check_goes_past_nul(void **state)
{
	struct diag *d = diag_new();
	struct source *s;

	(void)state;
	assert_int_equal(source_new(&s, "t", "a\0b\nc\0", 6), 0);
	diag_take_source(d, s);
	assert_false(source_check(s, d));
	assert_string_equal(diag_get(d, 0)->message, "invisible character U+0000");
	assert_string_equal(diag_get(d, 0)->note, "and on 1 more line");
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_finds),
		cmocka_unit_test(check_goes_past_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
