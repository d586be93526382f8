/* tls_edge: an edge that ends TLS in front of an echo, and clients of it. Certificates are made once a program, their
 * files for each test, since the directory is its own. */
#ifndef TESTS_FLOW_TLS_EDGE_H
#define TESTS_FLOW_TLS_EDGE_H

#include "tests/flow/tls_peer.h"

#define MB 1048576

static struct kit_cert *root, *leaf, *other;
static char ca[KIT_PATH], cert[KIT_PATH], key[KIT_PATH], cert2[KIT_PATH], key2[KIT_PATH];

static inline void make_files(void)
{
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a.test", .dns = "a.test,*.a.test", .issuer = root});
		other = kit_cert_make(&(struct kit_cert_opts){.cn = "b.test", .dns = "b.test", .issuer = root});
	}
	kit_cert_write(root, "ca.pem", ca);
	kit_cert_write(leaf, "a.pem", cert);
	kit_cert_write_key(leaf, "a.key", NULL, key);
	kit_cert_write(other, "b.pem", cert2);
	kit_cert_write_key(other, "b.key", NULL, key2);
}

/* The listener's keys: `more` stands inside of tls. */
static inline const char *tls_keys(const char *more)
{
	return textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}, {cert: \"%s\", key: \"%s\"}]%s}, "
		     "upstream: back", cert, key, cert2, key2, more);
}

static inline struct kit_peer *echo_start(void)
{
	return kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
}

static inline struct edge tls_edge(const char *more)
{
	make_files();
	return edge_start(tls_keys(more), edge_upstream("back", kit_peer_port(echo_start()), ""));
}

static inline void exchange(struct tls_peer *p)
{
	tls_peer_send(p, "are you there?", 14);
	tls_peer_expect(p, "are you there?", 14);
}

static inline void end_orderly_tls(struct tls_peer *p)
{
	tls_peer_half_close(p);
	assert_int_equal(tls_peer_next(p), 0);
	tls_peer_close(p);
}

/* A connection that is served, with what the client saw in cn and alpn (may be NULL). */
static inline void served_tls(const struct edge *e, const struct tls_peer_opts *o, const char *cn, const char *alpn)
{
	const unsigned char *chosen;
	struct tls_peer p;
	unsigned n;

	if (!tls_peer_dial(&p, edge_connect(e), o))
		kit_fail("no handshake for %s", o->sni != NULL ? o->sni : "nobody");
	assert_string_equal(tls_peer_cn(&p), cn);
	SSL_get0_alpn_selected(p.ssl, &chosen, &n);
	assert_int_equal(n, alpn != NULL ? strlen(alpn) : 0);
	if (alpn != NULL)
		assert_memory_equal(chosen, alpn, n);
	exchange(&p);
	end_orderly_tls(&p);
}

#endif
