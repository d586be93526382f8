/* validate_check: what no single key of an upstream's checks can tell: that there is one of them, that it has what it
 * needs beside it, and that its texts can be sent. */
#ifndef CONFIG_VALIDATE_CHECK_H
#define CONFIG_VALIDATE_CHECK_H

#include "config/config.h"

struct diag;

/* validate_checks: bounds of the check that is written, and what goes with what. Problems go to d. */
void validate_checks(struct diag *d, struct config_upstream *u);

#endif
