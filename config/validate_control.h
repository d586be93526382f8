/* validate_control: what the section `control` asks of its values. Private to config/. */
#ifndef CONFIG_VALIDATE_CONTROL_H
#define CONFIG_VALIDATE_CONTROL_H

#include "config/config.h"

void validate_control(struct diag *d, struct config *c);

#endif
