/* tls_export: a TLS end that goes to another process. Between two operations an end with records of our own is two
 * keys, two counters and the bytes that wait, so it can be written down and made again elsewhere; one in OpenSSL's
 * object cannot.
 *
 *   old:  tls_movable -> tls_export -> ... acknowledged -> tls_forget
 *   new:  tls_moved_read (any thread, no state) -> tls_import -> an end like any other
 *
 * The bytes come from another release: what is not sound is refused and never ends the process. Secrets stand in the
 * message alone: its owner wipes it. Owner worker, outside an operation, unless a function says otherwise. */
#ifndef PROXY_TLS_TLS_EXPORT_H
#define PROXY_TLS_TLS_EXPORT_H

#include "netpoll/netpoll.h"
#include "proxy/proto/handover.h"

struct tls;
struct tls_ctx;

enum tls_movable {
	TLS_MOVES,      /* now */
	TLS_MOVES_SOON, /* OpenSSL waits for a session ticket, a second at most */
	TLS_STAYS,      /* OpenSSL makes its records until its end */
};
enum tls_movable tls_movable(const struct tls *t);

/* tls_export: a group CONN_TLS of t, which moves now. side: 0 towards the client, 1 towards the server. */
void tls_export(const struct tls *t, struct handover_writer *w, unsigned side);

/* tls_forget: wipes and frees it, and tells the peer nothing: the connection goes on elsewhere. Takes NULL, returns
 * NULL. */
struct tls *tls_forget(struct tls *t);

/* ---- the other side ---- */

/* One direction's key. */
struct tls_moved_key {
	struct handover_field secret, iv;
	uint64_t seq, explicit_nonce;
};

/* A CONN_TLS group, taken apart; its fields point into the message. */
struct tls_moved {
	unsigned side, version, suite, flags; /* suite: enum tls_suite; flags: enum handover_tls_flag */
	struct tls_moved_key in, out;
	struct handover_field unread, backlog, spilt, message, known, cause; /* n 0: none */
	uint32_t skip;
	int err;                              /* -NP_Exxx; 0 */
	int64_t up_since, updates_since;
	uint8_t empties, warnings, updates;
};

/* tls_moved_read: what can be known to be sound without a worker is.
 *   Returns  false: it is refused, and *why is a static sentence.   Calls  any thread. */
must_use bool tls_moved_read(struct tls_moved *m, const struct handover_field *group, const char **why);

/* tls_import: make the end of m at fd, with the settings of x.
 *   Returns  0; -NP_ENOMEM; or -NP_EINVAL: it cannot be served here. *why is a static sentence then.
 *   Owns     *out: the caller; on failure there is none. */
must_use int tls_import(struct tls **out, struct np_fd *fd, struct tls_ctx *x, const struct tls_moved *m,
			const char **why);

#endif
