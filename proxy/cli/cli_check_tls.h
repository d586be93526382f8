/* cli_check_tls: what `check` tries out beside the config: whether TLS can be made of the files
 * it names. */
#ifndef PROXY_CLI_CLI_CHECK_TLS_H
#define PROXY_CLI_CLI_CHECK_TLS_H

#include "netpoll/base.h"

struct config;
struct diag;

/* cli_check_tls: build each TLS context as a start would, add to d what fails, and drop it.
 *   Returns  0, also with problems; -NP_ENOMEM.
 *   Calls    a thread that may block: it reads files. */
must_use int cli_check_tls(const struct config *c, struct diag *d);

#endif
