#include "proxy/cli/cli.h"

#include <gnu/libc-version.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/word.h"

/* What --balance takes is what the key takes. The words begin with a bar; cli_word_next skips it. */
#define BAR_WORD(name, word, meaning) "|" word
#define CLI_BALANCE_WORDS CONFIG_BALANCE_TBL(BAR_WORD)
#define FOR(verb) (1u << CLI_VERB_##verb)
#define FOR_ALL   (~0u)
const struct cli_opt cli_opts[CLI_OPTS] = {
#define X(id, letter, also, word, value, ...) {letter, also, word, CLI_##value, __VA_ARGS__},
	CLI_OPT_TBL(X)
#undef X
};

const struct cli_verb cli_verbs[CLI_VERBS] = {
#define X(id, word, operand, words, min, max, shown, help, more) \
	{#word, CLI_##operand, words, min, max, shown, help, more, cli_##word},
	CLI_VERB_TBL(X)
#undef X
};

const struct cli_example cli_examples[] = {
#define X(verb, line, meaning) {CLI_VERB_##verb, line, meaning},
	CLI_EXAMPLE_TBL(X)
#undef X
};
const size_t cli_example_count = array_len(cli_examples);

static const struct alias {
	const char *typed, *verb, *option;
} aliases[] = {
#define X(typed, verb, option) {typed, verb, option},
	CLI_ALIAS_TBL(X)
#undef X
};

static const struct hint {
	const char *typed, *text;
} hints[] = {
#define X(typed, hint) {typed, hint},
	CLI_HINT_TBL(X)
#undef X
};

/* ---- speaking -------------------------------------------------------------------------------- */

static void complain(const char *fmt, va_list ap)
{
	fputs("staunch: ", stderr);
	vfprintf(stderr, fmt, ap);
	putc('\n', stderr);
}

void cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

int cli_misused(const struct cli_verb *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	fprintf(stderr, "  = help: staunch help%s%s\n", v != NULL ? " " : "", v != NULL ? v->word : "");
	return EXIT_USAGE;
}

bool cli_colour(const struct cli_args *a, FILE *f)
{
	const char *when = a->value[CLI_OPT_COLOR], *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != NULL && strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	if (none != NULL && none[0] != '\0')
		return false;
	return term != NULL && strcmp(term, "dumb") != 0 && isatty(fileno(f)) == 1;
}

const char *cli_version_text(void)
{
	return STAUNCH_VERSION;
}

int cli_version(const struct cli_args *a)
{
	struct utsname u;

	printf("staunch %s\n", STAUNCH_VERSION);
	if (a->value[CLI_OPT_SHORT] != NULL)
		return EXIT_OK;
	printf("compiler   %s\n", __VERSION__);
	printf("C library  glibc %s\n", gnu_get_libc_version());
	if (uname(&u) == 0)
		printf("kernel     %s %s, %s\n", u.sysname, u.release, u.machine);
	return EXIT_OK;
}

/* ---- from words to a verb -------------------------------------------------------------------- */

const struct cli_verb *cli_verb_find(const char *word)
{
	for (size_t i = 0; i < CLI_VERBS; i++)
		if (strcmp(cli_verbs[i].word, word) == 0)
			return &cli_verbs[i];
	return NULL;
}

static int unknown_verb(const char *typed)
{
	struct word_search s;

	for (size_t i = 0; i < array_len(hints); i++)
		if (strcmp(hints[i].typed, typed) == 0)
			return cli_misused(NULL, "\"%s\" is not a verb; %s", typed, hints[i].text);
	word_search_init(&s, typed);
	for (size_t i = 0; i < CLI_VERBS; i++)
		if (cli_verbs[i].shown)
			word_search_try(&s, cli_verbs[i].word);
	if (s.best != NULL)
		return cli_misused(NULL, "\"%s\" is not a verb; did you mean \"%s\"?", typed, s.best);
	return cli_misused(NULL, "\"%s\" is not a verb", typed);
}

static int run_verb(const struct cli_verb *v, int argc, char **argv)
{
	struct cli_args a;

	if (cli_args_parse(&a, v, argc, argv) != 0)
		return EXIT_USAGE;
	if (a.value[CLI_OPT_HELP] == NULL)
		return v->run(&a);
	cli_help_verb(stdout, v);
	return EXIT_OK;
}

/* The alias's own words in the place of argv[0], what follows behind them. */
static int run_alias(const struct alias *as, int argc, char **argv)
{
	const struct cli_verb *v = cli_verb_find(as->verb);
	char **words;
	int status, n = as->option != NULL ? 2 : 1;

	words = calloc((size_t)(argc - 1 + n) + 1, sizeof(*words));
	if (words == NULL)
		return EXIT_FAILED;
	/* getopt's type is older than const: it moves the words about and leaves their bytes alone. */
	words[0] = (char *)(uintptr_t)as->verb;
	if (n == 2)
		words[1] = (char *)(uintptr_t)as->option;
	memcpy(words + n, argv + 1, (size_t)(argc - 1) * sizeof(*words));
	status = run_verb(v, argc - 1 + n, words);
	free(words);
	return status;
}

static int dispatch(int argc, char **argv)
{
	const struct cli_verb *v;

	if (argc == 0) {
		cli_help_all(stderr, false);
		return EXIT_USAGE;
	}
	v = cli_verb_find(argv[0]);
	if (v != NULL)
		return run_verb(v, argc, argv);
	for (size_t i = 0; i < array_len(aliases); i++)
		if (strcmp(aliases[i].typed, argv[0]) == 0)
			return run_alias(&aliases[i], argc, argv);
	return unknown_verb(argv[0]);
}

/* A result that did not reach its file is not a result: a full disk must not leave half a schema and a 0. */
static int results_written(int status)
{
	int failed = ferror(stdout);

	if (fflush(stdout) == 0 && !failed)
		return status;
	cli_complain("cannot write to standard output");
	return status == EXIT_OK ? EXIT_FAILED : status;
}

int cli_main(int argc, char **argv)
{
	return results_written(dispatch(argc > 0 ? argc - 1 : 0, argv + 1));
}
