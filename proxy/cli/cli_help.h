/* cli_help: what --help and the verb help print. */
#ifndef PROXY_CLI_CLI_HELP_H
#define PROXY_CLI_CLI_HELP_H

#include "proxy/cli/cli.h"

/* The program as a whole. `full`: with environment, files and exit codes; a person who typed
 * nothing gets less. */
void cli_help_all(FILE *out, bool full);
/* One verb: examples, usage, options. */
void cli_help_verb(FILE *out, const struct cli_verb *v);

#endif
