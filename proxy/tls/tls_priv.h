/* tls_priv: struct tls, for the files of this folder alone. */
#ifndef PROXY_TLS_TLS_PRIV_H
#define PROXY_TLS_TLS_PRIV_H

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_record.h"
#include "proxy/tls/tls_worker.h"

#define TLS_MAGIC 0x715c0ddeu

/* Ciphertext that could not be passed on: exactly as large as it must be, and only while there is some. */
struct tls_chunk {
	uint32_t from, to;
	char bytes[];
};

/* What a handshake ends with, until it is used. */
struct tls_secrets {
	uint8_t in[TLS_SECRET], out[TLS_SECRET];
	size_t nin, nout;
	int64_t sealed; /* records that OpenSSL made with out; -1: who knows */
	/* TLS 1.2, where OpenSSL does not hand out secrets: */
	uint64_t nonce;  /* the explicit one of the record that was sealed */
	unsigned opened; /* records that came since the peer seals */
	bool sealing;    /* the peer does */
};

/* What tls_direct.c keeps of a connection. */
struct tls_direct {
	struct tls_record_key in, out;
	struct tls_chunk *spilt; /* owned: opened data the caller had no room for; NULL almost always */
	uint8_t message[5];      /* of a KeyUpdate that comes in pieces */
	uint8_t nmessage;
};

struct tls_known; /* facts, packed: tls_facts.c */

/* One TLS end. Owner worker. */
struct tls {
	uint32_t magic;
	int io;                /* what the socket said last: 0, -NP_EAGAIN, or its failure */
	int err;               /* how it broke; 0 */
	SSL *ssl;              /* owned; NULL once direct has taken over */
	struct tls_direct *direct;   /* owned; NULL: the records are ssl's */
	struct tls_secrets *secrets; /* owned: during a server's handshake */
	struct tls_known *known;     /* owned: with direct */
	struct tls_ctx *ctx;   /* borrowed: its snapshot is held by the connection */
	struct np_fd *fd;      /* borrowed: the stream's */
	struct tls_chunk *in;  /* owned: received, not yet taken by OpenSSL; NULL almost always */
	struct tls_chunk *out; /* owned: to be sent before anything else; NULL almost always */
	const struct np_addr *server; /* borrowed: a client's; whose sessions these are */
	char *refused;         /* owned: the name nobody has, for the log; NULL almost always */
	char *said;            /* owned: words about its failure, tls_said.c; NULL almost always */
	int64_t idle_since;    /* when counting `idle` began */
	uint16_t idle;         /* records since then that carried no payload */
	uint16_t offered;      /* server: the newest version that the client offers; 0: not known */
	uint8_t why;           /* enum tls_failure: a callback of ours refused; else 0 */
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
/* OpenSSL's record buffers go back between two operations; it refuses while a record is half read. */
void tls_idle(struct tls *t);
/* After begin: what waited goes ahead of what is written now, in the same send. */
void tls_take_lazy(struct tls *t);

/* More bytes behind those in the window, from the socket; not when it is known to have none.
 *   Returns  whether some came. */
must_use bool tls_window_fill(struct tls_worker *w, struct tls *t);

/* ---- tls.c ----------------------------------------------------------------------------------- */

/* Nothing more can be read or written, for this reason. Returns it. */
int tls_fail(struct tls *t, int err);
void tls_ended(struct tls *t); /* no plaintext will come any more */
/* A record said nothing. Returns whether reading may go on in this turn. */
must_use bool tls_idle_record(struct tls *t);

/* ---- tls_openssl.c, tls_direct.c: between begin and end. Returns the bytes moved; t->err, t->eof tell the rest --- */

size_t tls_ssl_read(struct tls *t, char *buf, size_t n);
size_t tls_ssl_write(struct tls *t, const char *p, size_t n);
void tls_ssl_notify(struct tls *t);
size_t tls_direct_read(struct tls *t, char *buf, size_t n);
size_t tls_direct_write(struct tls *t, const char *p, size_t n);
void tls_direct_notify(struct tls *t);

bool tls_direct_has(const struct tls *t); /* opened data waits */
/* A secret of the handshake under way: what we seal with, or what the peer does. From tls_kdf.c. */
void tls_direct_secret(struct tls *t, bool ours, const uint8_t *secret, size_t n);
void tls_direct_note(struct tls *t);  /* before end, after a call of the handshake */
void tls_direct_head(int ours, int version, int kind, const void *head, size_t n, SSL *ssl, void *arg);
void tls_direct_begin(struct tls *t); /* the handshake is complete: from now on without ssl, if that can be */
struct tls_direct *tls_direct_free(struct tls_direct *d); /* takes NULL, returns NULL */
void tls_secrets_free(struct tls *t);

/* ---- tls_facts.c ----------------------------------------------------------------------------- */

struct tls_known *tls_known_new(const struct tls *t); /* NULL: no memory */

#endif
