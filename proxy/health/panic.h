/* panic: a line of the log when so little of an upstream is usable that picks take servers which checks or failures
 * hold out (key panic), and one when that is over. Picks decide by themselves, by the same words, and do not wait for
 * it. */
#ifndef PROXY_HEALTH_PANIC_H
#define PROXY_HEALTH_PANIC_H

#include "proxy/policy/inventory.h"

/* Is there anything to look at, each second? */
bool panic_is_watched(const struct inventory_upstream *u);
/* panic_look: tell what has changed since the last look, if anything has.   Calls  the health thread. */
void panic_look(const struct inventory *inv, const struct inventory_upstream *u, int64_t now);

#endif
