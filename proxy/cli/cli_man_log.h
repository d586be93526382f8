/* cli_man_log: staunch-log(7): what the access log and the process log say, field by field and word
 * by word. The page is printed by the binary itself, from the tables that it writes its lines from,
 * so that it cannot tell of other fields. */
#ifndef PROXY_CLI_CLI_MAN_LOG_H
#define PROXY_CLI_CLI_MAN_LOG_H

#include <stdio.h>

/* cli_man_log: the page, as roff. */
void cli_man_log(FILE *out);

#endif
