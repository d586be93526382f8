/* cli_check_live: check --against-live, and config show --diff running. */
#ifndef PROXY_CLI_CLI_CHECK_LIVE_H
#define PROXY_CLI_CLI_CHECK_LIVE_H

#include "netpoll/base.h"

struct cli_args;

/* cli_check_live: show what a reload of this file would change in the running process.
 *   Returns  the exit code: EXIT_CONFIG where the file has errors. */
must_use int cli_check_live(const struct cli_args *a, const char *path);

/* cli_diff_running: show what differs between the file that the line means and the running process.
 *   Returns  EXIT_OK: nothing; EXIT_FAILED: something, or nobody could be asked; EXIT_CONFIG: the file has errors. */
must_use int cli_diff_running(const struct cli_args *a);

#endif
