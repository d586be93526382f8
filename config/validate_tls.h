/* validate_tls: TLS and the PROXY header, on either side. Private to validate*.c. */
#ifndef CONFIG_VALIDATE_TLS_H
#define CONFIG_VALIDATE_TLS_H

#include "config/config.h"
#include "config/text/diag.h"

void validate_listener_tls(struct diag *d, struct config_listener *l);
void validate_upstream_tls(struct diag *d, struct config_upstream *u);

#endif
