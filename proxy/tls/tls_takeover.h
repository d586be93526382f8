/* tls_takeover: what is noted while OpenSSL moves a connection's records, and the hand-over of the
 * finished connection to tls_direct.c. Owner worker; nothing here parks. */
#ifndef PROXY_TLS_TLS_TAKEOVER_H
#define PROXY_TLS_TLS_TAKEOVER_H

#include <openssl/types.h>

#include "netpoll/base.h"
#include "proxy/base/chunk.h"
#include "proxy/tls/tls_record.h"
#include "proxy/tls/tls_records.h"

struct tls;
struct tls_direct;

/* What is known of a connection that OpenSSL still moves. */
struct tls_secrets {
	uint8_t in[TLS_SECRET], out[TLS_SECRET]; /* TLS 1.3: the peer's and our traffic secret */
	size_t nin, nout;                        /* bytes of each; 0: not derived yet */
	int64_t sealed;     /* records that OpenSSL made with the key of `out`; -1: unknown */
	uint64_t opened;    /* records that the peer has sealed with its key */
	uint64_t nonce;     /* TLS 1.2: the explicit nonce of our Finished */
	bool sealing;       /* TLS 1.2: the peer has sent ChangeCipherSpec */
	bool updated;       /* TLS 1.3: the peer has changed its key: the secrets are old */
	uint8_t extension;  /* enum tls_records: why an extension forbids it; NONE */
	struct chunk *last; /* owned: the last record that OpenSSL sealed, to be opened; or NULL */
};

/* A traffic secret of the handshake under way, copied: ours, with which we seal, or the peer's. A
 * failure leaves the connection with OpenSSL later.   Calls  tls_kdf.c, from within OpenSSL. */
void tls_takeover_secret(struct tls *t, bool ours, const uint8_t *secret, size_t n);

/* Reads off the worker's `out` what OpenSSL sealed.
 *   Calls  after each call of the handshake, before tls_bio_end. */
void tls_takeover_note(struct tls *t);

/* Watches what OpenSSL does: the peer's records, its KeyUpdates, and the extensions that were
 * agreed on.
 *   Calls  SSL_CTX_set_msg_callback's. */
void tls_takeover_watch(int ours, int version, int kind, const void *p, size_t n, SSL *ssl,
			void *arg);

/* The keys of a finished handshake, into d.
 *   Returns  TLS_RECORDS_OWN, or why they cannot be made; tls_direct_free or fini of both keys is
 *            due either way. */
must_use enum tls_records tls_takeover_keys(const SSL *ssl, const struct tls_secrets *s,
					    struct tls_crypto *c, bool server,
					    struct tls_direct *d);

/* The handshake is complete: if everything is as it must be, t goes on without OpenSSL's object;
 * else with it, and t->records says why. The secrets are wiped then, unless t->waits for a ticket.
 * Cannot fail. */
void tls_takeover(struct tls *t);

/* Of an end that waits (t->waits): tries again, outside an operation. */
void tls_takeover_again(struct tls *t);

/* Wipes and frees t->secrets, which may be NULL. */
void tls_takeover_forget(struct tls *t);

#endif
