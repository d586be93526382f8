/* cli_args: the command line of one verb, read. */
#ifndef PROXY_CLI_CLI_ARGS_H
#define PROXY_CLI_CLI_ARGS_H

#include "proxy/cli/cli.h"

/* Everything is borrowed from argv. */
struct cli_args {
	const struct cli_verb *verb;
	const char *value[CLI_OPTS]; /* NULL: not given; "" for a flag */
	char **operands;
	int noperands;
};

/* cli_args_parse: argv[0] is the verb's word.
 *   Returns  0, or -NP_EINVAL with the reason on stderr. *a is written in either case.
 *   Calls    the main thread: getopt keeps its state in globals. It may change the order of argv. */
must_use int cli_args_parse(struct cli_args *a, const struct cli_verb *v, int argc, char **argv);

#endif
