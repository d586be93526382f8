/* crossing: an edge in front of four servers in the test's hands, and the ClientHellos that choose between them. */
#ifndef TESTS_FLOW_KIT_CROSSING_H
#define TESTS_FLOW_KIT_CROSSING_H

#include "tests/flow/kit/edge.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#define HELLO_ROOM 65536

enum { DB, ACME, LAB, APP, PLACES };
static const char *const places[] = {"db", "acme", "lab", "app"};

/* An edge in front of four servers in the test's hands. */
struct crossing {
	struct edge e;
	int listener[PLACES];
};

static inline struct crossing crossing_start(const char *keys)
{
	struct crossing x;
	const char *upstreams = "";

	for (int i = 0; i < PLACES; i++) {
		int port = 0;

		x.listener[i] = kit_listen(kit_ip(0), &port, 64);
		upstreams = textf("%s%s", upstreams, edge_upstream(places[i], port, ""));
	}
	x.e = edge_start(keys, upstreams);
	return x;
}

static inline void crossing_end(struct crossing *x)
{
	for (int i = 0; i < PLACES; i++)
		edge_untouched(x->listener[i]);
	edge_end(&x->e);
	for (int i = 0; i < PLACES; i++)
		close(x->listener[i]);
}

#define RULES \
	"routes: [{sni: [db.example.com, \"*.db.example.com\"], upstream: db}, " \
	"{alpn: [\"acme-tls/1\"], upstream: acme}, {source: [\"192.0.2.0/24\"], upstream: lab}], upstream: app"

/* ---- hellos ---------------------------------------------------------------------------------- */

struct hello_text {
	uint8_t p[HELLO_ROOM];
	size_t n;
};

/* What OpenSSL says first. alpn: on the wire's form, or NULL. */
static inline void real_hello(struct hello_text *h, const char *sni, const char *alpn)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int n;

	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (sni != NULL)
		SSL_set_tlsext_host_name(ssl, sni);
	if (alpn != NULL)
		SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn));
	SSL_connect(ssl);
	n = BIO_read(SSL_get_wbio(ssl), h->p, HELLO_ROOM);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	assert_true(n > 100);
	h->n = (size_t)n;
}

static inline void expect_closed(int fd)
{
	char byte;

	assert_true(kit_io_read(fd, &byte, 1) <= 0);
	close(fd);
}

#endif
