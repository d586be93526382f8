/* tls_peer: one end of TLS in the test's hands, client or server, on a blocking socket. Written with OpenSSL and not
 * with the proxy's code, so that no mistake is shared. For the test's own thread. */
#ifndef TESTS_FLOW_KIT_TLS_PEER_H
#define TESTS_FLOW_KIT_TLS_PEER_H

#include <openssl/ssl.h>

#include "tests/flow/kit/edge.h"
#include "tests/kit/cert.h"

/* Setups: staunch makes its TLS records itself, or leaves them to OpenSSL. */
int records_own(void **state);
int records_openssl(void **state);

/* V33: a test that measures nothing runs with each record layer. */
#define TLS_ROW(f)                                        \
	{#f, f, records_own, kit_end, NULL},              \
	{#f " (openssl)", f, records_openssl, kit_end, NULL}

struct tls_peer_opts {
	const char *sni;        /* NULL: none */
	const char *alpn;       /* on the wire's form; NULL: none */
	const char *ca;         /* whom it believes; NULL: everybody */
	const char *cert, *key; /* its own */
	const char *sigalgs;
	int max;                /* TLS1_2_VERSION; 0: all */
	SSL_SESSION *session;   /* to be resumed */
	bool ask;               /* a server: want a client's certificate */
	const char *head;       /* a client: goes in one segment with the first flight; NULL: nothing */
};

struct tls_peer {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	int alert;  /* the last fatal one received, or -1 */
	bool up;
};

void tls_peer_make(struct tls_peer *p, int fd, const SSL_METHOD *method, const struct tls_peer_opts *o);

/* Whether the handshake completes; in TLS 1.3 the client learns of a refusal only when it reads. */
bool tls_peer_dial(struct tls_peer *p, int fd, const struct tls_peer_opts *o);

bool tls_peer_answer(struct tls_peer *p, int fd, const struct tls_peer_opts *o);

void tls_peer_send(struct tls_peer *p, const void *buf, size_t n);

void tls_peer_expect(struct tls_peer *p, const void *bytes, size_t n);

/* What comes next: 0 close_notify, 1 bytes, -1 anything else: an alert, FIN without close_notify, a reset. */
int tls_peer_next(struct tls_peer *p);

/* The end of what this end says, as it should be. */
void tls_peer_half_close(struct tls_peer *p);

void tls_peer_close(struct tls_peer *p);

/* The common name of what the other end showed. */
const char *tls_peer_cn(struct tls_peer *p);

#endif
