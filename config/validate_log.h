/* validate_log: what the section `log` asks of its values. Private to config/. */
#ifndef CONFIG_VALIDATE_LOG_H
#define CONFIG_VALIDATE_LOG_H

#include "config/config.h"

struct diag;

void validate_log(struct diag *d, struct config *c);

#endif
