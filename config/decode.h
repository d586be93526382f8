/* decode: node tree to model. Private to config/; config.c runs it between node_parse and
 * validate_run. */
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include "config/config.h"
#include "config/key.h"
#include "config/node.h"

/* decode_run: every key known, every value of its type, defaults for what is not written. Where
 * a value cannot be read its member stays NULL (a pointer) or holds its default, and d has the
 * problem. c->arena is ready, the rest is zero.
 *   Returns  0, also with problems; -NP_ENOMEM. */
must_use int decode_run(struct config *c, const struct node_tree *t, struct diag *d);

/* decode_defaults: obj, a zeroed struct of this scope, as if nothing were written in it.   Returns  0 or -NP_ENOMEM. */
must_use int decode_defaults(struct arena *arena, enum key_scope_id scope, void *obj);

#endif
