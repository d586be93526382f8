/* cli_man_metrics: staunch-metrics(7). */
#ifndef PROXY_CLI_CLI_MAN_METRICS_H
#define PROXY_CLI_CLI_MAN_METRICS_H

#include <stdio.h>

void cli_man_metrics(FILE *out);

#endif
