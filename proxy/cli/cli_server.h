/* cli_server: one order about one server, for the verb and for the key of top; and the list of all of them. */
#ifndef PROXY_CLI_CLI_SERVER_H
#define PROXY_CLI_CLI_SERVER_H

#include "proxy/cli/cli_client.h"

/* cli_server_post: POST the body, of n bytes, to the server of this name: UPSTREAM/ADDR.
 *   Returns  as cli_ask does.   Owns  *w: cli_answer_free. */
must_use int cli_server_post(const struct cli_args *a, const char *name, const char *body, size_t n,
			     struct cli_answer *w);
/* cli_server_list: `staunch server [list [UPSTREAM]]`.   Returns  the exit code. */
int cli_server_list(const struct cli_args *a);
/* Is what the answer tells of kept over a restart? */
bool cli_server_is_kept(const char *answer);

#endif
