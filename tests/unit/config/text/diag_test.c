/* diag: problems in file order, each once, at most twenty, errors before warnings. */
#include "config/text/diag.h"

#include "tests/unit/config/load.h"

static struct config_pos at(uint32_t line, uint32_t column)
{
	return (struct config_pos){.line = line, .column = column, .width = 1};
}

static void take_text(struct diag *d, const char *name)
{
	struct source *s;

	assert_int_equal(source_new(&s, name, "", 0), 0);
	diag_take_source(d, s);
}

static void codes(void **state)
{
	(void)state;
	assert_string_equal(diag_code_text(DIAG_UNKNOWN_KEY), "E102");
	assert_string_equal(diag_code_text(DIAG_UNUSED), "W301");
	assert_int_equal(diag_severity(DIAG_UNKNOWN_KEY), DIAG_ERROR);
	assert_int_equal(diag_severity(DIAG_UNUSED), DIAG_WARNING);
	assert_non_null(diag_code_meaning(DIAG_LOOP));
}

/* Whatever the order in which steps find problems, people read them down the file. */
static void file_order(void **state)
{
	struct diag *d = diag_new();
	static const struct {
		uint32_t line, column;
	} want[] = {{0, 0}, {1, 1}, {2, 3}, {2, 9}, {7, 1}};

	(void)state;
	take_text(d, "t");
	diag_error(d, DIAG_SHAPE, at(2, 9), "c");
	diag_error(d, DIAG_SHAPE, at(7, 1), "d");
	diag_warn(d, DIAG_UNUSED, at(1, 1), "a");
	diag_error(d, DIAG_SHAPE, at(2, 3), "b");
	diag_error(d, DIAG_MISSING, at(0, 0), "the file");
	assert_int_equal(diag_shown(d), array_len(want));
	for (size_t i = 0; i < array_len(want); i++) {
		assert_int_equal(diag_get(d, i)->at.line, want[i].line);
		assert_int_equal(diag_get(d, i)->at.column, want[i].column);
	}
	assert_int_equal(diag_count(d, DIAG_ERROR), 4);
	assert_int_equal(diag_count(d, DIAG_WARNING), 1);
	diag_free(d);
}

static void sources_in_the_order_taken(void **state)
{
	struct diag *d = diag_new();

	(void)state;
	take_text(d, "first");
	diag_error(d, DIAG_SHAPE, at(9, 9), "in the first");
	take_text(d, "second");
	diag_error(d, DIAG_SHAPE, at(1, 1), "in the second");
	assert_string_equal(diag_get(d, 0)->message, "in the first");
	assert_string_equal(diag_get(d, 1)->source->name, "second");
	diag_free(d);
}

static void the_same_once(void **state)
{
	struct diag *d = diag_new();

	(void)state;
	take_text(d, "t");
	diag_error(d, DIAG_SHAPE, at(1, 1), "same");
	diag_error(d, DIAG_SHAPE, at(1, 1), "same");
	diag_help(d, "for nobody: the second was not kept");
	assert_int_equal(diag_count(d, DIAG_ERROR), 1);
	assert_string_equal(diag_get(d, 0)->help, "");
	diag_error(d, DIAG_SHAPE, at(1, 1), "another");
	diag_error(d, DIAG_RANGE, at(1, 1), "same");
	diag_error(d, DIAG_SHAPE, at(1, 2), "same");
	assert_int_equal(diag_count(d, DIAG_ERROR), 4);
	diag_free(d);
}

/* The first DIAG_SHOWN of the file stay, errors before warnings; all are counted. */
static void too_many(void **state)
{
	struct diag *d = diag_new();

	(void)state;
	take_text(d, "t");
	for (uint32_t line = 3 * DIAG_SHOWN; line > 0; line--)
		diag_warn(d, DIAG_UNUSED, at(line, 1), "w%u", line);
	assert_int_equal(diag_shown(d), DIAG_SHOWN);
	assert_int_equal(diag_get(d, DIAG_SHOWN - 1)->at.line, DIAG_SHOWN);
	diag_error(d, DIAG_SHAPE, at(1000, 1), "far below");
	diag_suggest(d, "kept");
	assert_int_equal(diag_shown(d), DIAG_SHOWN);
	assert_string_equal(diag_get(d, DIAG_SHOWN - 1)->suggestion, "kept");
	for (uint32_t i = 0; i < 2 * DIAG_SHOWN; i++)
		diag_error(d, DIAG_SHAPE, at(2000 + i, 1), "e%u", i);
	diag_note(d, "for nobody: the last was not kept");
	for (size_t i = 0; i < DIAG_SHOWN; i++) {
		assert_int_equal(diag_severity(diag_get(d, i)->code), DIAG_ERROR);
		assert_string_equal(diag_get(d, i)->note, "");
	}
	assert_int_equal(diag_get(d, DIAG_SHOWN - 1)->at.line, 2000 + DIAG_SHOWN - 2);
	assert_int_equal(diag_count(d, DIAG_ERROR), 1 + 2 * DIAG_SHOWN);
	assert_int_equal(diag_count(d, DIAG_WARNING), 3 * DIAG_SHOWN);
	diag_free(d);
}

static void more_about_the_last(void **state)
{
	struct diag *d = diag_new();
	char longer[1000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	diag_help(d, "for nobody: there is no problem yet");
	diag_error(d, DIAG_SHAPE, at(1, 1), "%s", longer);
	diag_suggest(d, NULL);
	assert_string_equal(diag_get(d, 0)->suggestion, "");
	diag_suggest(d, longer);
	diag_note(d, "%s", longer);
	diag_help(d, "%d words", 2);
	assert_int_equal(strlen(diag_get(d, 0)->message), sizeof(diag_get(d, 0)->message) - 1);
	assert_int_equal(strlen(diag_get(d, 0)->suggestion), sizeof(diag_get(d, 0)->suggestion) - 1);
	assert_int_equal(strlen(diag_get(d, 0)->note), sizeof(diag_get(d, 0)->note) - 1);
	assert_string_equal(diag_get(d, 0)->help, "2 words");
	assert_null(diag_free(d));
	assert_null(diag_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes),
		cmocka_unit_test(file_order),
		cmocka_unit_test(sources_in_the_order_taken),
		cmocka_unit_test(the_same_once),
		cmocka_unit_test(too_many),
		cmocka_unit_test(more_about_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
