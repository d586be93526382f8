/* tls_worker: the part of TLS that one worker owns, from its start to its end, across reloads.
 *
 *   lib       a library context: algorithms, random generators and their locks, shared with nobody
 *   bio       the one BIO of all its connections: it moves the bytes of `active`, never blocks. A
 *             BIO per connection would cost two allocations, a lock and a look into a process-wide
 *             table (tls.c)
 *   in, out   one large recv is read into `in` and feeds many records; many records, or a flight of
 *             the handshake, are gathered in `out` and leave with one send. Empty between two
 *             operations: leftovers move to the connection
 *
 * Made by the control thread, which also builds contexts in `lib` (it is thread-safe); all else is
 * the worker's. */
#ifndef PROXY_TLS_TLS_WORKER_H
#define PROXY_TLS_TLS_WORKER_H

#include <openssl/bio.h>

#include "netpoll/netpoll.h"
#include "proxy/base/text.h"
#include "proxy/log/log.h"
#include "proxy/tls/tls_record.h"

#define TLS_IN  (64 * 1024)
/* Bytes that wait at one connection: a peer that makes us write and does not read gets no further. */
#define TLS_BACKLOG_MOST (1024 * 1024)
#define TLS_OUT (TLS_IN + 4096) /* the records of 64 KiB, with what they add */

struct tls;

struct tls_worker {
	OSSL_LIB_CTX *lib;      /* const */
	OSSL_PROVIDER *standard,
		*kdf;		/* const: OpenSSL's own algorithms; the key schedule of ours */
	BIO_METHOD *method;     /* const */
	BIO *bio;
	struct tls *active;     /* the connection of the operation under way; NULL between two */
	char *in, *out;         /* const */
	const char *window; /* ciphertext that OpenSSL has not taken: in `in`, or the connection's */
	size_t nwindow;
	size_t recv_most;       /* how much one recv may bring now */
	size_t nout;
	unsigned idle;          /* records without payload, during this operation */
	bool received;          /* during this operation */
	bool delivered; /* this operation has plaintext to return: it need not read the socket again */
	bool starved;           /* the BIO had nothing for OpenSSL */
	EVP_CIPHER *ticket_cipher; /* const: looked up once, not per ticket */
	struct tls_crypto crypto;
	uint8_t suites_off[2];  /* const: TLS 1.2, 1.3: a bit per suite whose check at start failed */
	uint64_t seal_most;     /* records one key seals; const */
	bool proves;            /* control thread: contexts are tried out when they are made */
	bool frees_buffers;     /* const: SSL_free_buffers is safe to call on idle connections */
	/* Control thread: the trust of contexts that are being made, where the config names no
	 * `ca`. One use; NULL: no context has asked. tls_trust.h */
	struct tls_roots *roots;
	struct list all_roots; /* control thread: every one that contexts of this worker use */
};

/* Returns 0 or -NP_ENOMEM. Any thread. */
must_use int tls_worker_new(struct tls_worker **out);
/* Takes NULL, returns NULL. Contexts and connections are gone, and the worker's thread has ended or
 * is the caller. */
struct tls_worker *tls_worker_free(struct tls_worker *w);

/* tls_trust_share: read the system's CA certificates now, for the contexts of all these workers:
 * sets `roots` of each.
 *   Returns  0, -NP_ENOMEM, or -NP_EINVAL: the system has none, and err says so.
 *   Calls    control thread; blocks on the disk.
 * tls_trust_end: contexts made from now on read them anew. Takes places that are NULL. */
must_use int tls_trust_share(struct tls_worker **workers, unsigned n, struct text *err);
void tls_trust_end(struct tls_worker **workers, unsigned n);

#endif
