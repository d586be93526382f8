/* overrides_find: which servers an operator means: one by its address, as it is or as the file writes it; or by a name
 * of the file each server that has one of its addresses now. Private to overrides.c. Control thread. */
#ifndef PROXY_CONTROL_OVERRIDES_FIND_H
#define PROXY_CONTROL_OVERRIDES_FIND_H

#include "proxy/control/overrides.h"
#include "proxy/upstream/upstream.h"

/* Of a server's name, "upstream/address". */
const char *overrides_address(const struct server *s);

/* The upstream that c names.   Returns  NULL: c has the result, and which one was perhaps meant. */
const struct upstream *overrides_upstream(const struct snapshot *s, struct server_change *c);

/* How many servers of u are meant.   Returns  0: c has the result, and which one was perhaps meant. */
unsigned overrides_members(const struct upstream *u, struct server_change *c);

/* Is m one of them? */
bool overrides_mean(const struct upstream *u, const struct member *m, const char *server);

#endif
