/* The look of problems, character by character: it is an interface, and people paste it into
 * tickets. */
#include "tests/unit/config/load.h"

struct problem {
	const char *text;
	uint32_t    line, column, width;
	const char *suggestion, *note, *help;
};

static struct diag *diag_of(const struct problem *p)
{
	struct diag *d = diag_new();
	struct source *s;

	assert_int_equal(source_new(&s, "/etc/s.yaml", p->text, strlen(p->text)), 0);
	diag_take_source(d, s);
	diag_error(d, DIAG_UNKNOWN_KEY,
	           (struct config_pos){.line = p->line, .column = p->column, .width = (uint16_t)p->width}, "wrong");
	diag_suggest(d, p->suggestion);
	if (p->note != NULL)
		diag_note(d, "%s", p->note);
	if (p->help != NULL)
		diag_help(d, "%s", p->help);
	return d;
}

static void expect(const struct problem *p, const char *want)
{
	struct diag *d = diag_of(p);
	struct paper *out = paper_new();

	diag_print(out->f, d, (struct diag_look){0}, NULL);
	assert_string_equal(paper_read(out), want);
	paper_free(out);
	diag_free(d);
}

#define HEAD(place) "error[E102]: wrong\n" place "\n"
#define END         "1 error - configuration NOT loaded\n"

static void as_documented(void **state)
{
	struct problem p = {"listeners:\n  - name: web\n    upsteam: app\n", 3, 5, 7, "upstream", NULL,
	                    "staunch explain listeners[].upstream"};

	(void)state;
	expect(&p, HEAD("  --> /etc/s.yaml:3:5")
	           "   |\n"
	           " 2 |   - name: web\n"
	           " 3 |     upsteam: app\n"
	           "   |     ^^^^^^^ did you mean \"upstream\"?\n"
	           "   = help: staunch explain listeners[].upstream\n" END);
}

static void note_and_wide_gutter(void **state)
{
	struct problem p = {"\n\n\n\n\n\n\n\n\na: b\n", 10, 4, 1, NULL, "the first is at 1:1", NULL};

	(void)state;
	expect(&p, HEAD("   --> /etc/s.yaml:10:4          note: the first is at 1:1")
	           "    |\n"
	           " 10 | a: b\n"
	           "    |    ^\n" END);
}

static void tabs(void **state)
{
	struct problem p = {"a:\tb\tcd: x\n", 1, 6, 2, NULL, NULL, NULL};

	(void)state;
	expect(&p, HEAD("  --> /etc/s.yaml:1:6")
	           "   |\n"
	           " 1 | a:      b       cd: x\n"
	           "   |                 ^^\n" END);
}

static void wide_characters(void **state)
{
	struct problem p = {.text = "\xE4\xB8\x96\xE7\x95\x8C: e\xCC\x81 \xE4\xB8\x96\xE7\x95\x8C x\n",
		.line = 1,
		.column = 8,
		.width = 2};

	(void)state;
	expect(&p, HEAD("  --> /etc/s.yaml:1:8")
	           "   |\n"
	           " 1 | \xE4\xB8\x96\xE7\x95\x8C: e\xCC\x81 \xE4\xB8\x96\xE7\x95\x8C x\n"
	           "   |         ^^^^\n" END);
}

static void hostile_bytes(void **state)
{
	struct problem p = {"a: \x1B[31m\xFF x\n", 1, 10, 1, "\x1B]0;", NULL, NULL};

	(void)state;
	expect(&p, HEAD("  --> /etc/s.yaml:1:10")
	           "   |\n"
	           " 1 | a: ?[31m? x\n"
	           "   |          ^ did you mean \"?]0;\"?\n" END);
}

/* A caret never leaves the line it points at. */
static void past_the_end(void **state)
{
	struct problem wide = {"ab\n", 1, 2, 50, NULL, NULL, NULL}, past = {"ab\n", 1, 9, 1, NULL, NULL, NULL};
	struct problem no_line = {"ab\n", 7, 1, 1, NULL, NULL, NULL};

	(void)state;
	expect(&wide, HEAD("  --> /etc/s.yaml:1:2") "   |\n 1 | ab\n   |  ^\n" END);
	expect(&past, HEAD("  --> /etc/s.yaml:1:9") "   |\n 1 | ab\n   |   ^\n" END);
	expect(&no_line, HEAD("  --> /etc/s.yaml:7:1") END);
}

#define A10 "aaaaaaaaaa"
#define B10 "bbbbbbbbbb"
#define C10 "cccccccccc"
#define CARETS50 "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"

static void long_lines(void **state)
{
	struct problem near = {A10 A10 A10 B10 B10 B10 C10 C10 C10 "xxxxxxxxxxY", 1, 1, 300, NULL, NULL, NULL};
	struct problem far = {.text = A10 A10 A10 B10 B10 B10 A10 B10 "Z" C10 C10 C10 A10 A10 A10 A10 A10 A10,
		.line = 1,
		.column = 81,
		.width = 1};

	(void)state;
	expect(&near, HEAD("  --> /etc/s.yaml:1:1")
	              "   |\n"
	              " 1 | " A10 A10 A10 B10 B10 B10 C10 C10 C10 "xxxxxxxxxx...\n"
	              "   | " CARETS50 CARETS50 "\n" END);
	expect(&far, HEAD("  --> /etc/s.yaml:1:81")
	             "   |\n"
	             " 1 | ..." B10 A10 B10 "Z" C10 C10 C10 A10 A10 A10 "aaaaaaaaa...\n"
	             "   |                                  ^\n" END);
}

/* o35: the same problem on lines of several widths; words stay whole, and the caret under its word. */
static void o35_widths(void **state)
{
	static const char line[] = "    bind: {address: \"192.0.2.1:8443\", mode: \"0660\", owner: \"www\"}\n";
	static const struct {
		int columns;
		const char *out;
	} rows[] = {
		{76, "error[E102]: one two three four five six seven eight nine ten eleven twelve\n"
		     "  --> /etc/a\\?b.yaml:1:39          note: the first is at 1:1, and not here\n"
		     "   |\n"
		     " 1 |     bind: {address: \"192.0.2.1:8443\", mode: \"0660\", owner: \"www\"}\n"
		     "   |                                       ^^^^ did you mean \"model\"?\n"
		     "   = help: one two three four five six seven eight nine ten eleven twelve x\n"},
		{50, "error[E102]: one two three four five six seven\n"
		     "    eight nine ten eleven twelve\n"
		     "  --> /etc/a\\?b.yaml:1:39\n"
		     "    note: the first is at 1:1, and not here\n"
		     "   |\n"
		     " 1 | ....2.1:8443\", mode: \"0660\", owner: \"www\"}\n"
		     "   |                ^^^^ did you mean \"model\"?\n"
		     "   = help: one two three four five six seven eight\n"
		     "           nine ten eleven twelve x\n"},
		{40, "error[E102]: one two three four five six\n"
		     "    seven eight nine ten eleven twelve\n"
		     "  --> /etc/a\\?b.yaml:1:39\n"
		     "    note: the first is at 1:1, and not\n"
		     "      here\n"
		     "   |\n"
		     " 1 | ...:8443\", mode: \"0660\", owner: ...\n"
		     "   |            ^^^^\n"
		     "   | did you mean \"model\"?\n"
		     "   = help: one two three four five six\n"
		     "           seven eight nine ten eleven\n"
		     "           twelve x\n"},
	};
	static const char words[] = "one two three four five six seven eight nine ten eleven twelve";

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct diag *d = diag_new();
		struct paper *out = paper_new();
		struct source *s;

		assert_int_equal(source_new(&s, "/etc/a\\\nb.yaml", line, sizeof(line) - 1), 0);
		diag_take_source(d, s);
		diag_error(d, DIAG_UNKNOWN_KEY, (struct config_pos){.line = 1, .column = 39, .width = 4}, "%s", words);
		diag_suggest(d, "model");
		diag_note(d, "the first is at 1:1, and not here");
		diag_help(d, "%s x", words);
		diag_print(out->f, d, (struct diag_look){.columns = rows[i].columns}, NULL);
		assert_non_null(strstr(paper_read(out), END));
		*strstr(out->text, END) = '\0';
		assert_string_equal(out->text, rows[i].out);
		paper_free(out);
		diag_free(d);
	}
}

static void no_place(void **state)
{
	struct problem p = {"ab\n", 0, 0, 0, NULL, NULL, "write something"};
	struct diag *d = diag_new();
	struct paper *out = paper_new();

	(void)state;
	expect(&p, HEAD("  --> /etc/s.yaml") "   = help: write something\n" END);
	diag_error(d, DIAG_UNREADABLE, (struct config_pos){0}, "cannot read x");
	diag_print(out->f, d, (struct diag_look){0}, NULL);
	assert_string_equal(paper_read(out), "error[E401]: cannot read x\n" END);
	paper_free(out);
	diag_free(d);
}

static const char *summary(struct diag *d, const char *aftermath)
{
	static char last[200];
	struct paper *out = paper_new();
	const char *text;

	diag_print(out->f, d, (struct diag_look){0}, aftermath);
	text = paper_read(out);
	last[0] = '\0';
	if (out->n > 0) {
		size_t n = out->n - 1;

		while (n > 0 && text[n - 1] != '\n')
			n--;
		snprintf(last, sizeof(last), "%s", text + n);
	}
	paper_free(out);
	return last;
}

static void closing_line(void **state)
{
	struct diag *d = diag_new();

	(void)state;
	assert_string_equal(summary(d, "running generation 7 unchanged"), "");
	diag_warn(d, DIAG_UNUSED, (struct config_pos){0}, "w");
	assert_string_equal(summary(d, NULL), "1 warning - configuration loaded\n");
	diag_error(d, DIAG_SHAPE, (struct config_pos){0}, "e");
	diag_error(d, DIAG_SHAPE, (struct config_pos){0}, "f");
	assert_string_equal(summary(d, "running generation 7 unchanged"),
	                    "2 errors, 1 warning - configuration NOT loaded (running generation 7 unchanged)\n");
	diag_free(d);
}

static void the_rest_is_counted(void **state)
{
	struct diag *d = diag_new();
	struct paper *out = paper_new();

	(void)state;
	for (uint32_t i = 0; i < DIAG_SHOWN + 3; i++)
		diag_error(d, DIAG_SHAPE, (struct config_pos){0}, "e%u", i);
	diag_print(out->f, d, (struct diag_look){0}, NULL);
	assert_non_null(strstr(paper_read(out), "e19\n... and 3 more\n23 errors - configuration NOT loaded\n"));
	assert_null(strstr(out->text, "e20"));
	paper_free(out);
	diag_free(d);
}

/* Every colour that is switched on is switched off again before the line ends or the text goes
 * on. */
static void colour(void **state)
{
	struct problem p = {"a: b\n", 1, 1, 1, "x", NULL, "h"};
	struct diag *d = diag_of(&p);
	struct paper *out = paper_new();
	bool on = false;
	int times = 0;

	(void)state;
	diag_print(out->f, d, (struct diag_look){.colour = true}, NULL);
	for (const char *s = paper_read(out); (s = strchr(s, '\033')) != NULL; s++, times++) {
		bool off = strncmp(s, "\033[0m", 4) == 0;

		assert_int_equal(off, on);
		on = !off;
	}
	assert_false(on);
	assert_true(times >= 10);
	paper_free(out);
	diag_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_documented),
		cmocka_unit_test(note_and_wide_gutter),
		cmocka_unit_test(tabs),
		cmocka_unit_test(wide_characters),
		cmocka_unit_test(hostile_bytes),
		cmocka_unit_test(past_the_end),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(o35_widths),
		cmocka_unit_test(no_place),
		cmocka_unit_test(closing_line),
		cmocka_unit_test(the_rest_is_counted),
		cmocka_unit_test(colour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
