/* cli_check_live: check --against-live. */
#ifndef PROXY_CLI_CLI_CHECK_LIVE_H
#define PROXY_CLI_CLI_CHECK_LIVE_H

#include "netpoll/base.h"

struct cli_args;

/* cli_check_live: show what a reload of this file would change in the running process.
 *   Returns  the exit code: EXIT_CONFIG where the file has errors. */
must_use int cli_check_live(const struct cli_args *a, const char *path);

#endif
