/* validate_dns: what the rows of the block `dns` cannot tell by themselves. Private to config/. */
#ifndef CONFIG_VALIDATE_DNS_H
#define CONFIG_VALIDATE_DNS_H

#include "config/config.h"

void validate_dns(struct diag *d, struct config *c);

#endif
