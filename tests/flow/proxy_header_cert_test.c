/* A client's whole certificate in a PROXY header (tlvs: client_cert): who is told what, and what becomes of one that no
 * header can hold. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/proxy_edge.h"
#include "tests/flow/kit/tls_edge.h"

enum { ROOM = 70000 };

/* A client with a certificate: paths, and its bytes as a server should get them. */
struct owner {
	char cert[KIT_PATH], key[KIT_PATH];
	unsigned char *der;
	size_t n;
};

static struct owner owner_make(struct kit_cert_opts o)
{
	struct owner w = {.n = 0};
	struct kit_cert *c;
	X509 *x;
	FILE *f;

	o.issuer = pki.root;
	c = kit_cert_make(&o);
	kit_cert_write(c, "me.pem", w.cert);
	kit_cert_write_key(c, "me.key", NULL, w.key);
	f = fopen(w.cert, "re");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	w.n = (size_t)i2d_X509(x, &w.der);
	X509_free(x);
	assert_non_null(w.der);
	return w;
}

static struct edge cert_edge(int *listener, const char *mode, const char *tlvs)
{
	static const char form[] = "tls: {certificates: [{cert: \"%s\", key: \"%s\"}], "
				   "client_auth: {mode: %s, ca: \"%s\"}}, upstream: back";

	pki_write();
	return proxy_edge_start(listener, textf(form, pki.cert, pki.key, mode, pki.ca),
				textf(", proxy_protocol: v2, tlvs: %s", tlvs));
}

/* Reads a whole header, and what it says of TLS. buf has ROOM. */
static struct pp_ssl read_ssl(int server, uint8_t *buf)
{
	struct pp_header h = {.version = 0};
	struct pp_bytes value;
	struct pp_ssl ssl;
	size_t n = 0;

	while (pp_read(&h, buf, n, 65535) == PP_MORE) {
		ssize_t more = kit_io_read(server, buf + n, h.need - n);

		assert_true(more > 0);
		n += (size_t)more;
	}
	assert_int_equal(h.version, 2);
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_SSL, &value));
	assert_true(pp_ssl_read(value, &ssl));
	return ssl;
}

/* One connection of a client, which may be nobody (w NULL). Returns its session; told: the server hears of it. */
static SSL_SESSION *visit(const struct edge *e, int listener, const struct owner *w, struct tls_peer_opts o, bool told)
{
	static uint8_t buf[ROOM];
	SSL_SESSION *session;
	struct pp_bytes cert;
	struct pp_ssl ssl;
	struct tls_peer p;
	int server;

	o.cert = w != NULL ? w->cert : NULL;
	o.key = w != NULL ? w->key : NULL;
	assert_true(tls_peer_dial(&p, edge_connect(e), &o));
	if (o.session != NULL)
		assert_true(SSL_session_reused(p.ssl));
	server = kit_accept(listener);
	ssl = read_ssl(server, buf);
	assert_int_equal(pp_tlv_find(ssl.subs, PP_SSL_CLIENT_CERT, &cert), told);
	if (told) {
		assert_int_equal(ssl.verify, 0);
		assert_int_equal(cert.n, w->n);
		assert_memory_equal(cert.p, w->der, w->n);
	}
	kit_send(server, "hello", 5);
	tls_peer_expect(&p, "hello", 5);
	session = SSL_get1_session(p.ssl);
	tls_peer_half_close(&p);
	kit_expect_fin(server);
	close(server);
	tls_peer_close(&p);
	return session;
}

/* Both versions, in full and resumed. */
static void d45_told_as_it_was_shown(void **state)
{
	int listener, ended = 0;
	struct edge e = cert_edge(&listener, "required", "[ssl, client_cert, crc32c]");
	struct owner me = owner_make((struct kit_cert_opts){.cn = "me"});

	(void)state;
	for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
		struct tls_peer_opts o = {.max = v};
		SSL_SESSION *first = visit(&e, listener, &me, o, true), *again;

		o.session = first;
		again = visit(&e, listener, &me, o, true);
		SSL_SESSION_free(first);
		SSL_SESSION_free(again);
		edge_ended(&e, "client_fin", ended += 2);
	}
	OPENSSL_free(me.der);
	proxy_edge_end(&e, listener);
}

static void d45_nothing_to_tell(void **state)
{
	int listener;
	struct edge e = cert_edge(&listener, "optional", "[ssl, client_cert]");

	(void)state;
	SSL_SESSION_free(visit(&e, listener, NULL, (struct tls_peer_opts){.sni = "a.test"}, false));
	edge_ended(&e, "client_fin", 1);
	proxy_edge_end(&e, listener);
}

static void d45_nobody_asked(void **state)
{
	int listener;
	struct edge e = cert_edge(&listener, "required", "[ssl]");
	struct owner me = owner_make((struct kit_cert_opts){.cn = "me"});

	(void)state;
	SSL_SESSION_free(visit(&e, listener, &me, (struct tls_peer_opts){.sni = "a.test"}, false));
	edge_ended(&e, "client_fin", 1);
	OPENSSL_free(me.der);
	proxy_edge_end(&e, listener);
}

/* A long one goes whole; one that is longer than a header can be is the client's trouble, and no server is dialled. */
static void d45_long_and_too_long(void **state)
{
	static char name[66000];
	int listener;
	struct edge e = cert_edge(&listener, "required", "[ssl, client_cert]");
	struct owner me;
	struct tls_peer p;

	(void)state;
	memset(name, 'x', sizeof(name));
	me = owner_make((struct kit_cert_opts){.cn = "me", .raw = name, .raw_n = 60000});
	assert_true(me.n > 60000);
	SSL_SESSION_free(visit(&e, listener, &me, (struct tls_peer_opts){.sni = "a.test"}, true));
	edge_ended(&e, "client_fin", 1);
	OPENSSL_free(me.der);

	me = owner_make((struct kit_cert_opts){.cn = "me", .raw = name, .raw_n = sizeof(name)});
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.cert = me.cert, .key = me.key}));
	assert_true(tls_peer_next(&p) <= 0);
	tls_peer_close(&p);
	edge_ended(&e, "tls_client_cert", 1);
	edge_said(&e, "the client's certificate does not fit into a PROXY header");
	edge_untouched(listener);
	OPENSSL_free(me.der);
	proxy_edge_end(&e, listener);
}

/* ---- real peers ---- */

static bool accepts(void *arg)
{
	int fd = kit_try_connect(kit_ip(2), *(int *)arg);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* HAProxy takes a header with a certificate in it for what it is, and passes the client's bytes on. */
static void haproxy_receives_it(void **state)
{
	static const char form[] =
		"global\n  maxconn 64\ndefaults\n  mode http\n  timeout client 9s\n  timeout server 9s\n"
		"  timeout connect 9s\nfrontend f\n  bind %s:%d accept-proxy\n"
		"  http-request return status 200 content-type text/plain lf-string \"<%%[src]>\"\n";
	static const char request[] = "GET / HTTP/1.0\r\n\r\n";
	int port = kit_port(kit_ip(2));
	char path[KIT_PATH], answer[2048];
	struct tls_peer p;
	struct owner me;
	struct edge e;
	size_t n = 0, more;

	(void)state;
	program_need("haproxy");
	kit_file_write("haproxy.cfg", textf(form, kit_ip(2), port), path);
	kit_child_start("haproxy", KIT_ARGV("haproxy", "-db", "-f", path));
	assert_true(kit_wait(accepts, &port, KIT_MS));
	pki_write();
	me = owner_make((struct kit_cert_opts){.cn = "me", .key = KIT_RSA4096});
	e = edge_start(textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}], "
			     "client_auth: {mode: required, ca: \"%s\"}}, upstream: back", pki.cert, pki.key, pki.ca),
		       textf("  - {name: back, proxy_protocol: v2, tlvs: [ssl, client_cert], servers: [\"%s:%d\"]}\n",
			     kit_ip(2), port));
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.cert = me.cert, .key = me.key}));
	tls_peer_send(&p, request, sizeof(request) - 1);
	while (n < sizeof(answer) - 1 && SSL_read_ex(p.ssl, answer + n, sizeof(answer) - 1 - n, &more) == 1)
		n += more;
	answer[n] = '\0';
	assert_non_null(strstr(answer, "<127."));
	tls_peer_half_close(&p);
	tls_peer_close(&p);
	edge_ended(&e, "server_fin", 1);
	OPENSSL_free(me.der);
	edge_end(&e);
}

/* The bytes are a certificate to openssl, and the one that the client has. */
static void openssl_knows_it(void **state)
{
	static uint8_t buf[ROOM];
	int listener, server;
	struct edge e = cert_edge(&listener, "required", "[ssl, client_cert]");
	struct owner me = owner_make((struct kit_cert_opts){.cn = "me", .key = KIT_RSA2048});
	const char *where = textf("%s:%d", kit_ip(1), e.port), *told;
	struct kit_child *client, *a, *b;
	struct pp_bytes cert;
	struct pp_ssl ssl;
	char one[512], two[512];
	FILE *f;

	(void)state;
	program_need("openssl");
	client = kit_child_start("s_client", KIT_ARGV("openssl", "s_client", "-quiet", "-connect", where, "-cert",
						      me.cert, "-key", me.key, "-CAfile", pki.ca));
	server = kit_accept(listener);
	ssl = read_ssl(server, buf);
	assert_true(pp_tlv_find(ssl.subs, PP_SSL_CLIENT_CERT, &cert));
	told = textf("%s/told.der", kit_dir());
	f = fopen(told, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(cert.p, 1, cert.n, f), cert.n);
	assert_int_equal(fclose(f), 0);
	a = program_run("told", KIT_ARGV("openssl", "x509", "-inform", "DER", "-in", told, "-noout", "-subject",
					 "-fingerprint", "-sha256"));
	b = program_run("own", KIT_ARGV("openssl", "x509", "-in", me.cert, "-noout", "-subject", "-fingerprint",
					"-sha256"));
	kit_file_read(a->out, one, sizeof(one));
	kit_file_read(b->out, two, sizeof(two));
	assert_non_null(strstr(one, "CN = me"));
	assert_string_equal(one, two);
	kit_child_signal(client, SIGKILL);
	kit_child_wait(client);
	close(server);
	edge_ended(&e, "client_fin", 1);
	OPENSSL_free(me.der);
	proxy_edge_end(&e, listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d45_told_as_it_was_shown),
		TLS_ROW(d45_nothing_to_tell),
		TLS_ROW(d45_nobody_asked),
		TLS_ROW(d45_long_and_too_long),
		TLS_ROW(haproxy_receives_it),
		TLS_ROW(openssl_knows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
