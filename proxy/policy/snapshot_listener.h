/* snapshot_listener: one listener of a snapshot out of the checked configuration. Private to
 * proxy/policy/; control thread. */
#ifndef PROXY_POLICY_SNAPSHOT_LISTENER_H
#define PROXY_POLICY_SNAPSHOT_LISTENER_H

#include "netpoll/base.h"

struct listener;
struct snapshot;
struct text;

/* listener_init: freeze listener i of s->config into s->listeners[i]. All targets are there
 * already. prev: the generation in force, with which it shares what is the same; NULL: there is none.
 *   Returns  as snapshot_new does. listener_fini follows after an error too. */
must_use int listener_init(struct snapshot *s, unsigned i, const struct snapshot *prev, struct text *why);
void listener_fini(struct listener *l);

#endif
