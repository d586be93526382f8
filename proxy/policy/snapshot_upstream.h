/* snapshot_upstream: one upstream of a snapshot out of the checked configuration. Private to
 * proxy/policy/; control thread. */
#ifndef PROXY_POLICY_SNAPSHOT_UPSTREAM_H
#define PROXY_POLICY_SNAPSHOT_UPSTREAM_H

#include "netpoll/base.h"

struct config;
struct registry;
struct shared_upstream;
struct snapshot;
struct target;
struct text;

/* shared_upstream_get: for config->upstreams[i] prev's upstream with the same settings, or a new one. prev may be
 * NULL.
 *   Returns  NULL: no memory.   Owns  a reference: shared_upstream_put, which takes NULL. */
must_use struct shared_upstream *shared_upstream_get(struct registry *r,
						     const struct config *config, size_t i,
						     const struct snapshot *prev);
void shared_upstream_put(struct shared_upstream *shared);

/* target_init: freeze upstream i of s->config into s->targets[i]; s->upstreams[i] is got already.
 *   Returns  as snapshot_new does. target_fini follows after an error too. */
must_use int target_init(struct snapshot *s, unsigned i, struct text *why);
void target_fini(struct target *t);

#endif
