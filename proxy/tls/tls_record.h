/* tls_record: the records of TLS 1.3 (RFC 8446, 5), and of TLS 1.2 with the same ciphers, sealed and opened with the
 * secrets a handshake ended with. OpenSSL does the handshake and the arithmetic; what is here is the frame around it: a
 * nonce, five bytes of head, the type at the end.
 *
 * Why not SSL_read and SSL_write: the object behind them is 14 KB for as long as the connection lives (3.0), with a
 * client's chain 23 to 86; and each record is copied once more on its way in and out. A connection that needs two keys
 * and two counters keeps these: about 3 KB. How the secrets get here: tls_kdf.h. */
#ifndef PROXY_TLS_TLS_RECORD_H
#define PROXY_TLS_TLS_RECORD_H

#include <openssl/evp.h>

#include "netpoll/base.h"

#define TLS_HEAD       5
#define TLS_TAG        16
#define TLS_PLAIN_MOST 16384                /* content of one record */
#define TLS_SEALED_ADD (TLS_HEAD + 1 + TLS_TAG) /* what sealing adds to it */
#define TLS_BODY_MOST  (TLS_PLAIN_MOST + 256) /* longer is record_overflow */
#define TLS_SECRET     48
#define TLS_ADD_MOST   29                    /* what sealing adds, whatever the version and the suite */

enum tls_type { TLS_TYPE_CCS = 20, TLS_TYPE_ALERT = 21, TLS_TYPE_HANDSHAKE = 22, TLS_TYPE_DATA = 23 };

/* The suites of RFC 8446 that anybody uses. */
enum tls_suite { TLS_SUITE_AES_128, TLS_SUITE_AES_256, TLS_SUITE_CHACHA20, TLS_SUITES };

/* One worker's: algorithms looked up once. */
struct tls_crypto {
	EVP_CIPHER *aead[TLS_SUITES];
	EVP_MAC_CTX *hmac[TLS_SUITES]; /* of the suite's digest; keyed anew for each use */
	uint8_t empty[TLS_SUITES][TLS_SECRET]; /* the digest of nothing */
	EVP_KDF *prf; /* of TLS 1.2 */
};

must_use int tls_crypto_init(struct tls_crypto *c, OSSL_LIB_CTX *lib); /* 0 or -NP_ENOMEM: then as after fini */
void tls_crypto_fini(struct tls_crypto *c);

/* The suite of a cipher's number, or -1: not one of these. */
int tls_suite_of(uint16_t cipher);
size_t tls_suite_secret(enum tls_suite s); /* bytes of its secrets */

struct tls_bytes {
	const void *p;
	size_t n;
};

/* out = HMAC(key, data); key and out are as long as the digest. Returns 0 or -NP_ENOMEM. */
must_use int tls_hmac(struct tls_crypto *c, enum tls_suite s, const uint8_t *key, const struct tls_bytes *data,
		      uint8_t *out);

/* What HKDF-Expand-Label takes (RFC 8446, 7.1). */
struct tls_label {
	const uint8_t *secret;
	struct tls_bytes text, data; /* text without "tls13 " */
};
/* tls_expand: n bytes into out, no more than a digest has. Returns 0, -NP_ENOMEM, or -NP_EINVAL: too long. */
must_use int tls_expand(struct tls_crypto *c, enum tls_suite s, const struct tls_label *l, uint8_t *out, size_t n);

/* One direction of one connection. */
struct tls_record_key {
	EVP_CIPHER_CTX *ctx; /* owned */
	uint64_t seq;        /* of the next record */
	uint8_t iv[12], suite;
	uint8_t added; /* bytes that sealing adds */
	bool old;      /* TLS 1.2 */
	union {
		uint8_t secret[TLS_SECRET]; /* the next keys are made of it */
		uint64_t next_explicit;     /* old: of GCM, never twice with one key */
	};
};

/* Returns 0 or -NP_ENOMEM. */
must_use int tls_record_key_init(struct tls_record_key *w, struct tls_crypto *c, enum tls_suite s,
				 const uint8_t *secret, bool seals);
void tls_record_key_fini(struct tls_record_key *w);
/* The next generation of keys: after a KeyUpdate. Returns as init does. */
must_use int tls_record_key_update(struct tls_record_key *w, struct tls_crypto *c);

/* ---- TLS 1.2: tls_record_12.c. tls_record_seal and tls_record_open come here by themselves --------- */

int tls12_suite_of(uint16_t cipher); /* as tls_suite_of, of a cipher of TLS 1.2 */
struct tls12_secret {
	uint8_t master[48], client[32], server[32]; /* the session's secret; both sides' random */
	bool servers; /* for what the server seals */
};
/* Both sides have sealed one record, Finished, when a handshake is over: seq and
 * next_explicit are the caller's to set.   Returns  0 or -NP_ENOMEM. */
must_use int tls12_record_key_init(struct tls_record_key *w, const struct tls_crypto *c, enum tls_suite s,
			      const struct tls12_secret *k, bool seals);
must_use ssize_t tls12_record_seal(struct tls_record_key *w, enum tls_type type, const void *p, size_t n, uint8_t *out);
must_use ssize_t tls12_record_open(struct tls_record_key *w, const uint8_t *rec, size_t n, uint8_t *out, uint8_t *type);

/* ---- both ------------------------------------------------------------------------------------ */

/* tls_record_seal: one record of n bytes, TLS_PLAIN_MOST at most, into out, which has room for w->added more.
 *   Returns  its length, or -NP_ENOMEM. */
must_use ssize_t tls_record_seal(struct tls_record_key *w, enum tls_type type, const void *p, size_t n, uint8_t *out);

/* tls_record_open: one whole record of n bytes, head included: w->added at least. out has room for
 * n - w->added.
 *   Returns  the length of its content, and *type; or -NP_EPROTO: nobody with the key made it, or it has no type. */
must_use ssize_t tls_record_open(struct tls_record_key *w, const uint8_t *rec, size_t n, uint8_t *out, uint8_t *type);

#endif
