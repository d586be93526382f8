/* tls_handshake: a coroutine's way from a plain socket to a TLS end. */
#ifndef PROXY_TLS_TLS_HANDSHAKE_H
#define PROXY_TLS_TLS_HANDSHAKE_H

#include "netpoll/netpoll.h"
#include "proxy/tls/tls_why.h"

struct tls;
struct tls_ctx;

/* A certificate's bytes, freed with free(3); p NULL: none. */
struct tls_der {
	uint8_t *p;
	size_t n;
};

struct tls_from {
	/* The handshake's first bytes, if they were read before; NULL: none. */
	const struct iovec *early;
	int64_t deadline;
	/* Where the certificate of a client that shows one is put, once the handshake is good; that of a
	 * resumed session, too. NULL: it is not kept. */
	struct tls_der *cert;
};
struct tls_towards {
	/* Its sessions may be resumed; and the certificate must be for its address where neither the
	 * context nor sni is a name. It must live as long as *out. */
	const struct np_addr *server;
	/* Of the client for whom we connect: the host name it asked for, in lower case, and the
	 * protocol that it agreed on; NULL: none. Used where the context passes them on; then the
	 * certificate must be for that name, unless the context has one. */
	const char *sni, *alpn;
	/* The client's, or NULL: if the client resets or closes, the handshake is given up. */
	struct np_fd *watch;
	int64_t deadline;
};

/* tls_accept: be the server of a handshake on fd, which is plain so far. tls_connect: be the
 * client.
 *   Returns  0, or -NP_EDEADLINE, -NP_ECLOSING, -NP_ECANCELED (to->watch reset or closed),
 *            -NP_ESHORT (the peer left), -NP_EPROTO, -NP_ENOMEM, the peer's error; *why says more.
 *            An alert for the peer is on its way then.
 *   Parks    until the handshake is complete, the deadline or close.
 *   Owns     *out, set either way unless memory ran out: the caller frees it with tls_free. fd
 *            stays the caller's, and must live as long. Its deadlines are gone after it.
 *   Calls    owner worker, a coroutine. */
must_use int tls_accept(struct tls **out, struct np_fd *fd, struct tls_ctx *ctx,
			const struct tls_from *from, struct tls_why *why);
must_use int tls_connect(struct tls **out, struct np_fd *fd, struct tls_ctx *ctx,
			 const struct tls_towards *to, struct tls_why *why);

#endif
