/* snapshot_tls: what of TLS the registry keeps beside contexts (snapshot_contexts.h), ticket keys
 * above all. Every function is for the control thread. */
#ifndef PROXY_POLICY_SNAPSHOT_TLS_H
#define PROXY_POLICY_SNAPSHOT_TLS_H

#include "netpoll/base.h"

struct config_tls_in;
struct registry;
struct snapshot;
struct text;
struct tls_cert;
struct tls_stapled;
struct tls_ticket_keys;

/* tickets_get: the ticket keys that c names, made on first use; NULL: c gives no tickets. Keys in
 * force stay as they are: the snapshot may yet be refused.
 *   Returns  0, or the error: why says it with the file's name.   Calls  blocks on the disk. */
must_use int tickets_get(struct registry *r, const struct config_tls_in *c,
			 struct tls_ticket_keys **out, struct text *why);

/* registry_tls_fini: the part of registry_fini that concerns TLS. */
void registry_tls_fini(struct registry *r);

/* tickets_in_memory: the keys that no file has; NULL: no listener uses such.   Calls  control thread. */
struct tls_ticket_keys *tickets_in_memory(const struct registry *r);
/* tickets_enact: the ticket keys of s are in force from now on, rotated at the pace that s says.
 * Waits for no disk. */
void tickets_enact(const struct snapshot *s);

/* registry_forget_tickets: free ticket keys that no enacted snapshot used: they were made for one
 * that was refused. No such snapshot exists any more. */
void registry_forget_tickets(struct registry *r);

/* registry_refresh_tickets: rotate ticket keys that are due, and take over what others wrote to
 * their files. log is called for each set of keys that changed (why is "") or whose file is bad
 * (why says it); path is NULL for keys in memory. To be called a few times a second; reads files.
 */
void registry_refresh_tickets(struct registry *r, void (*log)(const char *path, const char *why));

/* registry_keep_responses: write OCSP responses that were fetched to the files that keep them. log is
 * called for each that cannot be written. Blocks on the disk. */
void registry_keep_responses(struct registry *r, void (*log)(const char *path, int err));

/* One certificate of a listener. All of it is the snapshot's. */
struct snapshot_certificate {
	const char *listener, *file;
	const struct tls_cert *cert;
	const struct tls_stapled *stapled;
};

/* snapshot_certificates: calls fn for each certificate of the listeners of s. */
void snapshot_certificates(const struct snapshot *s,
			   void (*fn)(void *arg, const struct snapshot_certificate *c), void *arg);

#endif
