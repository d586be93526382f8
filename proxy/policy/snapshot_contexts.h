/* snapshot_contexts: the TLS contexts of listeners and upstreams, one per worker. What is made of
 * the same settings and the same bytes of files is one set, whichever generations, listeners or
 * upstreams use it: so a generation that a connection keeps costs what changed with it. Every
 * function is for the control thread. */
#ifndef PROXY_POLICY_SNAPSHOT_CONTEXTS_H
#define PROXY_POLICY_SNAPSHOT_CONTEXTS_H

#include "netpoll/base.h"

struct config_tls_in;
struct config_tls_out;
struct registry;
struct text;
struct tls_ctx;
struct tls_ticket_keys;

/* contexts_server, contexts_client: contexts for every worker, in an array of registry.nworkers:
 * those that are there already, or new ones.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: why says which file or setting TLS could not use.
 *   Calls    blocks on the disk.
 *   Owns     one use of *out, written on success only: contexts_put, which takes NULL and returns
 *            NULL. */
must_use int contexts_server(struct registry *r, const struct config_tls_in *c,
			     struct tls_ticket_keys *keys, struct tls_ctx ***out, struct text *why);
must_use int contexts_client(struct registry *r, const struct config_tls_out *c,
			     struct tls_ctx ***out, struct text *why);
/* contexts_check: one, for checks and probes of the health thread: the same, but no session of it is ever resumed. What
 * a check says must not depend on a handshake of another day, nor a client's connection on a check's. */
must_use int contexts_check(struct registry *r, const struct config_tls_out *c,
			    struct tls_ctx ***out, struct text *why);
/* contexts_hold: one use more, of those that are in use. Takes NULL.   Returns  them. */
struct tls_ctx **contexts_hold(struct tls_ctx **contexts);
struct tls_ctx **contexts_put(struct tls_ctx **contexts);

/* contexts_end: a snapshot has all its contexts. What was cached of the disk for them is dropped,
 * so that the next snapshot reads it anew. */
void contexts_end(struct registry *r);

#endif
