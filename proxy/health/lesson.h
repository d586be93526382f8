/* lesson: what the connections of the other servers of a tier teach about one of them: how long its answer may
 * take, and whether an early end is its fault; and what its own connects teach: which dial is a slow one. Once a
 * second, for each upstream that judges its servers or hedges dials. */
#ifndef PROXY_HEALTH_LESSON_H
#define PROXY_HEALTH_LESSON_H

#include "proxy/policy/inventory.h"

/* lesson_begin: from now on the connections of u's servers are of a minute: those of a server that is new, or that was
 * not judged before, and nobody else's.   Calls  the health thread, once u judges or hedges, and has neighbours. */
void lesson_begin(const struct inventory *inv, const struct inventory_upstream *u, int64_t now);

/* lesson_teach: look at every server of u, and tell each what the others of its tier say. A server for which there
 * is no memory learns nothing.   Calls  the health thread, which holds inv. */
void lesson_teach(const struct inventory *inv, const struct inventory_upstream *u, int64_t now);

#endif
