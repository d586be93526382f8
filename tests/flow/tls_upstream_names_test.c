/* A client's own name and protocol towards servers (sni: client, alpn: client): what the server is asked for, who is
 * believed, and whose session is resumed. */
#include "tests/flow/kit/crossing.h"
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

#include <string.h>
#include <unistd.h>

/* TLS on both legs: the edge shows pki.leaf (a.test, *.a.test), and the server is the test's. */
struct legs {
	struct edge e;
	int listener;
	int ended; /* connections so far */
};

static struct legs legs_start(const char *listener_keys, const char *tls)
{
	struct legs l = {.ended = 0};
	int port = 0;

	pki_write();
	l.listener = kit_listen(kit_ip(0), &port, 8);
	tls = textf(", retries: 0, tls: {ca: \"%s\", %s}", pki.ca, tls);
	l.e = edge_start(tls_edge_keys(listener_keys), edge_upstream("back", port, tls));
	return l;
}

static void legs_end(struct legs *l)
{
	edge_end(&l->e);
	close(l->listener);
}

/* One connection from a client of this name to a server with a certificate for a.test and *.a.test, or for b.test. */
static void legs_serve(struct legs *l, const char *sni, const char *asked, bool other)
{
	struct tls_peer client, server;
	const char *name;

	assert_true(tls_peer_dial(&client, edge_connect(&l->e), &(struct tls_peer_opts){.sni = sni}));
	tls_peer_make(&server, kit_accept(l->listener), TLS_server_method(),
		      &(struct tls_peer_opts){.cert = other ? pki.cert2 : pki.cert,
					      .key = other ? pki.key2 : pki.key});
	assert_int_equal(SSL_accept(server.ssl), 1);
	name = SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name);
	assert_string_equal(name != NULL ? name : "", asked);
	tls_peer_send(&client, "question", 8);
	tls_peer_expect(&server, "question", 8);
	tls_peer_send(&server, "answer", 6);
	tls_peer_expect(&client, "answer", 6);
	tls_peer_half_close(&client);
	assert_int_equal(tls_peer_next(&server), 0);
	tls_peer_close(&server);
	tls_peer_close(&client);
	edge_ended(&l->e, "client_fin", ++l->ended);
}

/* D43: in lower case, and only a host name. */
static void d43_the_name_goes_on(void **state)
{
	struct legs l = legs_start("", "name: a.test, sni: client");

	(void)state;
	legs_serve(&l, "a.test", "a.test", false);
	legs_serve(&l, "X.A.Test", "x.a.test", false);
	legs_serve(&l, "other.test.", "other.test", false);
	legs_serve(&l, "10.0.0.1", "", false);
	legs_serve(&l, NULL, "", false);
	legs_end(&l);
}

/* A server proves the name that the client asked for; without one, its address. No byte of the client's goes to
 * another. */
static void d43_the_name_is_proven(void **state)
{
	static const char *const wrong[] = {"c.test", NULL};
	struct legs l = legs_start("", "sni: client");
	struct tls_peer client, server;

	(void)state;
	legs_serve(&l, "a.test", "a.test", false);
	legs_serve(&l, "b.test", "b.test", true);
	for (int i = 0; i < 2; i++) {
		const struct tls_peer_opts o = {.cert = pki.cert, .key = pki.key};

		assert_true(tls_peer_dial(&client, edge_connect(&l.e), &(struct tls_peer_opts){.sni = wrong[i]}));
		SSL_write(client.ssl, "secret", 6);
		assert_false(tls_peer_answer(&server, kit_accept(l.listener), &o) &&
			     tls_peer_next(&server) == 1);
		tls_peer_close(&server);
		tls_peer_close(&client);
		edge_ended(&l.e, "upstream_tls_name", i + 1);
	}
	legs_end(&l);
}

/* D43: of a hello that is passed on, in TLS of our own around the client's. */
static void d43_the_name_of_a_hello(void **state)
{
	static struct hello_text h;
	struct tls_peer server;
	struct legs l;
	int port = 0, fd;
	size_t n;

	(void)state;
	pki_write();
	l.listener = kit_listen(kit_ip(0), &port, 8);
	l.e = edge_start("routes: [{sni: \"*\", upstream: back}]",
			 edge_upstream("back", port, textf(", tls: {ca: \"%s\", sni: client}", pki.ca)));
	real_hello(&h, "A.test", "\2h2");
	fd = edge_connect(&l.e);
	kit_send(fd, h.p, h.n);
	assert_true(tls_peer_answer(&server, kit_accept(l.listener),
				    &(struct tls_peer_opts){.cert = pki.cert, .key = pki.key}));
	assert_string_equal(SSL_get_servername(server.ssl, TLSEXT_NAMETYPE_host_name), "a.test");
	for (size_t at = 0; at < h.n; at += n) {
		n = h.n - at < 200 ? h.n - at : 200;
		tls_peer_expect(&server, h.p + at, n);
	}
	close(fd);
	tls_peer_close(&server);
	legs_end(&l);
}

/* ---- nginx behind ---- */

/* Says the name and the protocol that it was asked for, and whether a session was resumed. */
static int nginx_tells(void)
{
	static const char form[] =
		"load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n"
		"daemon off; master_process off; pid %s/nginx.pid; error_log stderr;\n"
		"events { worker_connections 64; }\n"
		"stream { server { listen %s:%d ssl; ssl_certificate %s; ssl_certificate_key %s;\n"
		"  ssl_alpn h2 http/1.1; ssl_session_cache shared:s:1m; ssl_protocols TLSv1.2 TLSv1.3;\n"
		"  return \"$ssl_server_name|$ssl_alpn_protocol|$ssl_session_reused\\n\"; } }\n";
	int port = kit_port(kit_ip(2));
	char path[KIT_PATH];

	kit_file_write("nginx.conf", textf(form, kit_dir(), kit_ip(2), port, pki.cert, pki.key), path);
	program_serve("nginx", KIT_ARGV("nginx", "-e", "stderr", "-p", kit_dir(), "-c", path), kit_ip(2), port);
	return port;
}

static void nginx_says(const struct edge *e, const char *sni, const char *alpn, const char *want)
{
	struct tls_peer p;

	if (!tls_peer_dial(&p, edge_connect(e), &(struct tls_peer_opts){.sni = sni, .alpn = alpn}))
		kit_fail("no handshake for %s", want);
	tls_peer_expect(&p, want, strlen(want));
	assert_int_equal(tls_peer_next(&p), 0); /* nginx ends first */
	tls_peer_half_close(&p);
	tls_peer_close(&p);
}

/* The client's own handshake is good; then it is closed for this reason. */
static void ends(const struct edge *e, const struct tls_peer_opts *o, const char *reason)
{
	struct tls_peer p;

	assert_true(tls_peer_dial(&p, edge_connect(e), o));
	edge_ended(e, reason, 1);
	tls_peer_close(&p);
}

static struct edge nginx_edge(const char *listener_keys, const char *tls)
{
	int port;

	program_need("nginx");
	pki_write();
	port = nginx_tells();
	return edge_start(tls_edge_keys(listener_keys),
			  textf("  - {name: back, retries: 0, tls: {ca: \"%s\", %s}, servers: [\"%s:%d\"]}\n",
				pki.ca, tls, kit_ip(2), port));
}

/* D44: what was agreed on, alone; nothing where nothing was. */
static void d44_nginx_hears_the_protocol(void **state)
{
	struct edge e = nginx_edge(", alpn: [h2, http/1.1, smtp]",
				   "sni: client, alpn: client, name: a.test, session_reuse: false");

	(void)state;
	nginx_says(&e, "a.test", "\2h2\10http/1.1", "a.test|h2|.\n");
	nginx_says(&e, "a.test", "\10http/1.1", "a.test|http/1.1|.\n");
	nginx_says(&e, "x.a.test", NULL, "x.a.test||.\n");
	edge_ended(&e, "server_fin", 3);
	/* nginx does not speak it, and says so */
	ends(&e, &(struct tls_peer_opts){.alpn = "\4smtp"}, "upstream_tls_failed");
	edge_end(&e);
}

/* An edge without alpn agrees on none, whatever the client offers: the server must not choose one either. */
static void d44_no_protocol_is_none(void **state)
{
	struct edge e = nginx_edge("", "sni: client, alpn: client, session_reuse: false");

	(void)state;
	nginx_says(&e, "a.test", "\2h2", "a.test||.\n");
	edge_ended(&e, "server_fin", 1);
	edge_end(&e);
}

/* D30 D43: with a server that stays, each name has its session, and none has another's. */
/* Two names may share a place, where the newer one stays: so none is asked for again after the other. */
static void resumes_by_name(const char *version)
{
	static const char *const names[] = {"a.test", "x.a.test"};
	struct edge e = nginx_edge("", textf("sni: client, max_version: \"%s\"", version));

	for (int i = 0; i < 2; i++) {
		nginx_says(&e, names[i], NULL, textf("%s||.\n", names[i]));
		edge_ended(&e, "server_fin", 2 * i + 1);
		nginx_says(&e, names[i], NULL, textf("%s||r\n", names[i]));
		edge_ended(&e, "server_fin", 2 * i + 2);
	}
	ends(&e, &(struct tls_peer_opts){.sni = "b.test"}, "upstream_tls_name");
	edge_end(&e);
}

static void d30_nginx_resumes_tls_1_2_by_name(void **state)
{
	(void)state;
	resumes_by_name("1.2");
}

static void d30_nginx_resumes_tls_1_3_by_name(void **state)
{
	(void)state;
	resumes_by_name("1.3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d43_the_name_goes_on),
		TLS_ROW(d43_the_name_is_proven),
		TLS_ROW(d43_the_name_of_a_hello),
		TLS_ROW(d44_nginx_hears_the_protocol),
		TLS_ROW(d44_no_protocol_is_none),
		TLS_ROW(d30_nginx_resumes_tls_1_2_by_name),
		TLS_ROW(d30_nginx_resumes_tls_1_3_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
