/* cli_check: all that `check` finds in one file, for whoever else wants to know. */
#ifndef PROXY_CLI_CLI_CHECK_H
#define PROXY_CLI_CLI_CHECK_H

#include "netpoll/base.h"

struct config;
struct diag;

/* cli_check_look: load the file and try what a start would; offline: the file alone.
 *   Returns  0, also with problems that the load has not found; the load's error; -NP_ENOMEM.
 *   Calls    as cli_check_start.   Owns  *out, also with an error of the trials: config_free. */
must_use int cli_check_look(const char *path, bool offline, struct config **out, struct diag *d);

#endif
