/* tls_worker: what one worker owns of TLS, for as long as it lives and whatever is reloaded meanwhile.
 *
 *   lib       a library context: algorithms, random generators and their locks, shared with nobody
 *   bio       the one BIO of all its connections: it moves the bytes of `active` and is never waited for. A BIO per
 *             connection would be two allocations, a lock and a visit to a process-wide table more (tls.c)
 *   in, out   one large recv is read into `in` and feeds many records; many records, or a flight of the handshake, are
 *             gathered in `out` and leave with one send. Empty between two operations: what is left over moves to the
 *             connection
 *
 * Made by the control thread, which also builds contexts in `lib` (it is thread-safe); all else is the worker's. */
#ifndef PROXY_TLS_TLS_WORKER_H
#define PROXY_TLS_TLS_WORKER_H

#include <openssl/bio.h>

#include "netpoll/netpoll.h"
#include "proxy/log/log.h"
#include "proxy/tls/tls_record.h"

#define TLS_IN  (64 * 1024)
#define TLS_OUT (TLS_IN + 4096) /* the records of 64 KiB, with what they add */

struct tls;

struct tls_worker {
	OSSL_LIB_CTX *lib;      /* const */
	OSSL_PROVIDER *standard, *kdf; /* const: OpenSSL's own algorithms; the key schedule of ours */
	BIO_METHOD *method;     /* const */
	BIO *bio;
	struct tls *active;     /* the connection of the operation under way; NULL between two */
	char *in, *out;         /* const */
	const char *window;     /* ciphertext OpenSSL has not taken yet: in `in`, or borrowed from the connection */
	size_t nwindow;
	size_t recv_most;       /* how much one recv may bring now */
	size_t nout;
	unsigned idle;          /* records without payload, during this operation */
	bool received;          /* during this operation */
	bool delivered;         /* this operation has plaintext to return: it need not ask the socket again */
	bool starved;           /* the BIO had nothing for OpenSSL */
	EVP_CIPHER *ticket_cipher; /* const: looked up once, not per ticket */
	struct tls_crypto crypto;
	uint8_t suites_off[2];  /* const: TLS 1.2, 1.3: a bit per suite whose check at start failed */
	struct log_site check_site; /* of a check that failed at a hand-over */
	uint64_t seal_most;     /* records one key seals; const */
	bool frees_buffers;     /* const: idle connections may give OpenSSL's back */
	/* Control thread: what the contexts trust that are being made, where the config names nobody. Used; NULL: none
	 * has asked. tls_trust.h */
	struct tls_roots *roots;
};

/* Returns 0 or -NP_ENOMEM. Any thread. */
must_use int tls_worker_new(struct tls_worker **out);
/* Takes NULL, returns NULL. Contexts and connections are gone, and the worker's thread has ended or is the caller. */
struct tls_worker *tls_worker_free(struct tls_worker *w);

#endif
