/* tls_direct: a connection's records after its handshake, without OpenSSL's connection object.
 * Owner worker; nothing here parks. Reads and writes stand between tls_bio_begin and tls_bio_end.
 */
#ifndef PROXY_TLS_TLS_DIRECT_H
#define PROXY_TLS_TLS_DIRECT_H

#include "proxy/base/chunk.h"
#include "proxy/tls/tls_record.h"

struct tls;

/* Bounds of work without progress, as OpenSSL has them. */
#define TLS_EMPTY_MOST   32 /* records without content in a row; one more ends the connection */
#define TLS_WARNING_MOST 5  /* warnings in a row; this one ends the connection */

struct tls_direct {
	struct tls_record_key in, out; /* what the peer seals with, and what we do */
	struct chunk *spilt; /* owned: opened data the caller had no room for; NULL almost always */
	uint32_t skip;       /* bytes of a message that are still to come and are dropped */
	uint8_t message[5];  /* the beginning of a handshake message that comes in pieces */
	uint8_t nmessage;
	uint8_t empties;     /* records without content in a row */
	uint8_t warnings;    /* warnings in a row, and requests that were declined */
};

/* tls_direct_read: plaintext of as many records as there are and as buf has room for.
 * tls_direct_write: seals what the worker's `out` has room for.
 *   Returns  the bytes moved; t->err and t->eof say why there are no more. */
must_use size_t tls_direct_read(struct tls *t, char *buf, size_t n);
must_use size_t tls_direct_write(struct tls *t, const char *p, size_t n);
/* Seals our close_notify. */
void tls_direct_notify(struct tls *t);
/* Opened data waits that no event will announce. */
bool tls_direct_has(const struct tls *t);
/* Wipes keys and data. Takes NULL, returns NULL. */
struct tls_direct *tls_direct_free(struct tls_direct *d);

#endif
