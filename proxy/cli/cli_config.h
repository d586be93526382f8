/* cli_config: which config file a command line means, and its loading with problems on stderr. */
#ifndef PROXY_CLI_CLI_CONFIG_H
#define PROXY_CLI_CLI_CONFIG_H

#include "netpoll/base.h"

struct cli_args;
struct config;
struct diag;

#define CLI_CONFIG_ROOM 1280 /* bytes of a path that the running process has told */

/* cli_config_path: the one rule of all verbs: the file of -c, else the operand of a verb that takes a file, else that
 * of the environment, else that of the process at the control socket, else CLI_CONFIG_PATH. `run` asks no process: it
 * is about to be one.   Returns  it: borrowed, or within room.   Waits  CLI_PATIENCE for a process that hangs. */
const char *cli_config_path(const struct cli_args *a, char room[CLI_CONFIG_ROOM]);
/* Was a file named, by the line or the environment? */
bool cli_config_is_named(const struct cli_args *a);
/* cli_config_of_process: the file of the process whose answer to /v1/status this is; NULL: it has none. */
const char *cli_config_of_process(const char *status, char room[CLI_CONFIG_ROOM]);

/* cli_config_read: config_load, but "-" is standard input, as a file of the working directory would be. */
must_use int cli_config_read(const char *path, struct config **out, struct diag *d);

/* cli_config_parse: the same without a look at what it names, but for what it includes. */
must_use int cli_config_parse(const char *path, struct config **out, struct diag *d);

/* cli_config_load: load that file; problems, warnings too, go to stderr.
 *   Returns  0 and *out, or the exit code.
 *   Owns     *out: config_free, or process_run takes it. */
must_use int cli_config_load(const struct cli_args *a, struct config **out);

#endif
