/* cli: the command line. cli_main reads it by the tables of cli_tbl.h and calls the verb's function. */
#ifndef PROXY_CLI_CLI_H
#define PROXY_CLI_CLI_H

#include <stdio.h>

#include "netpoll/base.h"
#include "proxy/cli/cli_tbl.h"
#include "proxy/base/exit_tbl.h"

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

struct cli_verb {
	const char   *word;
	enum cli_kind operand;
	const char   *words; /* "a|b|c" for CLI_WORDS */
	int           min, max;
	bool          shown;
	const char   *help, *more; /* more may be NULL */
	int (*run)(const struct cli_args *a); /* returns the exit code */
};

struct cli_opt {
	char          letter, also; /* 0: none */
	const char   *word;
	enum cli_kind value; /* CLI_NOTHING: a flag */
	const char   *words;
	unsigned      verbs; /* bit 1 << enum cli_verb_id */
	const char   *help;
};

struct cli_example {
	enum cli_verb_id verb;
	const char      *line, *meaning;
};

extern const struct cli_verb    cli_verbs[CLI_VERBS];
extern const struct cli_opt     cli_opts[CLI_OPTS];
extern const struct cli_example cli_examples[];
extern const size_t             cli_example_count;

/* The command line of one verb, read. Everything is borrowed from argv. */
struct cli_args {
	const struct cli_verb *verb;
	const char            *value[CLI_OPTS]; /* NULL: not given; "" for a flag */
	char                 **operands;
	int                    noperands;
};

int cli_main(int argc, char **argv);

/* --- reading: cli_args.c --- */

/* cli_args_parse: argv[0] is the verb.   Returns  0, or -NP_EINVAL with the reason on stderr. */
must_use int cli_args_parse(struct cli_args *a, const struct cli_verb *v, int argc, char **argv);
const struct cli_verb *cli_verb_find(const char *word); /* NULL: none */
bool cli_opt_fits(const struct cli_opt *o, const struct cli_verb *v);
/* Steps through "a|b|c": the next word's length, 0 at the end. *at starts at the text, then stands behind the word. */
size_t cli_word_next(const char **at, const char **word);
/* How a value is shown in help: "FILE", "a|b|c". */
const char *cli_kind_text(enum cli_kind kind, const char *words);

/* --- speaking: cli.c --- */

/* One line on stderr, "staunch: ...". */
void cli_complain(const char *fmt, ...) printf_like(1, 2);
/* The same and where to find help.   Returns  EXIT_USAGE. */
int cli_misused(const struct cli_verb *v, const char *fmt, ...) printf_like(2, 3);
/* By --color, then NO_COLOR and TERM, then whether f is a terminal. */
bool cli_colour(const struct cli_args *a, FILE *f);
const char *cli_version_text(void);

/* --- help: cli_help.c --- */

void cli_help_all(FILE *out, bool full); /* full: with environment, files and exit codes */
void cli_help_verb(FILE *out, const struct cli_verb *v);

/* --- the config file: cli_config.c --- */

struct config;
/* Of -c, else the operand of a verb that takes a file, else the environment, else CLI_CONFIG_PATH. */
const char *cli_config_path(const struct cli_args *a);
/* cli_config_load: load that file; problems, warnings too, go to stderr.
 *   Returns  0 and *out, to be freed or handed on; or the exit code. */
must_use int cli_config_load(const struct cli_args *a, struct config **out);

/* cli_check_tls.c: adds to d what TLS would say of the files that c names.   Returns  0 or -NP_ENOMEM. */
struct diag;
must_use int cli_check_tls(const struct config *c, struct diag *d);

/* --- the verbs: cli_<verb>.c, the small ones in cli_config.c, cli_help.c and cli.c --- */

#define X(id, word, ...) int cli_##word(const struct cli_args *a);
CLI_VERB_TBL(X)
#undef X

#endif
