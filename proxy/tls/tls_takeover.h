/* tls_takeover: what is noted while a handshake runs, and the hand-over of the finished connection
 * from OpenSSL's object to tls_direct.c. Owner worker; nothing here parks. */
#ifndef PROXY_TLS_TLS_TAKEOVER_H
#define PROXY_TLS_TLS_TAKEOVER_H

#include <openssl/types.h>

#include "netpoll/base.h"
#include "proxy/tls/tls_record.h"

struct tls;

/* What is known of a handshake under way, until it is complete. A server's only. */
struct tls_secrets {
	uint8_t in[TLS_SECRET], out[TLS_SECRET]; /* TLS 1.3: the client's and our traffic secret */
	size_t nin, nout;                        /* bytes of each; 0: not derived yet */
	int64_t sealed; /* records that OpenSSL made with `out`; -1: unknown */
	/* TLS 1.2, where the keys come from the session, and only the counters are noted: */
	uint64_t nonce;  /* the explicit nonce of the record that was sealed */
	unsigned opened; /* records that the peer has sealed so far */
	bool sealing;    /* the peer has sent ChangeCipherSpec */
};

/* A traffic secret of the handshake under way, copied: ours, with which we seal, or the peer's. A
 * failure leaves the
 * connection with OpenSSL later.   Calls  tls_kdf.c, from within OpenSSL. */
void tls_takeover_secret(struct tls *t, bool ours, const uint8_t *secret, size_t n);

/* Reads off the worker's `out` what OpenSSL sealed.
 *   Calls  after each call of the handshake, before tls_bio_end. */
void tls_takeover_note(struct tls *t);

/* Counts the peer's records of TLS 1.2 by their heads.   Calls  SSL_CTX_set_msg_callback's. */
void tls_takeover_head(int ours, int version, int kind, const void *head, size_t n, SSL *ssl,
		       void *arg);

/* The handshake is complete: if everything is as it must be, t goes on without OpenSSL's object;
 * else with it. Either way the secrets are wiped. Cannot fail. */
void tls_takeover(struct tls *t);

/* Wipes and frees t->secrets, which may be NULL. */
void tls_takeover_forget(struct tls *t);

#endif
