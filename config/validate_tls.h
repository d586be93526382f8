/* validate_tls: TLS and the PROXY header, on either side. Private to validate*.c. */
#ifndef CONFIG_VALIDATE_TLS_H
#define CONFIG_VALIDATE_TLS_H

#include "config/config.h"
#include "config/text/diag.h"

void validate_listener_tls(struct diag *d, struct config_listener *l);
void validate_upstream_tls(struct diag *d, struct config_upstream *u);

/* validate_only_host: the one host of all servers, to be verified where nothing else says a name. NULL: there is none.
 * validate_unnamed: else the first server that has no name to verify. NULL: each has a name, or an address. */
const char *validate_only_host(const struct config_upstream *u);
const struct config_server *validate_unnamed(const struct config_upstream *u);

#endif
