/* tls_edge: an edge that ends TLS in front of an echo, and clients of it. Certificates are made once a program, their
 * files for each test, since the directory is its own. */
#ifndef TESTS_FLOW_KIT_TLS_EDGE_H
#define TESTS_FLOW_KIT_TLS_EDGE_H

#include "tests/flow/kit/tls_peer.h"

/* What the edge shows, leaf (a.test) and other (b.test), and the root that signed both. The texts are paths. */
struct pki {
	struct kit_cert *root, *leaf, *other;
	char ca[KIT_PATH], cert[KIT_PATH], key[KIT_PATH], cert2[KIT_PATH], key2[KIT_PATH];
};
extern struct pki pki;

/* Makes the certificates, once, and writes them to this test's directory. */
void pki_write(void);

/* The listener's keys: `more` stands inside of tls. */
const char *tls_edge_keys(const char *more);

struct kit_peer *echo_start(void);

struct edge tls_edge(const char *more);

void exchange_tls(struct tls_peer *p);

void end_orderly_tls(struct tls_peer *p);

/* A connection that is served, with what the client saw in cn and alpn (may be NULL). */
void served_tls(const struct edge *e, const struct tls_peer_opts *o, const char *cn, const char *alpn);

#endif
