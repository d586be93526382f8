/* tls_record: the records of TLS 1.3 (RFC 8446, 5), and of TLS 1.2 with the same ciphers, sealed
 * and opened with the secrets a handshake ended with. OpenSSL does the handshake and the
 * arithmetic; here is the frame around it: a nonce, five bytes of head, the type at the end.
 *
 * Why not SSL_read and SSL_write: the object behind them takes 14 KB for as long as the connection
 * lives (3.0), with a client's chain 23 to 86; and each record is copied once more on its way in
 * and out. A connection that needs two keys and two counters keeps these: about 3 KB. How the
 * secrets get here: tls_kdf.h, tls_takeover.h.
 *
 * No function parks, and none knows a connection. One worker's keys use that worker's struct
 * tls_crypto. */
#ifndef PROXY_TLS_TLS_RECORD_H
#define PROXY_TLS_TLS_RECORD_H

#include <openssl/evp.h>

#include "netpoll/base.h"

/* All in bytes. */
#define TLS_HEAD       5
#define TLS_TAG        16
#define TLS_PLAIN_MOST 16384                    /* content of one record */
/* What sealing adds to it in TLS 1.3, without padding. */
#define TLS_SEALED_ADD (TLS_HEAD + 1 + TLS_TAG)
#define TLS_BODY_MOST  (TLS_PLAIN_MOST + 256)   /* RFC 8446, 5.2: longer is record_overflow */
#define TLS_SECRET     48                       /* the longest traffic secret: a SHA-384 */
#define TLS12_KEY_MOST 32                       /* the longest key of a cipher */
#define TLS_ADD_MOST   29 /* what sealing adds, whatever the version and the suite */

/* RFC 8446, 5.1: ContentType. */
enum tls_type {
	TLS_TYPE_CCS = 20,
	TLS_TYPE_ALERT = 21,
	TLS_TYPE_HANDSHAKE = 22,
	TLS_TYPE_DATA = 23
};

/* The suites of RFC 8446 in common use. CCM is left out: OpenSSL keeps such a connection. */
enum tls_suite { TLS_SUITE_AES_128, TLS_SUITE_AES_256, TLS_SUITE_CHACHA20, TLS_SUITES };

/* One worker's: algorithms looked up once, since OpenSSL 3.0 pays for each look-up with locks. */
struct tls_crypto {
	EVP_CIPHER *aead[TLS_SUITES];
	EVP_MAC_CTX *hmac[TLS_SUITES];         /* of the suite's digest; keyed anew for each use */
	uint8_t empty[TLS_SUITES][TLS_SECRET]; /* the digest of no bytes */
	EVP_KDF *prf;                          /* of TLS 1.2 */
};

/* Returns  0, or -NP_EPROTONOSUPPORT: the providers have no HMAC or digest, and c is as after fini.
 *          fini takes one that is all zero. */
must_use int tls_crypto_init(struct tls_crypto *c, OSSL_LIB_CTX *lib);
void tls_crypto_fini(struct tls_crypto *c);

/* No key of a connection stays in it: after each handshake and change of keys. */
void tls_crypto_wipe(struct tls_crypto *c);

/* The suite of a cipher's number (RFC 8446, B.4), or -1: not one of these. */
int tls_suite_of(uint16_t cipher);
/* The number of the suite's cipher of TLS 1.3: the same in all releases. */
uint16_t tls_suite_cipher(enum tls_suite s);
/* Bytes of the suite's secrets: its digest's length. */
size_t tls_suite_secret(enum tls_suite s);

struct tls_bytes {
	const void *p;
	size_t n;
};

/* out = HMAC(key, data); key and out are as long as the suite's digest.   Returns  0 or -NP_ENOMEM.
 */
must_use int tls_hmac(struct tls_crypto *c, enum tls_suite s, const uint8_t *key,
		      const struct tls_bytes *data, uint8_t *out);

/* What HKDF-Expand-Label takes (RFC 8446, 7.1). */
struct tls_label {
	const uint8_t *secret;       /* as long as the suite's digest */
	struct tls_bytes text, data; /* text without "tls13 " */
};
/* n bytes into out, no more than the suite's digest has.
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: too long. */
must_use int tls_expand(struct tls_crypto *c, enum tls_suite s, const struct tls_label *l,
			uint8_t *out, size_t n);

/* One direction of one connection. An idle one has two. */
struct tls_record_key {
	EVP_CIPHER_CTX *ctx; /* owned */
	uint64_t seq;        /* number of the next record */
	uint8_t iv[12], suite;
	uint8_t added; /* bytes that sealing adds at least */
	bool tls12;
	union {
		uint8_t secret[TLS_SECRET]; /* TLS 1.3: the next keys are made of it */
		struct {
			/* TLS 1.2 with GCM: the nonce's second half, never twice with one key. */
			uint64_t next_explicit;
			uint8_t key[TLS12_KEY_MOST]; /* the cipher's, for another process (tls_export.h) */
		};
	};
};

_Static_assert(sizeof(struct tls_record_key) <= 80, "the union has room for either version, and no byte more");

/* A key of TLS 1.3 from its traffic secret. Of TLS 1.2: tls12_record_key_init. seals: for the
 * direction in which we
 * send.   Returns  0 or -NP_ENOMEM; fini is due either way. */
must_use int tls_record_key_init(struct tls_record_key *k, struct tls_crypto *c, enum tls_suite s,
				 const uint8_t *secret, bool seals);
/* Wipes it. */
void tls_record_key_fini(struct tls_record_key *k);
/* TLS 1.3: the next generation, after a KeyUpdate (RFC 8446, 7.2). Numbers start at 0 again.
 *   Returns  0 or -NP_ENOMEM: then k is of no use any more. */
must_use int tls_record_key_update(struct tls_record_key *k, struct tls_crypto *c);

/* tls_record_seal: one record of n bytes, TLS_PLAIN_MOST at most, into out, which has room for
 * k->added more.
 *   Returns  its length, or -NP_EPROTONOSUPPORT: OpenSSL's provider failed, or the key has sealed
 *            2^64 records. */
must_use ssize_t tls_record_seal(struct tls_record_key *k, enum tls_type type, const void *p,
				 size_t n, uint8_t *out);

/* tls_record_open: one whole record of n bytes, its head included; n is k->added at least, which
 * the caller checks. out has room for n - k->added.
 *   Returns  the length of its content, and *type, which is 0 in a record of padding alone;
 *            -NP_EPROTO: it was not made with this key; -NP_EPROTONOSUPPORT: OpenSSL's provider
 *            failed. */
must_use ssize_t tls_record_open(struct tls_record_key *k, const uint8_t *rec, size_t n,
				 uint8_t *out, uint8_t *type);

#endif
