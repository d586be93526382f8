/* tls_record_12: the records of TLS 1.2 with AEAD suites. tls_record.c sends here whatever a key of
 * TLS 1.2 has to do with; only making such a key is called from elsewhere. */
#ifndef PROXY_TLS_TLS_RECORD_12_H
#define PROXY_TLS_TLS_RECORD_12_H

#include "proxy/tls/tls_record.h"

/* The suite that a cipher of TLS 1.2 seals as, or -1: not one of these. */
int tls12_suite_of(uint16_t cipher);

struct tls12_secret {
	uint8_t master[48], client[32], server[32]; /* the session's secret; both sides' random */
	bool servers;                               /* for what the server seals, else the client */
};
/* A key from the session's secret (RFC 5246, 6.3). Both sides have sealed one record, Finished,
 * when a handshake is over: seq and next_explicit are the caller's to set.
 *   Returns  0 or -NP_ENOMEM; fini is due either way. */
must_use int tls12_record_key_init(struct tls_record_key *k, const struct tls_crypto *c,
				   enum tls_suite s, const struct tls12_secret *secret, bool seals);

/* The same key once more, from its two parts. seq and next_explicit are the caller's to set.
 *   Returns  as tls12_record_key_init. */
struct tls12_parts {
	const uint8_t *key, *iv; /* tls12_key_size and tls12_iv_size bytes */
};
must_use int tls12_record_key_again(struct tls_record_key *k, const struct tls_crypto *c, enum tls_suite s,
				    const struct tls12_parts *p, bool seals);
size_t tls12_key_size(enum tls_suite s);
size_t tls12_iv_size(enum tls_suite s);

/* tls_record_seal and tls_record_open of such a key: the same contracts. */
must_use ssize_t tls12_record_seal(struct tls_record_key *k, enum tls_type type, const void *p,
				   size_t n, uint8_t *out);
must_use ssize_t tls12_record_open(struct tls_record_key *k, const uint8_t *rec, size_t n,
				   uint8_t *out, uint8_t *type);

#endif
