/* tls_priv: struct tls, for the files of the TLS end alone: tls.c (records), tls_bio.c (bytes), tls_handshake.c. */
#ifndef PROXY_TLS_PRIV_H
#define PROXY_TLS_PRIV_H

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/tls.h"
#include "proxy/tls_ctx.h"
#include "proxy/tls_worker.h"

#define TLS_MAGIC 0x715c0ddeu

/* Ciphertext that could not be passed on: exactly as large as it must be, and only while there is some. */
struct tls_chunk {
	uint32_t from, to;
	char bytes[];
};

/* One TLS end. Owner worker. */
struct tls {
	uint32_t magic;
	int io;                /* what the socket said last: 0, -NP_EAGAIN, or its failure */
	int err;               /* how it broke; 0 */
	SSL *ssl;              /* owned */
	struct tls_ctx *ctx;   /* borrowed: its snapshot is held by the connection */
	struct np_fd *fd;      /* borrowed: the stream's */
	struct tls_chunk *in;  /* owned: received, not yet taken by OpenSSL; NULL almost always */
	struct tls_chunk *out; /* owned: to be sent before anything else; NULL almost always */
	const struct np_addr *server; /* borrowed: a client's; whose sessions these are */
	char *refused;         /* owned: the name nobody has, for the log; NULL almost always */
	int64_t idle_since;    /* when counting `idle` began */
	uint16_t idle;         /* records since then that carried no payload */
	uint8_t why;           /* enum tls_why_code: a callback of ours refused; else 0 */
	bool up : 1;           /* the handshake is complete */
	bool lazy : 1;         /* out may wait for the next write: a ticket after the handshake */
	bool quiet : 1;        /* the socket is empty: an event will tell when it is not */
	bool fin : 1;          /* the socket has ended */
	bool eof : 1;          /* no more plaintext will come */
	bool truncated : 1;    /* ... and the peer did not say so: FIN without close_notify */
	bool notified : 1;     /* our close_notify is made */
	bool shut : 1;         /* ... and the socket's write half is shut */
};

/* ---- tls_bio.c ------------------------------------------------------------------------------- */

/* Every call of OpenSSL that may read or write stands between these two. begin lends the worker's BIO to t; end takes
 * it back: what OpenSSL left of the input moves to t, and what it wrote is sent (unless hold), the rest of it kept.
 *   Returns  end: 0; -NP_EAGAIN: something is left to be sent; or why it cannot be. */
void tls_begin(struct tls *t, const void *early, size_t n);
must_use int tls_end(struct tls *t, bool hold);
/* After begin: what waited goes ahead of what is written now, in the same send. */
void tls_take_lazy(struct tls *t);

/* ---- tls.c ----------------------------------------------------------------------------------- */

/* Nothing more can be read or written, for this reason. Returns it. */
int tls_fail(struct tls *t, int err);

#endif
