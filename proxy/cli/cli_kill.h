/* cli_kill: the option --kill of the verb conns: the same filter as the table has, but the connections are ended. An
 * option and not a verb of its own, so that the line that showed them needs one word more to end them. What is of the
 * table alone is refused beside it: nobody shall believe that --limit bounds what is ended. */
#ifndef PROXY_CLI_CLI_KILL_H
#define PROXY_CLI_CLI_KILL_H

#include "proxy/cli/cli_args.h"

/* cli_kill_checked: the whole of conns --kill; without --kill, only that none of its options stands there.
 *   Returns  the exit code. */
must_use int cli_kill_checked(const struct cli_args *a);

#endif
