/* validate: what no single value can tell: bounds, names that resolve, nothing twice, settings
 * that contradict each other. Private to config/; config.c runs it last, on a model whose text
 * was read to its end.
 *
 * The parts are validate_keys (one value against its row of the table), validate_route (where
 * connections go) and validate_tls (TLS and the PROXY header). Where a member is NULL or default
 * because it could not be read, its problem is already known, and no part says more about it. */
#ifndef CONFIG_VALIDATE_H
#define CONFIG_VALIDATE_H

#include "config/config.h"
#include "config/text/diag.h"

/* validate_run: add every problem of c to d. Fills in config_listener.upstream and
 * config_route.upstream. */
void validate_run(struct config *c, struct diag *d);

#endif
