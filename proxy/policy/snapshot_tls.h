/* snapshot_tls: the TLS contexts of a snapshot, one per worker for each listener that ends TLS and
 * each upstream that speaks it, and what of TLS the registry keeps. Every function is for the
 * control thread. */
#ifndef PROXY_POLICY_SNAPSHOT_TLS_H
#define PROXY_POLICY_SNAPSHOT_TLS_H

#include "netpoll/base.h"

struct config_tls_in;
struct config_tls_out;
struct registry;
struct snapshot;
struct text;
struct tls_ctx;

/* contexts_server, contexts_client: contexts for every worker, in an array of registry.nworkers.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: why says which file or setting TLS could not use. *out may
 *            hold a part then.
 *   Calls    blocks on the disk.
 *   Owns     *out, after an error too: contexts_free, which takes NULL and returns NULL. */
must_use int contexts_server(struct registry *r, const struct config_tls_in *c,
			     struct tls_ctx ***out, struct text *why);
must_use int contexts_client(struct registry *r, const struct config_tls_out *c,
			     struct tls_ctx ***out, struct text *why);
struct tls_ctx **contexts_free(const struct registry *r, struct tls_ctx **contexts);

/* contexts_end: a snapshot has all its contexts. What was cached of the disk for them is dropped,
 * so that the next snapshot reads it anew. */
void contexts_end(struct registry *r);

/* registry_tls_fini: the part of registry_fini that concerns TLS. */
void registry_tls_fini(struct registry *r);

/* tickets_enact: the ticket keys of s are in force from now on, rotated at the pace that s says. */
void tickets_enact(const struct snapshot *s);

/* registry_forget_tickets: free ticket keys that no enacted snapshot used: they were made for one
 * that was refused. No such snapshot exists any more. */
void registry_forget_tickets(struct registry *r);

/* registry_refresh_tickets: rotate ticket keys that are due, and take over what others wrote to
 * their files. log is called for each set of keys that changed (why is "") or whose file is bad
 * (why says it); path is NULL for keys in memory. To be called a few times a second; reads files.
 */
void registry_refresh_tickets(struct registry *r, void (*log)(const char *path, const char *why));

/* snapshot_certificates: calls fn for each certificate of the listeners of s. expires: seconds
 * since 1970. */
void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const char *listener, const char *file,
				      int64_t expires),
			   void *arg);

#endif
