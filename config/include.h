/* include: the files that a configuration is made of. Private to config/; config.c runs it between node_parse and
 * decode_run. */
#ifndef CONFIG_INCLUDE_H
#define CONFIG_INCLUDE_H

#include "config/config.h"
#include "config/node.h"

#define INCLUDE_KEY      "include"
#define INCLUDE_PATTERNS 64
#define INCLUDE_FILES    1000

/* include_run: reads what the key `include` of t names, and joins it to t, which holds the text of src: lists are
 * joined and maps merged, and any other key that is there already is a problem. c->parts and c->hash know each file.
 *   Returns  0, also with problems; -NP_ENOMEM.
 *   Calls    as config_load; reads files. */
must_use int include_run(struct config *c, const struct source *src, struct node_tree *t, struct diag *d);

#endif
