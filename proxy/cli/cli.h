/* cli: the command line as tables (cli_tbl.h), and how the program speaks to the person at the
 * terminal. Reading is cli_args.h, choosing the verb cli_main.h; each verb is cli_<verb> in a
 * file of that name, the small ones in cli_config.c, cli_help.c and cli.c. */
#ifndef PROXY_CLI_CLI_H
#define PROXY_CLI_CLI_H

#include <stdio.h>

#include "config/text/diag.h"
#include "netpoll/base.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/cli/cli_tbl.h"

/* What may stand in the place of an operand or of an option's value. */
enum cli_kind {
#define X(id, ...) CLI_##id,
	CLI_KIND_TBL(X)
#undef X
};

enum cli_verb_id {
#define X(id, ...) CLI_VERB_##id,
	CLI_VERB_TBL(X)
#undef X
	CLI_VERBS
};

enum cli_opt_id {
#define X(id, ...) CLI_OPT_##id,
	CLI_OPT_TBL(X)
#undef X
	CLI_OPTS
};

struct cli_args;

/* All rows are const from the start: every text is static. */
struct cli_verb {
	const char *word;
	enum cli_kind operand;
	const char *words;       /* "a|b|c" for CLI_WORDS, otherwise NULL */
	int min, max;            /* number of operands */
	const char *help, *more; /* a phrase; sentences for the verb's own help, may be NULL */
	int (*run)(const struct cli_args *a); /* returns the exit code */
};

struct cli_opt {
	char letter, also; /* 0: none */
	const char *word;
	enum cli_kind value; /* CLI_NOTHING: a flag */
	const char *words;   /* "a|b|c" for CLI_WORDS, otherwise NULL */
	unsigned verbs;      /* bit 1 << enum cli_verb_id */
	const char *help;
};

struct cli_example {
	enum cli_verb_id verb;
	const char *line, *meaning;
};

extern const struct cli_verb cli_verbs[CLI_VERBS];
extern const struct cli_opt cli_opts[CLI_OPTS];
extern const struct cli_example cli_examples[];
extern const size_t cli_example_count;

/* The verb of that word; NULL: none. */
const struct cli_verb *cli_verb_find(const char *word);

/* Does the option belong to the verb? */
bool cli_opt_fits(const struct cli_opt *o, const struct cli_verb *v);

/* What it means for that verb. */
const char *cli_opt_help(const struct cli_opt *o, const struct cli_verb *v);

/* cli_word_next: step through "a|b|c".
 *   Returns  the next word's length and *word, which is not terminated; 0 at the end. *at starts at the text, then
 *            stands behind the word. A bar in front of the first word is skipped: CLI_BALANCE_WORDS begins with one. */
size_t cli_word_next(const char **at, const char **word);

/* How a value is shown in help: "FILE", "a|b|c". */
const char *cli_kind_text(enum cli_kind kind, const char *words);

/* ---- to the person at the terminal ---- */

/* A paragraph: a label, and a text of any length behind it, which is broken at the width of f; its other lines
 * begin under its first word. Nothing in it acts on the terminal: what is said of a file or by a process may hold any
 * byte. */
struct cli_paragraph {
	FILE *f; /* where the text is written */
	char *text;
	size_t n;
};
/* Returns  false: no memory. */
must_use bool cli_paragraph_begin(struct cli_paragraph *p);
void cli_paragraph_end(struct cli_paragraph *p, FILE *f, const char *label);
/* Both in one, for a text that printf can make. */
void cli_say(FILE *f, const char *label, const char *fmt, ...) printf_like(3, 4);

/* cli_age: so many ms as "12s", "1h5m", "2d3h": no finer than anyone asks for.   Returns  text. */
#define CLI_AGE_TEXT 32
const char *cli_age(long long ms, char text[CLI_AGE_TEXT]);

/* On stderr, "staunch: ...". */
void cli_complain(const char *fmt, ...) printf_like(1, 2);
/* The same, and where help is; v is the verb that was misused, NULL: none was understood.
 *   Returns  EXIT_USAGE. */
int cli_misused(const struct cli_verb *v, const char *fmt, ...) printf_like(2, 3);
/* May f get colours? By --color, then NO_COLOR and TERM, then whether f is a terminal. */
bool cli_colour(const struct cli_args *a, FILE *f);
/* Columns of a line there: terminal_columns of it. */
int cli_columns(FILE *f);
/* How problems look there. */
struct diag_look cli_look(const struct cli_args *a, FILE *f);
/* The version that the Makefile took from git. */
const char *cli_version_text(void);

/* ---- the verbs; each returns the exit code ---- */

#define X(id, word, ...) int cli_##word(const struct cli_args *a);
CLI_VERB_TBL(X)
#undef X

#endif
