/* TLS with servers: who is believed, what is said before and in the handshake, how it ends, and what a client gets when
 * there is none: nothing. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/tls_peer.h"

enum { SEED = 4, PIECE = 30000 };

static struct kit_cert *root;
static char ca[KIT_PATH];

static void make_root(void)
{
	if (root == NULL)
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	kit_cert_write(root, "ca.pem", ca);
}

/* A server's certificate, and the options to answer with it. */
static struct tls_peer_opts own_cert(struct kit_cert_opts o)
{
	static char cert[KIT_PATH], key[KIT_PATH];
	struct kit_cert *c;

	o.issuer = o.issuer == NULL ? root : o.issuer;
	c = kit_cert_make(&o);
	kit_cert_write(c, "server.pem", cert);
	kit_cert_write_key(c, "server.key", NULL, key);
	return (struct tls_peer_opts){.cert = cert, .key = key};
}

static struct edge upstream_edge(int *listener, const char *tls, const char *more)
{
	int port = 0;

	*listener = kit_listen(kit_ip(0), &port, 8);
	return edge_start("upstream: back",
			  edge_upstream("back", port, textf(", retries: 0, tls: {ca: \"%s\"%s}%s", ca, tls, more)));
}

static void end(struct edge *e, int listener)
{
	edge_end(e);
	close(listener);
}

/* One client in front, and the test as the server behind. */
struct leg {
	struct edge e;
	int listener, fd;      /* the server's, and the client's connection */
	struct tls_peer p;     /* the server's end, after leg_answer */
};

/* tls, more: further keys of the upstream's tls, and of the upstream. */
static struct leg leg_start(const char *tls, const char *more)
{
	struct leg l;

	make_root();
	l.e = upstream_edge(&l.listener, tls, more);
	l.fd = edge_connect(&l.e);
	return l;
}

static void leg_answer(struct leg *l, const struct tls_peer_opts *o)
{
	assert_true(tls_peer_answer(&l->p, kit_accept(l->listener), o));
}

/* The usual server: its certificate is for a.test, which is whom the upstream wants. */
static struct leg leg_answered(void)
{
	struct leg l = leg_start(", name: a.test", "");
	struct tls_peer_opts o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});

	leg_answer(&l, &o);
	return l;
}

/* The client goes, and that reaches the server as close_notify. */
static void leg_client_ends(struct leg *l)
{
	close(l->fd);
	assert_int_equal(tls_peer_next(&l->p), 0);
	tls_peer_close(&l->p);
	edge_ended(&l->e, "client_fin", 1);
	end(&l->e, l->listener);
}

/* Both connections are over: for this reason, and a line says so. */
static void leg_ended(struct leg *l, const char *reason, const char *text)
{
	close(l->fd);
	edge_ended(&l->e, reason, 1);
	edge_said(&l->e, text);
	end(&l->e, l->listener);
}

/* ---- who is believed ------------------------------------------------------------------------- */

static void d28_d29_good_servers(void **state)
{
	struct leg l = leg_start(", name: a.db.test, alpn: [postgresql]", "");
	struct tls_peer_opts o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "other.test,*.db.test"});

	(void)state;
	kit_send(l.fd, "question", 8);
	leg_answer(&l, &o);
	assert_string_equal(SSL_get_servername(l.p.ssl, TLSEXT_NAMETYPE_host_name), "a.db.test");
	tls_peer_expect(&l.p, "question", 8);
	tls_peer_send(&l.p, "answer", 6);
	kit_expect(l.fd, "answer", 6);
	tls_peer_half_close(&l.p);
	kit_expect_fin(l.fd);
	close(l.fd);
	assert_int_equal(tls_peer_next(&l.p), 0); /* the client's end came as close_notify */
	tls_peer_close(&l.p);
	edge_ended(&l.e, "server_fin", 1);
	edge_said(&l.e, " upstream_tls=TLSv1.3 ");
	end(&l.e, l.listener);
}

/* Without a name the certificate must be for the address, and none is asked for: an address is no name. */
static void d28_an_address_is_never_sni(void **state)
{
	struct leg l = leg_start("", "");
	struct tls_peer_opts o = own_cert((struct kit_cert_opts){.cn = "db", .ip = kit_ip(0)});

	(void)state;
	leg_answer(&l, &o);
	assert_null(SSL_get_servername(l.p.ssl, TLSEXT_NAMETYPE_host_name));
	tls_peer_send(&l.p, "220", 3); /* it may speak first, too */
	kit_expect(l.fd, "220", 3);
	leg_client_ends(&l);
}

static const struct {
	struct kit_cert_opts cert;
	bool own_root;
	const char *reason;
} bad[] = {
	{{.cn = "a.test", .dns = "b.test"}, false, "upstream_tls_name"}, /* its CN does not count */
	{{.cn = "x", .raw = "a.test\0.evil", .raw_n = 12}, false, "upstream_tls_name"},
	{{.cn = "a.test", .dns = "a.test", .from_days = -9, .to_days = -1}, false, "upstream_tls_failed"},
	{{.cn = "a.test", .dns = "a.test"}, true, "upstream_tls_failed"},
};

static void d29_bad_ones(void **state)
{
	struct kit_cert *stranger = kit_cert_make(&(struct kit_cert_opts){.cn = "stranger", .ca = true});
	int listener, failed = 0;
	struct edge e;

	(void)state;
	make_root();
	e = upstream_edge(&listener, ", name: a.test", "");
	for (size_t i = 0; i < array_len(bad); i++) {
		struct kit_cert_opts c = bad[i].cert;
		struct tls_peer_opts o;
		struct tls_peer p;
		int fd = edge_connect(&e);

		c.issuer = bad[i].own_root ? stranger : NULL;
		o = own_cert(c);
		kit_send(fd, "secret", 6);
		if (tls_peer_answer(&p, kit_accept(listener), &o))
			assert_int_equal(tls_peer_next(&p), -1); /* an alert, and no byte of the client's */
		tls_peer_close(&p);
		failed += strcmp(bad[i].reason, "upstream_tls_failed") == 0;
		kit_staunch_wait_log(e.s, " reason=upstream_tls_", (int)i + 1);
		close(fd);
	}
	edge_ended(&e, "upstream_tls_failed", failed);
	edge_ended(&e, "upstream_tls_name", (int)array_len(bad) - failed);
	edge_said(&e, " detail=\"certificate has expired\" ");
	end(&e, listener);
}

static void d29_pins(void **state)
{
	struct kit_cert *c;
	char pin[64], cert[KIT_PATH], key[KIT_PATH];
	struct tls_peer p;
	struct edge e;
	int listener, port = 0, fd;

	(void)state;
	make_root();
	c = kit_cert_make(&(struct kit_cert_opts){.cn = "pinned"});
	kit_cert_pin(c, pin);
	kit_cert_write(c, "p.pem", cert);
	kit_cert_write_key(c, "p.key", NULL, key);
	listener = kit_listen(kit_ip(0), &port, 8);
	e = edge_start("upstream: back",
		       edge_upstream("back", port, textf(", tls: {verify: false, pins: [\"%s\"]}", pin)));
	fd = edge_connect(&e);
	assert_true(tls_peer_answer(&p, kit_accept(listener), &(struct tls_peer_opts){.cert = cert, .key = key}));
	tls_peer_close(&p);
	kit_expect_fin(fd); /* it was taken: this is the server's end, not ours */
	close(fd);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " unclean=server ");
	end(&e, listener);
}

static void d28_client_certificate(void **state)
{
	struct kit_cert *me;
	char cert[KIT_PATH], key[KIT_PATH];
	struct tls_peer_opts o;
	struct leg l;

	(void)state;
	make_root();
	me = kit_cert_make(&(struct kit_cert_opts){.cn = "proxy", .issuer = root});
	kit_cert_write(me, "me.pem", cert);
	kit_cert_write_key(me, "me.key", NULL, key);
	l = leg_start(textf(", name: a.test, cert: \"%s\", key: \"%s\"", cert, key), "");
	o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});
	o.ask = true;
	o.ca = ca;
	leg_answer(&l, &o);
	assert_string_equal(tls_peer_cn(&l.p), "proxy");
	leg_client_ends(&l);
}

/* ---- before the handshake -------------------------------------------------------------------- */

/* CVE-2026-1642: no byte of it reaches the client. */
static void d27_plain_bytes_first(void **state)
{
	struct leg l = leg_start(", name: a.test", "");
	int server = kit_accept(l.listener);

	(void)state;
	kit_send(server, "220 mail.example.com\r\n", 22);
	kit_expect_fin(l.fd);
	close(server);
	leg_ended(&l, "upstream_tls_failed", " out=0 ");
}

/* PL8: in clear before our ClientHello. */
static void pl8_header_in_clear_first(void **state)
{
	struct leg l = leg_start(", name: a.test", ", proxy_protocol: v1");
	struct tls_peer_opts o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});
	int server = kit_accept(l.listener);
	char head[6];

	(void)state;
	assert_int_equal(kit_io_read_all(server, head, 6), 6);
	assert_memory_equal(head, "PROXY ", 6);
	while (head[0] != '\n')
		assert_int_equal(kit_io_read(server, head, 1), 1);
	assert_true(tls_peer_answer(&l.p, server, &o));
	kit_send(l.fd, "x", 1);
	tls_peer_expect(&l.p, "x", 1);
	leg_client_ends(&l);
}

static void a_silent_server_is_left(void **state)
{
	struct leg l = leg_start(", name: a.test, handshake_timeout: 300ms", "");
	int server = kit_accept(l.listener);

	(void)state;
	kit_expect_fin(l.fd);
	close(server);
	leg_ended(&l, "upstream_tls_failed", " out=0 ");
}

/* Another server gets the client's bytes, and it alone. */
static void tried_elsewhere(void **state)
{
	struct tls_peer_opts o;
	struct tls_peer p;
	struct edge e;
	int ports[2] = {0, 0}, first = kit_listen(kit_ip(0), &ports[0], 8), fd, server;
	int second = kit_listen(kit_ip(0), &ports[1], 8);

	(void)state;
	make_root();
	o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});
	e = edge_start("upstream: back", textf("  - {name: back, tls: {ca: \"%s\", name: a.test}, servers: "
					       "[\"%s:%d\", {address: \"%s:%d\", backup: true}]}\n",
					       ca, kit_ip(0), ports[0], kit_ip(0), ports[1]));
	fd = edge_connect(&e);
	kit_send(fd, "question", 8);
	server = kit_accept(first);
	kit_send(server, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	assert_true(tls_peer_answer(&p, kit_accept(second), &o));
	tls_peer_expect(&p, "question", 8);
	close(server);
	close(fd);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, " retries=1 ");
	end(&e, first);
	close(second);
}

/* ---- after it -------------------------------------------------------------------------------- */

/* All that the server has to say so far, in one write. */
static void say_at_once(int fd, BIO *out)
{
	char *bytes;
	long n = BIO_get_mem_data(out, &bytes);

	kit_send(fd, bytes, (size_t)n);
	BIO_reset(out);
}

/* The server's last flight and its first bytes in one segment: no event will tell of these. */
static void d21_read_with_the_handshake(void **state)
{
	struct leg l = leg_start(", name: a.test", "");
	struct tls_peer_opts o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});
	char bytes[4096];
	ssize_t n;

	(void)state;
	o.max = TLS1_2_VERSION; /* where the server's flight is the last */
	tls_peer_make(&l.p, kit_accept(l.listener), TLS_server_method(), &o);
	SSL_set_bio(l.p.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	while (SSL_accept(l.p.ssl) != 1) {
		say_at_once(l.p.fd, SSL_get_wbio(l.p.ssl));
		n = kit_io_read(l.p.fd, bytes, sizeof(bytes));
		assert_true(n > 0);
		BIO_write(SSL_get_rbio(l.p.ssl), bytes, (int)n);
	}
	tls_peer_send(&l.p, "220 hello", 9);
	say_at_once(l.p.fd, SSL_get_wbio(l.p.ssl));
	kit_expect(l.fd, "220 hello", 9);
	close(l.fd);
	while (kit_io_read(l.p.fd, bytes, sizeof(bytes)) > 0)
		; /* or closing would reset it */
	tls_peer_close(&l.p);
	edge_ended(&l.e, "client_fin", 1);
	end(&l.e, l.listener);
}

static void d20_broken_records(void **state)
{
	struct leg l = leg_answered();

	(void)state;
	tls_peer_send(&l.p, "answer", 6);
	kit_expect(l.fd, "answer", 6);
	kit_send(l.p.fd, "\x17\x03\x03\x00\x20" "this was never encrypted by us..", 37);
	kit_expect_rst(l.fd); /* nothing that could be taken for an end */
	tls_peer_close(&l.p);
	leg_ended(&l, "upstream_tls_failed", " out=6 ");
}

static void d22_truncated_by_the_server(void **state)
{
	struct leg l = leg_answered();

	(void)state;
	tls_peer_send(&l.p, "half an ans", 11);
	kit_half_close(l.p.fd);
	kit_expect(l.fd, "half an ans", 11);
	kit_expect_fin(l.fd);
	tls_peer_close(&l.p);
	leg_ended(&l, "server_fin", " unclean=server ");
}

/* n bytes of the stream go in at one end and come out whole at the other. */
static void pass_stream(struct tls_peer *from, struct tls_peer *to, size_t at, size_t n)
{
	static char buf[PIECE];

	kit_stream_fill(SEED, at, buf, n);
	tls_peer_send(from, buf, n);
	for (size_t got = 0, some; got < n; got += some)
		assert_int_equal(SSL_read_ex(to->ssl, buf + got, n - got, &some), 1);
	assert_true(kit_stream_same(SEED, at, buf, n));
}

/* Both sides TLS, both ways, and an end that was not said stays unsaid. */
static void d22_tls_to_tls(void **state)
{
	struct tls_peer_opts o;
	struct tls_peer client, server;
	struct edge e;
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8);
	size_t n;

	(void)state;
	make_root();
	o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test"});
	e = edge_start(textf("upstream: back, tls: {certificates: [{cert: \"%s\", key: \"%s\"}]}", o.cert, o.key),
		       edge_upstream("back", port, textf(", tls: {ca: \"%s\", name: a.test}", ca)));
	for (int clean = 0; clean < 2; clean++) {
		assert_true(tls_peer_dial(&client, edge_connect(&e),
					  &(struct tls_peer_opts){.sni = "a.test", .ca = ca}));
		assert_true(tls_peer_answer(&server, kit_accept(listener), &o));
		for (size_t at = 0; at < MB; at += n) { /* there and back, in step */
			n = MB - at < PIECE ? MB - at : PIECE;
			pass_stream(&client, &server, at, n);
			pass_stream(&server, &client, at, n);
		}
		if (clean)
			tls_peer_half_close(&client);
		else
			kit_half_close(client.fd);
		assert_int_equal(tls_peer_next(&server), clean ? 0 : -1);
		tls_peer_close(&server);
		tls_peer_close(&client);
		/* OpenSSL answers an end that was not said with an alert. */
		edge_ended(&e, clean ? "client_fin" : "upstream_tls_failed", 1);
	}
	edge_said(&e, textf(" in=%d out=%d ", MB, MB));
	end(&e, listener);
}

/* ---- real servers ---------------------------------------------------------------------------- */

static void openssl_s_server(void **state)
{
	static const char line[] = "hello\n", reversed[] = "olleh\n";
	struct tls_peer_opts o;
	struct kit_child *c;
	struct edge e;
	char where[64];
	int port = kit_port(kit_ip(2)), fd;

	(void)state;
	if (!kit_have("openssl"))
		skip();
	make_root();
	o = own_cert((struct kit_cert_opts){.cn = "db", .dns = "a.test", .key = KIT_RSA2048});
	snprintf(where, sizeof(where), "%s:%d", kit_ip(2), port);
	c = kit_child_start("s_server", KIT_ARGV("openssl", "s_server", "-accept", where, "-cert", o.cert,
						  "-key", o.key, "-rev", "-quiet"));
	e = edge_start("upstream: back", textf("  - {name: back, retry_budget: 10s, tls: {ca: \"%s\", name: a.test}, "
					       "servers: [\"%s\"]}\n", ca, where));
	while ((fd = kit_try_connect(kit_ip(2), port)) < 0)
		assert_true(kit_child_alive(c));
	close(fd); /* s_server serves one after the other */
	for (int i = 0; i < 3; i++) {
		fd = edge_connect(&e);
		kit_send(fd, line, 6);
		kit_expect(fd, reversed, 6);
		close(fd);
		edge_ended(&e, "client_fin", i + 1);
	}
	edge_end(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d28_d29_good_servers),
		TLS_ROW(d28_an_address_is_never_sni),
		TLS_ROW(d29_bad_ones),
		TLS_ROW(d29_pins),
		TLS_ROW(d28_client_certificate),
		TLS_ROW(d27_plain_bytes_first),
		TLS_ROW(pl8_header_in_clear_first),
		TLS_ROW(a_silent_server_is_left),
		TLS_ROW(tried_elsewhere),
		TLS_ROW(d21_read_with_the_handshake),
		TLS_ROW(d20_broken_records),
		TLS_ROW(d22_truncated_by_the_server),
		TLS_ROW(d22_tls_to_tls),
		TLS_ROW(openssl_s_server),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
