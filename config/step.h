/* step: the steps of a load that come after node_parse. Private to config/; config.c runs them in order. Each adds
 * its problems to d and goes on; each returns 0, also with problems, or -NP_ENOMEM. */
#ifndef CONFIG_STEP_H
#define CONFIG_STEP_H

#include "config/config.h"
#include "config/node.h"

/* Nodes to model: every key known, every value of its type, defaults for what is not written. Every pointer of c that
 * could not be read stays NULL and every other member holds its default. c->arena is ready, the rest zero. */
must_use int decode_run(struct config *c, const struct node_tree *t, struct diag *d);

/* What single values cannot tell: bounds, names that resolve, nothing twice. Fills config_listener.upstream. */
void validate_run(struct config *c, struct diag *d);

#endif
