/* Routes by any name and by TLS version: from a ClientHello that is passed on, and from a handshake that ends here. */
#include "tests/flow/kit/crossing.h"
#include "tests/flow/kit/programs.h"
#include "tests/flow/kit/tls_edge.h"

#include <string.h>
#include <unistd.h>

/* Shakes hands through the edge with a server of the test's, or with the edge itself, and is gone. */
struct visit {
	const char *sni;
	int max; /* TLS1_2_VERSION; 0: all */
	int place;
};

static void hello_of(struct hello_text *h, const struct visit *v)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int n;

	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, v->max);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (v->sni != NULL)
		SSL_set_tlsext_host_name(ssl, v->sni);
	SSL_connect(ssl);
	n = BIO_read(SSL_get_wbio(ssl), h->p, HELLO_ROOM);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	assert_true(n > 50);
	h->n = (size_t)n;
}

/* The hello comes to that server as it was sent. */
static void passes(struct crossing *x, const struct visit *v, int ended)
{
	static struct hello_text h;
	int fd = edge_connect(&x->e), server;

	hello_of(&h, v);
	kit_send(fd, h.p, h.n);
	server = kit_accept(x->listener[v->place]);
	kit_expect(server, h.p, h.n);
	close(server);
	kit_expect_fin(fd);
	close(fd);
	edge_ended(&x->e, "server_fin", ended);
}

#define BY_NAME                                                   \
	"routes: [{sni: [a.test, \"*.b.test\"], upstream: db}, " \
	"{sni: \"*\", upstream: acme}], upstream: app"
#define BY_VERSION                                                                          \
	"routes: [{tls: \"1.2\", upstream: db}, {tls: [\"1.0\", \"1.1\"], upstream: lab}, " \
	"{tls: [none, \"1.3\"], upstream: acme}], upstream: app"

static const struct visit names[] = {
	{"a.test", 0, DB},      {"x.b.test", 0, DB},  {"b.test", 0, ACME},
	{"LocalHost", 0, ACME}, {"10.0.0.1", 0, APP}, {NULL, 0, APP},
};

/* D41 */
static void d41_any_name(void **state)
{
	struct crossing x = crossing_start(BY_NAME);
	int fd, server;

	(void)state;
	for (int i = 0; i < (int)array_len(names); i++)
		passes(&x, &names[i], i + 1);
	fd = edge_connect(&x.e);
	kit_send(fd, "GET", 3);
	server = kit_accept(x.listener[APP]); /* no TLS, no name */
	kit_expect(server, "GET", 3);
	close(server);
	close(fd);
	crossing_end(&x);
}

/* D42 */
static void d42_by_what_is_offered(void **state)
{
	static const struct visit versions[] = {
		{"a.test", 0, ACME},
		{"a.test", TLS1_2_VERSION, DB},
		{NULL, TLS1_1_VERSION, LAB},
		{NULL, TLS1_VERSION, LAB},
	};
	struct crossing x = crossing_start(BY_VERSION);
	int fd, server;

	(void)state;
	for (int i = 0; i < (int)array_len(versions); i++)
		passes(&x, &versions[i], i + 1);
	fd = edge_connect(&x.e);
	kit_send(fd, "SSH", 3);
	server = kit_accept(x.listener[ACME]); /* a list holds for whoever is in it */
	kit_expect(server, "SSH", 3);
	close(server);
	close(fd);
	crossing_end(&x);
}

/* ---- TLS that ends here ---- */

static struct crossing ending(const char *routes)
{
	pki_write();
	return crossing_start(textf("tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}, %s",
				    pki.cert, pki.key, routes));
}

static void arrives_ended(struct crossing *x, const struct visit *v, int ended)
{
	struct tls_peer p;
	int server;
	const struct tls_peer_opts o = {.sni = v->sni, .max = v->max};

	assert_true(tls_peer_dial(&p, edge_connect(&x->e), &o));
	server = kit_accept(x->listener[v->place]);
	tls_peer_send(&p, "hello", 5);
	kit_expect(server, "hello", 5);
	close(server);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	edge_ended(&x->e, "server_fin", ended);
}

static void d41_any_name_of_a_handshake(void **state)
{
	struct crossing x = ending(BY_NAME);

	(void)state;
	for (int i = 0; i < (int)array_len(names); i++)
		arrives_ended(&x, &names[i], i + 1);
	crossing_end(&x);
}

static void d42_by_what_is_agreed(void **state)
{
	static const struct visit versions[] = {{"a.test", 0, ACME}, {NULL, TLS1_2_VERSION, DB}};
	struct crossing x = ending("routes: [{tls: \"1.2\", upstream: db}, "
				   "{tls: \"1.3\", upstream: acme}], upstream: app");

	(void)state;
	for (int i = 0; i < (int)array_len(versions); i++)
		arrives_ended(&x, &versions[i], i + 1);
	crossing_end(&x);
}

/* The edge agrees on 1.2 with a client that offers 1.3: what was agreed on counts. */
static void d42_agreed_below_what_is_offered(void **state)
{
	struct crossing x;

	(void)state;
	pki_write();
	x = crossing_start(textf("tls: {max_version: \"1.2\", certificates: [{cert: \"%s\", key: \"%s\"}]}, "
				 "routes: [{tls: \"1.2\", upstream: db}], upstream: app", pki.cert, pki.key));
	arrives_ended(&x, &(struct visit){"a.test", 0, DB}, 1);
	crossing_end(&x);
}

/* ---- real clients ---- */

static struct kit_child *version_server(const char *name, const char *flag, const char *ip, int port)
{
	const char *where = textf("%s:%d", ip, port);

	return program_serve(name,
			     KIT_ARGV("openssl", "s_server", "-accept", where, "-cert", pki.cert, "-key",
				      pki.key, flag, "-www", "-quiet"),
			     ip, port);
}

static void version_client(const struct edge *e, const char *name, const char *flag, const char *said)
{
	const char *where = textf("%s:%d", kit_ip(1), e->port);
	struct kit_child *c = program_run(name, KIT_ARGV("openssl", "s_client", "-connect", where, "-CAfile",
							 pki.ca, "-verify_return_error", "-servername",
							 "a.test", flag));

	assert_true(kit_file_count(c->out, said) > 0);
}

/* Two real servers behind the edge serve one version each, and get the clients of it alone. */
static void s_clients_find_their_server(void **state)
{
	int old = kit_port(kit_ip(2)), new = kit_port(kit_ip(3));
	struct edge e;

	(void)state;
	program_need("openssl");
	pki_write();
	version_server("old", "-tls1_2", kit_ip(2), old);
	version_server("new", "-tls1_3", kit_ip(3), new);
	e = edge_start("routes: [{tls: \"1.2\", upstream: old}, {tls: \"1.3\", upstream: new}]",
		       textf("  - {name: old, servers: [\"%s:%d\"]}\n  - {name: new, servers: [\"%s:%d\"]}\n",
			     kit_ip(2), old, kit_ip(3), new));
	version_client(&e, "client2", "-tls1_2", "New, TLSv1.2");
	version_client(&e, "client3", "-tls1_3", "New, TLSv1.3");
	assert_true(kit_wait(edge_has, &(struct edge_wanted){&e, " upstream=old ", 1}, KIT_MS));
	assert_true(kit_wait(edge_has, &(struct edge_wanted){&e, " upstream=new ", 1}, KIT_MS));
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(d41_any_name, kit_end),
		cmocka_unit_test_teardown(d42_by_what_is_offered, kit_end),
		TLS_ROW(d41_any_name_of_a_handshake),
		TLS_ROW(d42_by_what_is_agreed),
		TLS_ROW(d42_agreed_below_what_is_offered),
		cmocka_unit_test_teardown(s_clients_find_their_server, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
