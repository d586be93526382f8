/* Certificates once a program, files once a test, and clients that check what they are shown. */
#include "tests/flow/kit/tls_edge.h"

struct pki pki;

void pki_write(void)
{
	if (pki.root == NULL) {
		pki.root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		pki.leaf = kit_cert_make(&(struct kit_cert_opts){
			.cn = "a.test", .dns = "a.test,*.a.test", .issuer = pki.root});
		pki.other = kit_cert_make(&(struct kit_cert_opts){
			.cn = "b.test", .dns = "b.test", .issuer = pki.root});
	}
	kit_cert_write(pki.root, "ca.pem", pki.ca);
	kit_cert_write(pki.leaf, "a.pem", pki.cert);
	kit_cert_write_key(pki.leaf, "a.key", NULL, pki.key);
	kit_cert_write(pki.other, "b.pem", pki.cert2);
	kit_cert_write_key(pki.other, "b.key", NULL, pki.key2);
}

const char *tls_edge_keys(const char *more)
{
	return textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}, {cert: \"%s\", key: \"%s\"}]%s}, "
		     "upstream: back", pki.cert, pki.key, pki.cert2, pki.key2, more);
}

struct kit_peer *echo_start(void)
{
	return kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO});
}

struct edge tls_edge(const char *more)
{
	pki_write();
	return edge_start(tls_edge_keys(more), edge_upstream("back", kit_peer_port(echo_start()), ""));
}

void exchange_tls(struct tls_peer *p)
{
	tls_peer_send(p, "are you there?", 14);
	tls_peer_expect(p, "are you there?", 14);
}

void end_orderly_tls(struct tls_peer *p)
{
	tls_peer_half_close(p);
	assert_int_equal(tls_peer_next(p), 0);
	tls_peer_close(p);
}

void served_tls(const struct edge *e, const struct tls_peer_opts *o, const char *cn, const char *alpn)
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
	exchange_tls(&p);
	end_orderly_tls(&p);
}
