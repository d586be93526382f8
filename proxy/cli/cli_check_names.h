/* cli_check_names: what `check` asks of DNS: are the names of servers found now? */
#ifndef PROXY_CLI_CLI_CHECK_NAMES_H
#define PROXY_CLI_CLI_CHECK_NAMES_H

#include "config/config.h"
#include "config/text/diag.h"

/* cli_check_names: add a warning to d for each name of a server that is not found now, as the running process would
 * look it up. It is no error: a start waits dns.start for a name, and then goes on. A name that the C library alone
 * finds is told apart: mDNS, myhostname and other modules of nsswitch.conf are no name servers, and staunch asks none.
 *
 * All names are looked up side by side, CHECK_NAMES_AT_ONCE of them at once, within dns.timeout together; then those
 * that were not found are looked up by the C library, within the same time.
 *   Calls  a thread that may block. */
void cli_check_names(const struct config *c, struct diag *d);

#endif
