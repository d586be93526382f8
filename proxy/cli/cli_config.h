/* cli_config: which config file a command line means, and its loading with problems on stderr. */
#ifndef PROXY_CLI_CLI_CONFIG_H
#define PROXY_CLI_CLI_CONFIG_H

#include "netpoll/base.h"

struct cli_args;
struct config;
struct diag;

/* That of -c, else the operand of a verb that takes a file, else the environment, else
 * CLI_CONFIG_PATH. Borrowed. */
const char *cli_config_path(const struct cli_args *a);

/* cli_config_read: config_load, but "-" is standard input, as a file of the working directory would be. */
must_use int cli_config_read(const char *path, struct config **out, struct diag *d);

/* cli_config_parse: the same without a look at what it names, but for what it includes. */
must_use int cli_config_parse(const char *path, struct config **out, struct diag *d);

/* cli_config_load: load that file; problems, warnings too, go to stderr.
 *   Returns  0 and *out, or the exit code.
 *   Owns     *out: config_free, or process_run takes it. */
must_use int cli_config_load(const struct cli_args *a, struct config **out);

#endif
