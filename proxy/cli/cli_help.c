/* cli_help: what --help says, examples first, because they answer most questions. */
#include "proxy/cli/cli_help.h"

#include <string.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "proxy/cli/cli_args.h"

#define LEFT  22 /* columns of an option; a longer one has its help on the next line */
#define MARGIN (LEFT + 4) /* where its help begins */

static const struct exit_code {
	int         code;
	const char *meaning;
} exit_codes[] = {
#define X(id, code, start, meaning) {code, meaning},
	EXIT_TBL(X)
#undef X
};

/* What it is for stands behind it, or above where the line is too short for both. */
static void help_example(FILE *out, const struct cli_example *e, int width)
{
	if (width + 6 + (int)strlen(e->meaning) > cli_columns(out))
		fprintf(out, "  # %s\n  %s\n", e->meaning, e->line);
	else
		fprintf(out, "  %-*s  # %s\n", width, e->line, e->meaning);
}

/* Those of one verb, or all (v == NULL), their meanings in one column. */
static void help_examples(FILE *out, const struct cli_verb *v)
{
	int width = 0;

	for (size_t i = 0; i < cli_example_count; i++) {
		int n = (int)strlen(cli_examples[i].line);

		if ((v == NULL || &cli_verbs[cli_examples[i].verb] == v) && n > width)
			width = n;
	}
	if (width == 0)
		return;
	fputs("Examples:\n", out);
	for (size_t i = 0; i < cli_example_count; i++)
		if (v == NULL || &cli_verbs[cli_examples[i].verb] == v)
			help_example(out, &cli_examples[i], width);
	putc('\n', out);
}

/* The verbs in the order of the table, which is the order of first use. */
static void help_verbs(FILE *out)
{
	fputs("Verbs:\n", out);
	for (size_t i = 0; i < CLI_VERBS; i++) {
		fprintf(out, "  %-10s  ", cli_verbs[i].word);
		utf8_put_wrapped(out, cli_verbs[i].help, cli_columns(out) - 14, "              ");
	}
}

/* What a script or a unit file needs beside the verbs. */
static void help_surroundings(FILE *out)
{
	putc('\n', out);
	utf8_put_wrapped(out,
			 "The config file is that of -c, else of $" CLI_CONFIG_ENV ", else that of the process at "
			 "the control socket (but for run, which starts one), else " CLI_CONFIG_PATH ".",
			 cli_columns(out), "");
	fputs("\nExit codes:\n", out);
	for (size_t i = 0; i < array_len(exit_codes); i++) {
		fprintf(out, "  %2d  ", exit_codes[i].code);
		utf8_put_wrapped(out, exit_codes[i].meaning, cli_columns(out) - 6, "      ");
	}
}

void cli_help_all(FILE *out, bool full)
{
	fputs("staunch relays TCP connections to the servers behind it.\n\n", out);
	help_examples(out, NULL);
	help_verbs(out);
	if (full)
		help_surroundings(out);
	fputs("\nstaunch help VERB tells more.\n", out);
}

/* Letter and word on the left, the phrase in one column; a long option gets a line of its own. */
static void help_option(FILE *out, const struct cli_opt *o, const struct cli_verb *v)
{
	char left[128], margin[MARGIN + 1];
	size_t n = 0;

	snprintf(margin, sizeof(margin), "%*s", MARGIN, "");

	if (o->letter != 0)
		n = (size_t)snprintf(left, sizeof(left), "-%c, ", o->letter);
	n += (size_t)snprintf(left + n, sizeof(left) - n, "--%s", o->word);
	if (o->value != CLI_NOTHING)
		n += (size_t)snprintf(left + n, sizeof(left) - n, " %s", cli_kind_text(o->value, o->words));
	if (n > LEFT)
		fprintf(out, "  %s\n  %*s  ", left, LEFT, "");
	else
		fprintf(out, "  %-*s  ", LEFT, left);
	utf8_put_wrapped(out, cli_opt_help(o, v), cli_columns(out) - 2 - MARGIN, margin);
}

void cli_help_verb(FILE *out, const struct cli_verb *v)
{
	const char *operand = cli_kind_text(v->operand, v->words);
	int title;

	DCHECK(v->min <= v->max, "a verb that needs more operands than it takes");
	title = fprintf(out, "staunch %s: ", v->word);
	utf8_put_wrapped(out, v->help, cli_columns(out) - title, "  ");
	putc('\n', out);
	help_examples(out, v);
	title = fprintf(out, "Usage: staunch %s [OPTION]...", v->word);
	if (v->max > 0 && title + (int)strlen(operand) + 1 > cli_columns(out))
		fputs("\n ", out);
	if (v->max > 0)
		fprintf(out, "%s%s%s%s", v->min == 0 ? " [" : " ", operand, v->min == 0 ? "]" : "",
			v->max > 1 ? " ..." : "");
	fputs("\n\n", out);
	if (v->more != NULL) {
		utf8_put_wrapped(out, v->more, cli_columns(out) - 2, "");
		putc('\n', out);
	}
	fputs("Options:\n", out);
	for (size_t i = 0; i < CLI_OPTS; i++)
		if (cli_opt_fits(&cli_opts[i], v))
			help_option(out, &cli_opts[i], v);
}

/* help of help: `staunch help VERB` is `staunch VERB --help`. */
int cli_help(const struct cli_args *a)
{
	const struct cli_verb *v;

	if (a->noperands == 0) {
		cli_help_all(stdout, true);
		return EXIT_OK;
	}
	v = cli_verb_find(a->operands[0]);
	if (v == NULL)
		return cli_misused(NULL, "\"%s\" is not a verb", a->operands[0]);
	cli_help_verb(stdout, v);
	return EXIT_OK;
}
