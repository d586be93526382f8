/* cli_main: dispatch. A word is a verb of ours, a word of another program (alias), a habit that
 * can only be answered (hint), or a slip. The first line on stderr says which, because many
 * people meet the program with another program's command line in their fingers. */
#include "proxy/cli/cli_main.h"

#include <stdlib.h>
#include <string.h>

#include "config/text/word.h"
#include "netpoll/check.h"
#include "proxy/cli/cli_args.h"
#include "proxy/cli/cli_help.h"

/* ---- words that are no verbs ---- */

/* A word of another program that means one of ours, and the option it implies. */
static const struct alias {
	const char *typed, *verb, *option;
} aliases[] = {
#define X(typed, verb, option) {typed, verb, option},
	CLI_ALIAS_TBL(X)
#undef X
};

/* A habit that no verb can obey, and the line that does what is meant. */
static const struct hint {
	const char *typed, *text;
} hints[] = {
#define X(typed, hint) {typed, hint},
	CLI_HINT_TBL(X)
#undef X
};

/* A hint first: it is a known habit. Then the nearest verb. */
static int unknown_verb(const char *typed)
{
	struct word_search s;

	for (size_t i = 0; i < array_len(hints); i++)
		if (strcmp(hints[i].typed, typed) == 0)
			return cli_misused(NULL, "\"%s\" is not a verb; %s", typed, hints[i].text);
	word_search_init(&s, typed);
	for (size_t i = 0; i < CLI_VERBS; i++)
		word_search_try(&s, cli_verbs[i].word);
	if (s.best != NULL)
		return cli_misused(NULL, "\"%s\" is not a verb; did you mean \"%s\"?", typed, s.best);
	return cli_misused(NULL, "\"%s\" is not a verb", typed);
}

/* --help is answered here, once for all verbs: no verb can forget it. */
static int run_verb(const struct cli_verb *v, int argc, char **argv)
{
	struct cli_args a;

	DCHECK(argc > 0 && argv[0] != NULL, "a verb runs by its own word");
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

	CHECK(v != NULL, "an alias for a verb that does not exist");
	words = calloc((size_t)(argc - 1 + n) + 1, sizeof(*words));
	if (words == NULL)
		return EXIT_FAILED;
	/* getopt's type is older than const: it moves the words about and leaves their bytes
	 * alone. */
	words[0] = (char *)(uintptr_t)as->verb;
	if (n == 2)
		words[1] = (char *)(uintptr_t)as->option;
	memcpy(words + n, argv + 1, (size_t)(argc - 1) * sizeof(*words));
	status = run_verb(v, argc - 1 + n, words);
	free(words);
	return status;
}

/* How many words of the line are the alias: nginx's `-s reload` is two. 0: it is another one. */
static int alias_words(const struct alias *as, int argc, char **argv)
{
	size_t n = strcspn(as->typed, " ");

	if (strncmp(as->typed, argv[0], n) != 0 || argv[0][n] != '\0')
		return 0;
	if (as->typed[n] == '\0')
		return 1;
	return argc > 1 && strcmp(as->typed + n + 1, argv[1]) == 0 ? 2 : 0;
}

/* A verb, then an alias, then a guess. Without any word a person gets help, and a script the
 * code of misuse. */
static int dispatch(int argc, char **argv)
{
	const struct cli_verb *v;
	int n;

	if (argc == 0) {
		cli_help_all(stderr, false);
		return EXIT_USAGE;
	}
	v = cli_verb_find(argv[0]);
	if (v != NULL)
		return run_verb(v, argc, argv);
	for (size_t i = 0; i < array_len(aliases); i++)
		if ((n = alias_words(&aliases[i], argc, argv)) > 0)
			return run_alias(&aliases[i], argc - n + 1, argv + n - 1);
	return unknown_verb(argv[0]);
}

/* A result that did not reach its file is not a result: a full disk must not leave half a schema
 * and a 0. */
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
