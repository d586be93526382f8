/* tls: one end of a connection that speaks TLS. stream.h chooses between it and the plain socket; only the handshake
 * is called from elsewhere.
 *
 *   tls_accept, tls_connect    a coroutine, until both sides agree          tls_handshake.c
 *   tls_try_read, _write ...   the relay's task: never park                 tls.c
 *
 * An idle one keeps two keys and this, or OpenSSL's object: no record buffer, no ciphertext, no BIO of its own. */
#ifndef PROXY_TLS_TLS_H
#define PROXY_TLS_TLS_H

#include "netpoll/netpoll.h"
#include "proxy/tls/tls_why.h"

struct stream;
struct tls;
struct tls_ctx;

/* tls_accept: be the server of a handshake on s, which is plain so far. early: bytes that were read from the socket
 * before, the first ones of the handshake; NULL: none.
 * tls_connect: be the client.
 *   Returns  0, or -NP_EDEADLINE, -NP_ECLOSING, -NP_ECANCELED (to->watch left), -NP_ESHORT (the peer left),
 *            -NP_EPROTO, -NP_ENOMEM, the peer's error; *why says more. An alert for the peer is on its way then.
 *   Parks    until the handshake is complete, the deadline or close.
 *   Owns     s->tls, set either way unless memory ran out: stream_close frees it. Deadlines of s are gone after it. */
must_use int tls_accept(struct stream *s, struct tls_ctx *ctx, const struct iovec *early, int64_t deadline,
			struct tls_why *why);
struct tls_towards {
	/* Whose sessions may be resumed, and whose address the certificate must be for when the context has no name.
	 * It must live as long as s->tls. */
	const struct np_addr *server;
	struct np_fd *watch; /* for whom it is: when this one is reset or closed, that is given up; NULL: nobody */
	int64_t deadline;
};
must_use int tls_connect(struct stream *s, struct tls_ctx *ctx, const struct tls_towards *to, struct tls_why *why);

/* What was agreed, for the log and for PROXY headers: looked up when asked for, so that nothing is kept per
 * connection. Text of the peer's choice is not escaped. */
#define TLS_FACT 256
struct tls_facts {
	const char *version, *cipher; /* static: "TLSv1.3", "TLS_AES_128_GCM_SHA256"; NULL before the hello */
	char sni[TLS_FACT];           /* "" none; what was asked for (server), or was sent (client) */
	char alpn[TLS_FACT];          /* "" none */
	char subject[TLS_FACT];       /* of the peer's certificate, as RFC 2253 writes it; "" there is none */
	char cn[TLS_FACT];            /* its common name */
	bool resumed;
	bool verified;                /* a certificate was shown, and is good */
};
void tls_facts(const struct tls *t, struct tls_facts *f);

/* tls_said: what the log should say of its failure: the cause, who the peer is, what it offered; also of an alert
 * that came after the handshake. Escaped. NULL: it did not fail, or t is NULL.   Owns  t. */
const char *tls_said(const struct tls *t);

/* ---- for stream.h: the same contracts as np_fd_'s ------------------------------------------- */

must_use ssize_t tls_try_read(struct tls *t, void *buf, size_t n);
must_use ssize_t tls_try_write(struct tls *t, const void *buf, size_t n);
must_use int tls_flush(struct tls *t);
must_use int tls_close_write(struct tls *t);
bool tls_buffered(const struct tls *t);
bool tls_truncated(const struct tls *t);
size_t tls_backlog(const struct tls *t);
/* Takes NULL, returns NULL. notify: say so to the peer, if that is possible at once. */
struct tls *tls_free(struct tls *t, bool notify);

#endif
