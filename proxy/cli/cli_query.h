/* cli_query: the path of a question, with options of the command line as its query. The option --reason-pending is the
 * parameter reason_pending: one word for one thing in both.
 *
 * What is wrong with a value the instance says: it alone has the reader of it, and so a newer instance may take more
 * than this program knows of. */
#ifndef PROXY_CLI_CLI_QUERY_H
#define PROXY_CLI_CLI_QUERY_H

#include <stdio.h>

#include "proxy/cli/cli_args.h"

/* As long as its values are: the instance says what is too long, and a value that was cut would mean another thing. */
struct cli_query {
	char *path; /* owned: cli_query_free */
	size_t n;
	FILE *f;     /* of path, until the end */
	char before; /* the next parameter */
};

/* cli_query_begin: the path is route so far.   Returns  false: no memory. */
must_use bool cli_query_begin(struct cli_query *q, const char *route);
/* cli_query_escape: s goes on in the path, with bytes that mean something in a URL escaped, but for those in safe. */
void cli_query_escape(struct cli_query *q, const char *s, const char *safe);
/* cli_query_add: one parameter more. */
void cli_query_add(struct cli_query *q, const char *name, const char *value);
/* cli_query_add_opts: each of these options that was given, by its word, dashes as underscores. */
void cli_query_add_opts(struct cli_query *q, const struct cli_args *a, const enum cli_opt_id *opts, size_t n);
/* cli_query_end: nothing is added any more.   Returns  the path; NULL: no memory, with its line on stderr. */
must_use const char *cli_query_end(struct cli_query *q);
void cli_query_free(struct cli_query *q);
/* The name of an option as a parameter or as a member of a body: with underscores. */
const char *cli_query_name(enum cli_opt_id opt, char name[32]);

/* Those that say which connections are meant. */
#define CLI_FILTER_OPTS                                                                                          \
	CLI_OPT_LISTENER, CLI_OPT_UPSTREAM, CLI_OPT_SERVER, CLI_OPT_SRC, CLI_OPT_SNI

#endif
