/* validate_route: where a listener's connections go: names of upstreams, routes that
 * nothing can match. Private to validate*.c. */
#ifndef CONFIG_VALIDATE_ROUTE_H
#define CONFIG_VALIDATE_ROUTE_H

#include "config/config.h"
#include "config/text/diag.h"

/* validate_routes: fill in the upstreams that l and its routes refer to, and judge the routes.
 *   Returns  whether each reference is defined. Only then can the caller tell which upstreams are unused: an undefined
 *            name may have meant one of those. */
must_use bool validate_routes(struct diag *d, struct config *c, struct config_listener *l);

#endif
