/* tls_priv: struct tls, and what tls.c does for the files that move its records. For this folder
 * alone. */
#ifndef PROXY_TLS_TLS_PRIV_H
#define PROXY_TLS_TLS_PRIV_H

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/base/chunk.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_direct.h"
#include "proxy/tls/tls_records.h"
#include "proxy/tls/tls_takeover.h"
#include "proxy/tls/tls_why.h"
#include "proxy/tls/tls_worker.h"

#define TLS_MAGIC 0x715c0ddeu

/* One TLS end. Owner worker. */
struct tls {
	uint32_t magic;
	int io;                      /* what the socket said last: 0, -NP_EAGAIN, or its failure */
	int err;                     /* how it broke; 0 */
	SSL *ssl;                    /* owned; NULL once direct has taken over */
	struct tls_direct *direct;   /* owned; NULL: the records are ssl's */
	struct tls_secrets *secrets; /* owned: during a server's handshake */
	struct tls_known *known;     /* owned: with direct */
	struct tls_ctx *ctx;         /* borrowed: its snapshot is held by the connection */
	struct np_fd *fd;            /* borrowed: the caller's of tls_accept or tls_connect */
	struct chunk *in; /* owned: received, not yet taken by OpenSSL; NULL almost always */
	struct chunk *out; /* owned: to be sent before anything else; NULL almost always */
	/* Borrowed: a client's; the server whose sessions it resumes and keeps. */
	const struct np_addr *server;
	/* Owned: the name that no certificate has, for the log; NULL almost always. */
	char *refused;
	char *said;                  /* owned: words about its failure; NULL almost always */
	const char *cause;           /* static: why it broke, for the log; NULL: err says all */
	int64_t updates_since;       /* when counting `updates` began */
	int64_t up_since;            /* when the handshake was complete */
	uint32_t out_room;           /* bytes that out has room for in all */
	uint32_t sealed;             /* records that OpenSSL has sealed with one key */
	uint16_t offered;            /* server: the newest version that the client offers; 0: unknown */
	uint16_t idle;               /* records of OpenSSL's in a row without payload */
	uint8_t updates;             /* KeyUpdates of the peer's since then */
	uint8_t records;             /* enum tls_records: who makes the records, and why */
	uint8_t why;                 /* enum tls_failure: a callback of ours refused; else 0 */
	bool up : 1;                 /* the handshake is complete */
	bool held : 1; /* out may wait for the next write: a ticket after the handshake */
	bool quiet : 1;              /* the socket is empty: an event will tell when it is not */
	bool fin : 1;                /* the socket has ended */
	bool eof : 1;                /* no more plaintext will come */
	bool truncated : 1;          /* ... and the peer did not say so: FIN without close_notify */
	bool notified : 1;           /* our close_notify is made: nothing may follow it */
	bool alerted : 1;            /* we sent a fatal alert, which a reset must not overtake */
	bool waits : 1;              /* the hand-over comes later: OpenSSL waits for a ticket */
	bool ticket : 1;             /* ... which has come */
	bool pushed : 1;             /* during a handshake: output left in the middle of a call */
	bool shut : 1;               /* ... and the socket's write half is shut */
};

/* The name that a server was asked for; NULL: none. While OpenSSL's object is there. */
static inline const char *tls_asked_name(const struct tls *t)
{
	return SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
}

/* First in what only a worker may call. OpenSSL's error queue and the worker's buffers are its
 * thread's. */
#define DCHECK_TLS(t) \
	DCHECK((t)->magic == TLS_MAGIC && np_self() != NULL, "a live TLS end, on a worker")
/* First in what may be called between tls_bio_begin and tls_bio_end only. */
#define DCHECK_ACTIVE(t) \
	DCHECK((t)->ctx->worker->active == (t), "inside the operation of this TLS end")

/* Nothing more can be read or written, for this reason. cause: static words for the log; NULL: the
 * code
 * says all. The first reason stays.   Returns  err. */
int tls_fail(struct tls *t, int err, const char *cause);
/* No plaintext will come any more. */
void tls_ended(struct tls *t);
/* A record carried no payload.
 *   Returns  whether reading may go on in this turn; if not, t->quiet says to come again. */
must_use bool tls_idle_record(struct tls *t);
/* The peer moves to its next keys, which costs us a derivation. Data does not set this count back.
 *   Returns  false: it does so too often. */
must_use bool tls_update_admitted(struct tls *t);

#endif
