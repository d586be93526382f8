/* cli_man_probes: staunch-probes(7). */
#ifndef PROXY_CLI_CLI_MAN_PROBES_H
#define PROXY_CLI_CLI_MAN_PROBES_H

#include <stdio.h>

void cli_man_probes(FILE *out);

#endif
