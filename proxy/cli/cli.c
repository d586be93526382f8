/* cli: the rows of cli_tbl.h at run time, the lines on stderr, and the verb version, which has
 * no better place. */
#include "proxy/cli/cli.h"

#include <gnu/libc-version.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/utf8.h"
#include "config/units.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/probe.h"
#include "proxy/base/terminal.h"
#include "proxy/cli/cli_args.h"

/* What --balance takes is what the key takes. The words begin with a bar; cli_word_next skips
 * it. */
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
#define X(id, word, operand, words, min, max, help, more) \
	{#word, CLI_##operand, words, min, max, help, more, cli_##word},
	CLI_VERB_TBL(X)
#undef X
};

const struct cli_example cli_examples[] = {
#define X(verb, line, meaning) {CLI_VERB_##verb, line, meaning},
	CLI_EXAMPLE_TBL(X)
#undef X
};
const size_t cli_example_count = array_len(cli_examples);

/* getopt lets a script call a verb by its whole word only: no abbreviation could then become
 * ambiguous later. */
const struct cli_verb *cli_verb_find(const char *word)
{
	for (size_t i = 0; i < CLI_VERBS; i++)
		if (strcmp(cli_verbs[i].word, word) == 0)
			return &cli_verbs[i];
	return NULL;
}

bool cli_opt_fits(const struct cli_opt *o, const struct cli_verb *v)
{
	DCHECK(v >= cli_verbs && v < cli_verbs + CLI_VERBS, "a verb that is no row of the table");
	return (o->verbs >> (v - cli_verbs) & 1) != 0;
}

/* By verb, and then by option; a row that is not there is NULL. */
const char *cli_opt_help(const struct cli_opt *o, const struct cli_verb *v)
{
	static const char *const own[CLI_VERBS][CLI_OPTS] = {
#define X(verb, opt, help) [CLI_VERB_##verb][CLI_OPT_##opt] = (help),
		CLI_OPT_HELP_TBL(X)
#undef X
	};
	const char *help = own[v - cli_verbs][o - cli_opts];

	return help != NULL ? help : o->help;
}

size_t cli_word_next(const char **at, const char **word)
{
	size_t n;

	if (**at == '|')
		++*at;
	n = strcspn(*at, "|");
	*word = *at;
	*at += n;
	return n;
}

const char *cli_kind_text(enum cli_kind kind, const char *words)
{
	static const char *const texts[] = {
#define X(id, text) text,
		CLI_KIND_TBL(X)
#undef X
	};

	if (kind == CLI_WORDS) {
		DCHECK(words != NULL, "an option of words has none");
		return words + (words[0] == '|');
	}
	return texts[kind];
}

/* ---- to the person at the terminal ---- */

/* stderr, and nothing else of ours, carries complaints: stdout may be a pipe that a program
 * reads. */
static void complain_line(const char *fmt, va_list ap)
{
	struct cli_paragraph p;

	if (!cli_paragraph_begin(&p)) {
		fprintf(stderr, "staunch: %s\n", np_err_text(-NP_ENOMEM));
		return;
	}
	vfprintf(p.f, fmt, ap);
	cli_paragraph_end(&p, stderr, "staunch: ");
}

void cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_line(fmt, ap);
	va_end(ap);
}

int cli_misused(const struct cli_verb *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_line(fmt, ap);
	va_end(ap);
	fprintf(stderr, "  = help: staunch help%s%s\n", v != NULL ? " " : "", v != NULL ? v->word : "");
	return EXIT_USAGE;
}

bool cli_colour(const struct cli_args *a, FILE *f)
{
	const char *when = a->value[CLI_OPT_COLOR], *none = getenv("NO_COLOR"), *term = getenv("TERM");

	/* The flag is the person's own word; NO_COLOR (no-color.org) and TERM are habits of the
	 * environment. */
	if (when != NULL && strcmp(when, "auto") != 0)
		return strcmp(when, "always") == 0;
	if (none != NULL && none[0] != '\0')
		return false;
	return term != NULL && strcmp(term, "dumb") != 0 && isatty(fileno(f)) == 1;
}

int cli_columns(FILE *f)
{
	return terminal_columns(fileno(f));
}

struct diag_look cli_look(const struct cli_args *a, FILE *f)
{
	return (struct diag_look){.colour = cli_colour(a, f), .columns = cli_columns(f)};
}

bool cli_paragraph_begin(struct cli_paragraph *p)
{
	*p = (struct cli_paragraph){0};
	p->f = open_memstream(&p->text, &p->n);
	return p->f != NULL;
}

/* The text may hold anything: a name of a file, the words of another process. */
void cli_paragraph_end(struct cli_paragraph *p, FILE *f, const char *label)
{
	int at = (int)strlen(label);
	char indent[32];

	DCHECK(at < (int)sizeof(indent), "a label that leaves no room for its text");
	snprintf(indent, sizeof(indent), "%*s", at, "");
	fclose(p->f);
	if (p->text != NULL) {
		fputs(label, f);
		utf8_put_hanging(f, p->text, at, cli_columns(f), indent);
	}
	free(p->text);
}

const char *cli_age(long long ms, char text[CLI_AGE_TEXT])
{
	int64_t s = ms / 1000;
	char exact[UNITS_TEXT];

	if (s >= 86400)
		s -= s % 3600;
	else if (s >= 3600)
		s -= s % 60;
	snprintf(text, CLI_AGE_TEXT, "%.*s", CLI_AGE_TEXT - 1, units_duration_format(s * UNITS_S, exact));
	return text;
}

void cli_say(FILE *f, const char *label, const char *fmt, ...)
{
	struct cli_paragraph p;
	va_list ap;

	if (!cli_paragraph_begin(&p))
		return;
	va_start(ap, fmt);
	vfprintf(p.f, fmt, ap);
	va_end(ap);
	cli_paragraph_end(&p, f, label);
}

const char *cli_version_text(void)
{
	return STAUNCH_VERSION;
}

/* What a bug report needs: the build, and the machine under it. */
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
	printf("probes     %s\n", PROBES_BUILT ? "USDT: staunch-probes(7)" : "none: built without sys/sdt.h");
	return EXIT_OK;
}
