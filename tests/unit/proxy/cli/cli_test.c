/* cli: how a command line is read. What the verbs then do is tests/flow/cli_verbs_test.c. */
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"

#define WORDS 8
#define TEN   "xxxxxxxxxx"

/* getopt moves the words about, so it gets an array of the test's own. */
static int parse(struct cli_args *a, const char *const words[])
{
	static char *argv[WORDS + 1];
	int argc = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	argv[argc] = NULL;
	return cli_args_parse(a, cli_verb_find(argv[0]), argc, argv);
}

static void wrong_lines_are_refused(void **state)
{
	static const struct {
		const char *name;
		const char *words[WORDS];
	} rows[] = {
		{"unknown word", {"check", "--frmat", "json"}},
		{"unknown letter", {"check", "-x"}},
		{"another verb's option", {"check", "--from", ":80"}},
		{"a word too long to compare", {"check", "--" TEN TEN TEN TEN TEN TEN TEN}},
		{"value missing", {"check", "--format"}},
		{"value missing, by letter", {"check", "-c"}},
		{"value missing, by the other letter", {"check", "-f"}},
		{"value for a flag", {"check", "--strict=1"}},
		{"not one of the words", {"check", "--format", "xml"}},
		{"the beginning of a word", {"check", "--format", "hum"}},
		{"two words in one", {"check", "--format", "human|json"}},
		{"no word", {"check", "--format", ""}},
		{"given twice", {"check", "-c", "a", "--config", "b"}},
		{"addresses given twice", {"proxy", "--to", ":1", "--to", ":2"}},
		{"one operand too many", {"explain", "a", "b"}},
		{"an operand where none is", {"run", "a"}},
		{"an operand missing", {"completion"}},
		{"an operand that is no word of it", {"completion", "csh"}},
	};
	struct cli_args a;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		if (parse(&a, rows[i].words) == -NP_EINVAL)
			continue;
		print_error("accepted: %s\n", rows[i].name);
		fail();
	}
}

static void options_stand_anywhere(void **state)
{
	static const char *const lines[][WORDS] = {
		{"check", "-c", "x", "--strict"},
		{"check", "--strict", "-f", "x"},
		{"check", "--config=x", "--strict"},
		{"check", "--strict", "--conf", "x"},
	};
	struct cli_args a;

	(void)state;
	for (size_t i = 0; i < array_len(lines); i++) {
		assert_int_equal(parse(&a, lines[i]), 0);
		assert_string_equal(a.value[CLI_OPT_CONFIG], "x");
		assert_string_equal(a.value[CLI_OPT_STRICT], "");
		assert_null(a.value[CLI_OPT_FORMAT]);
		assert_int_equal(a.noperands, 0);
	}
	assert_int_equal(parse(&a, (const char *const[]){"check", "x", "--strict", NULL}), 0);
	assert_int_equal(a.noperands, 1);
	assert_string_equal(a.operands[0], "x");
	assert_int_equal(parse(&a, (const char *const[]){"check", "--", "--strict", NULL}), 0);
	assert_string_equal(a.operands[0], "--strict");
	assert_null(a.value[CLI_OPT_STRICT]);
}

/* --help wins over what would be missing, or help could not be had before one knows the rest. */
static void help_needs_nothing_else(void **state)
{
	struct cli_args a;

	(void)state;
	assert_int_equal(parse(&a, (const char *const[]){"completion", "--help", NULL}), 0);
	assert_non_null(a.value[CLI_OPT_HELP]);
}

static void file_is_option_then_operand_then_environment(void **state)
{
	char room[CLI_CONFIG_ROOM];
	struct cli_args a;

	(void)state;
	setenv("STAUNCH_CONTROL", "off", 1); /* nobody is to be asked */
	unsetenv(CLI_CONFIG_ENV);
	assert_int_equal(parse(&a, (const char *const[]){"check", NULL}), 0);
	assert_string_equal(cli_config_path(&a, room), CLI_CONFIG_PATH);
	setenv(CLI_CONFIG_ENV, "", 1);
	assert_string_equal(cli_config_path(&a, room), CLI_CONFIG_PATH);
	setenv(CLI_CONFIG_ENV, "env", 1);
	assert_string_equal(cli_config_path(&a, room), "env");
	assert_int_equal(parse(&a, (const char *const[]){"check", "operand", NULL}), 0);
	assert_string_equal(cli_config_path(&a, room), "operand");
	assert_int_equal(parse(&a, (const char *const[]){"config", "show", NULL}), 0);
	assert_string_equal(cli_config_path(&a, room), "env"); /* its operand is no file */
	assert_int_equal(parse(&a, (const char *const[]){"run", "-c", "option", NULL}), 0);
	assert_string_equal(cli_config_path(&a, room), "option");
	unsetenv(CLI_CONFIG_ENV);
}

static void colour_is_asked_for_or_a_terminals(void **state)
{
	struct cli_args a = {.verb = NULL};
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	assert_false(cli_colour(&a, file));
	a.value[CLI_OPT_COLOR] = "always";
	assert_true(cli_colour(&a, file));
	setenv("NO_COLOR", "1", 1);
	assert_true(cli_colour(&a, file)); /* the option is nearer than the environment */
	a.value[CLI_OPT_COLOR] = "never";
	assert_false(cli_colour(&a, file));
	unsetenv("NO_COLOR");
	fclose(file);
}

/* A row that names a letter or a word twice would make one of the two dead. */
static void table_is_sound(void **state)
{
	(void)state;
	for (size_t v = 0; v < CLI_VERBS; v++) {
		unsigned seen[256] = {0};

		assert_ptr_equal(cli_verb_find(cli_verbs[v].word), &cli_verbs[v]);
		assert_true(cli_verbs[v].min <= cli_verbs[v].max);
		assert_int_equal(cli_verbs[v].operand != CLI_NOTHING, cli_verbs[v].max > 0);
		for (size_t i = 0; i < CLI_OPTS; i++) {
			if (!cli_opt_fits(&cli_opts[i], &cli_verbs[v]))
				continue;
			assert_false(cli_opts[i].letter != 0 && seen[(unsigned char)cli_opts[i].letter]++ > 0);
			assert_false(cli_opts[i].also != 0 && seen[(unsigned char)cli_opts[i].also]++ > 0);
			assert_int_equal(cli_opts[i].value == CLI_WORDS, cli_opts[i].words != NULL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(file_is_option_then_operand_then_environment),
		cmocka_unit_test(colour_is_asked_for_or_a_terminals),
		cmocka_unit_test(table_is_sound),
	};

	return cmocka_run_group_tests_name("proxy/cli", tests, NULL, NULL);
}
