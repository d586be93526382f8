/* cli_query: the path of a question, with options of the command line as its query. The option --reason-pending is the
 * parameter reason_pending: one word for one thing in both.
 *
 * What is wrong with a value the instance says: it alone has the reader of it, and so a newer instance may take more
 * than this program knows of. */
#ifndef PROXY_CLI_CLI_QUERY_H
#define PROXY_CLI_CLI_QUERY_H

#include "proxy/cli/cli_args.h"

#define CLI_PATH_ROOM 1280 /* more than the longest filter: what is cut off is refused by the instance */

/* cli_query_begin: path becomes route. */
void cli_query_begin(char path[CLI_PATH_ROOM], const char *route);
/* cli_query_add: one parameter more; bytes that mean something in a query are escaped. */
void cli_query_add(char path[CLI_PATH_ROOM], const char *name, const char *value);
/* cli_query_add_opts: each of these options that was given, by its word, dashes as underscores. */
void cli_query_add_opts(char path[CLI_PATH_ROOM], const struct cli_args *a, const enum cli_opt_id *opts, size_t n);
/* The name of an option as a parameter or as a member of a body: with underscores. */
const char *cli_query_name(enum cli_opt_id opt, char name[32]);

/* Those that say which connections are meant. */
#define CLI_FILTER_OPTS                                                                                          \
	CLI_OPT_LISTENER, CLI_OPT_UPSTREAM, CLI_OPT_SERVER, CLI_OPT_SRC, CLI_OPT_SNI

#endif
