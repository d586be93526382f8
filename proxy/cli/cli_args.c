/* cli_args: one verb's command line, read by getopt_long with options and messages from the
 * table. */
#include "proxy/cli/cli_args.h"

#include <getopt.h>
#include <string.h>

#include "config/text/word.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

#define WORDS_SHOWN 256 /* bytes of the longest list of words in cli_tbl.h, with commas */
#define LONG_BASE 256 /* getopt's value of option i when its word was used; letters stand for themselves */

/* Whole words: an abbreviation that works today would break when a longer word joins the list. */
static bool is_one_of(const char *typed, const char *words)
{
	const char *word;
	size_t n;

	while ((n = cli_word_next(&words, &word)) > 0)
		if (strlen(typed) == n && memcmp(typed, word, n) == 0)
			return true;
	return false;
}

/* ---- what getopt is told ---- */

#define VERB_OPTS 40 /* the most that one verb has */

/* The table's options of one verb, as getopt_long wants them. */
struct grammar {
	struct option words[VERB_OPTS + 1];
	char letters[2 + 4 * CLI_OPTS];
};

/* One option letter, with getopt's colon when it takes a value. `letters` has room for all of
 * the table. */
static void add_letter(char *letters, char letter, bool takes_value)
{
	size_t n = strlen(letters);

	if (letter == 0)
		return;
	letters[n++] = letter;
	if (takes_value)
		letters[n++] = ':';
	letters[n] = '\0';
}

/* The colon in front makes getopt tell a missing value from an unknown option and keep silent
 * about both. */
static void grammar_init(struct grammar *g, const struct cli_verb *v)
{
	size_t n = 0;

	memset(g, 0, sizeof(*g));
	g->letters[0] = ':';
	for (size_t i = 0; i < CLI_OPTS; i++) {
		const struct cli_opt *o = &cli_opts[i];
		bool takes_value = o->value != CLI_NOTHING;

		if (!cli_opt_fits(o, v))
			continue;
		CHECK(n < VERB_OPTS, "a verb of more options: raise VERB_OPTS");
		g->words[n++] = (struct option){o->word, takes_value ? required_argument : no_argument, NULL,
						LONG_BASE + (int)i};
		add_letter(g->letters, o->letter, takes_value);
		add_letter(g->letters, o->also, takes_value);
	}
}

/* The option of this verb that getopt's value stands for; CLI_OPTS when there is none. */
static size_t opt_of(const struct cli_verb *v, int value)
{
	if (value >= LONG_BASE) {
		DCHECK(value < LONG_BASE + CLI_OPTS, "getopt answers with an option that it was not told");
		return (size_t)(value - LONG_BASE);
	}
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v) && (cli_opts[i].letter == value || cli_opts[i].also == value))
			return i;
	return CLI_OPTS;
}

/* ---- what is said about mistakes ---- */

/* The first verb that has the option: it may be the one that was meant. */
static const struct cli_verb *verb_with(const char *word)
{
	for (size_t i = 0; i < CLI_OPTS; i++)
		for (size_t v = 0; v < CLI_VERBS && strcmp(cli_opts[i].word, word) == 0; v++)
			if (cli_opt_fits(&cli_opts[i], &cli_verbs[v]))
				return &cli_verbs[v];
	return NULL;
}

/* Three guesses in order: a slip of one of this verb's options, an option of another verb, none. */
static int unknown_word(const struct cli_verb *v, const char *typed)
{
	char word[WORD_MAX];
	size_t n = strcspn(typed, "=");
	const struct cli_verb *other;
	struct word_search s;

	if (n >= sizeof(word))
		return cli_misused(v, "%s has no option --%s", v->word, typed);
	memcpy(word, typed, n);
	word[n] = '\0';
	word_search_init(&s, word);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v))
			word_search_try(&s, cli_opts[i].word);
	if (s.best != NULL)
		return cli_misused(v, "%s has no option --%s; did you mean --%s?", v->word, word, s.best);
	other = verb_with(word);
	if (other != NULL)
		return cli_misused(v, "%s has no option --%s; %s has", v->word, word, other->word);
	return cli_misused(v, "%s has no option --%s", v->word, word);
}

/* getopt's '?': an unknown option, an ambiguous beginning of one, or a value for an option that
 * takes none. */
static int bad_option(const struct cli_verb *v, const char *typed, int value)
{
	if (value >= LONG_BASE)
		return cli_misused(v, "--%s takes no value", cli_opts[value - LONG_BASE].word);
	if (value != 0)
		return cli_misused(v, "%s has no option -%c", v->word, value);
	return unknown_word(v, typed + 2);
}

/* `dashes` stand before the word of an option, "" before an operand's verb. */
static int bad_word(const struct cli_args *a, const char *dashes, const char *what, const char *typed,
		    const char *words)
{
	char list[WORDS_SHOWN] = "";
	size_t at = 0, n;
	const char *word;

	while ((n = cli_word_next(&words, &word)) > 0 && at < sizeof(list))
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%.*s", at > 0 ? ", " : "", (int)n, word);
	return cli_misused(a->verb, "%s%s must be %s%s, not \"%s\"", dashes, what,
			   strchr(list, ',') != NULL ? "one of " : "", list, typed);
}

/* ---- reading ---- */

/* One option, as getopt met it: in the table by i, its value borrowed from argv. */
static int take_option(struct cli_args *a, size_t i, const char *value)
{
	const struct cli_opt *o = &cli_opts[i];

	DCHECK(i < CLI_OPTS && cli_opt_fits(o, a->verb), "an option that the verb does not have was taken");
	/* Of two values one would have to be guessed; a flag that is given twice says the same
	 * thing twice. */
	if (a->value[i] != NULL && o->value == CLI_SERVERS)
		return cli_misused(a->verb, "--%s is given twice; put commas between addresses", o->word);
	if (a->value[i] != NULL && o->value != CLI_NOTHING)
		return cli_misused(a->verb, "--%s is given twice", o->word);
	if (o->value == CLI_WORDS && !is_one_of(value, o->words))
		return bad_word(a, "--", o->word, value, o->words);
	a->value[i] = value != NULL ? value : "";
	return 0;
}

/* The words that are left behind the options: their number and, where the verb takes words,
 * which. */
static int take_operands(struct cli_args *a, int argc, char **argv)
{
	const struct cli_verb *v = a->verb;

	a->operands = argv + optind;
	a->noperands = argc - optind;
	if (a->value[CLI_OPT_HELP] != NULL) /* a person who asks for help gets it, whatever stands beside it */
		return 0;
	if (a->noperands > v->max && cli_opt_fits(&cli_opts[CLI_OPT_CONFIG], v))
		return cli_misused(v, "%s: \"%s\" is one word too many; a file is named by -c FILE", v->word,
				   a->operands[v->max]);
	if (a->noperands > v->max)
		return cli_misused(v, "%s: \"%s\" is one word too many", v->word, a->operands[v->max]);
	if (a->noperands < v->min)
		return cli_misused(v, "%s needs %s", v->word, cli_kind_text(v->operand, v->words));
	if (a->noperands > 0 && v->operand == CLI_WORDS && !is_one_of(a->operands[0], v->words))
		return bad_word(a, "", v->word, a->operands[0], v->words);
	return 0;
}

int cli_args_parse(struct cli_args *a, const struct cli_verb *v, int argc, char **argv)
{
	struct grammar g;
	int value;

	*a = (struct cli_args){.verb = v};
	grammar_init(&g, v);
	optind = 0; /* glibc: start anew, for tests read more than one line */
	while ((value = getopt_long(argc, argv, g.letters, g.words, NULL)) != -1) {
		size_t i = opt_of(v, value == ':' ? optopt : value);
		int bad = 0;

		if (value == '?')
			bad = bad_option(v, argv[optind - 1], optopt);
		else if (value == ':')
			bad = cli_misused(v, "--%s needs a value: %s", cli_opts[i].word,
					  cli_kind_text(cli_opts[i].value, cli_opts[i].words));
		else
			bad = take_option(a, i, optarg);
		if (bad != 0)
			return -NP_EINVAL;
	}
	return take_operands(a, argc, argv) == 0 ? 0 : -NP_EINVAL;
}
