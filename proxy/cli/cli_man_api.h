/* cli_man_api: staunch-api(7): what the control plane answers, from the tables that its routes and its answers are held
 * to. */
#ifndef PROXY_CLI_CLI_MAN_API_H
#define PROXY_CLI_CLI_MAN_API_H

#include <stdio.h>

/* cli_man_api: the page, as roff. */
void cli_man_api(FILE *out);

#endif
