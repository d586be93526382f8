/* validate_upstream: what no single key of an upstream can tell, but for its servers, its TLS and its checks, which
 * have files of their own. */
#ifndef CONFIG_VALIDATE_UPSTREAM_H
#define CONFIG_VALIDATE_UPSTREAM_H

#include "config/config.h"

struct diag;

/* validate_upstream: u is one of c's. Problems go to d. */
void validate_upstream(struct diag *d, const struct config *c, struct config_upstream *u);

#endif
