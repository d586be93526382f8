/* TLS with clients: which certificate, which protocol, who is let in, and how it ends. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/flow/kit/tls_edge.h"

#include "proxy/proto/pp.h"

enum { SEED = 3 };

/* One that is turned away with this alert. */
static void refused_tls(const struct edge *e, const struct tls_peer_opts *o, int alert)
{
	struct tls_peer p;

	if (tls_peer_dial(&p, edge_connect(e), o))
		assert_int_equal(tls_peer_next(&p), -1);
	assert_int_equal(p.alert, alert);
	tls_peer_close(&p);
}

/* ---- which certificate, which protocol ------------------------------------------------------- */

static void d7_certificate_by_name(void **state)
{
	struct edge e = tls_edge("");

	(void)state;
	served_tls(&e, &(struct tls_peer_opts){.sni = "a.test", .ca = pki.ca}, "a.test", NULL);
	served_tls(&e, &(struct tls_peer_opts){.sni = "B.test", .ca = pki.ca}, "b.test", NULL);
	served_tls(&e, &(struct tls_peer_opts){.sni = "x.a.test", .ca = pki.ca, .max = TLS1_2_VERSION}, "a.test", NULL);
	served_tls(&e, &(struct tls_peer_opts){.ca = pki.ca}, "a.test", NULL);
	edge_ended(&e, "client_fin", 4);
	edge_said(&e, " sni=x.a.test tls=TLSv1.2 cipher=");
	edge_said(&e, " in=14 out=14 ");
	edge_said(&e, " sni=a.test tls=TLSv1.3 cipher=TLS_AES_128_GCM_SHA256 resumed=false id=");
	edge_end(&e);
}

static void d8_strict_names(void **state)
{
	struct edge e = tls_edge(", strict_sni: true");

	(void)state;
	served_tls(&e, &(struct tls_peer_opts){.sni = "b.test"}, "b.test", NULL);
	refused_tls(&e, &(struct tls_peer_opts){.sni = "c.test"}, SSL_AD_UNRECOGNIZED_NAME);
	edge_ended(&e, "tls_failed", 1);
	edge_said(&e, " sni=c.test ");
	edge_end(&e);
}

/* A probe connects and leaves: no handshake has failed. */
static void v6_a_probe_is_no_failed_handshake(void **state)
{
	struct edge e = tls_edge("");
	struct linger now = {.l_onoff = 1};
	int fd;

	(void)state;
	close(edge_connect(&e));
	edge_ended(&e, "client_fin", 1);
	fd = edge_connect(&e);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	edge_ended(&e, "client_rst", 1);
	fd = edge_connect(&e);
	kit_send(fd, "\26\3\1", 3); /* a byte came: from here on it is a handshake */
	close(fd);
	edge_ended(&e, "tls_failed", 1);
	edge_end(&e);
}

static void d13_alpn(void **state)
{
	struct edge e = tls_edge(", alpn: [h2, http/1.1]");

	(void)state;
	served_tls(&e, &(struct tls_peer_opts){.alpn = "\10http/1.1\2h2"}, "a.test", "h2");
	served_tls(&e, &(struct tls_peer_opts){.alpn = "\3foo\10http/1.1"}, "a.test", "http/1.1");
	served_tls(&e, &(struct tls_peer_opts){.alpn = NULL}, "a.test", NULL);
	refused_tls(&e, &(struct tls_peer_opts){.alpn = "\3foo"}, SSL_AD_NO_APPLICATION_PROTOCOL);
	edge_ended(&e, "tls_no_alpn", 1);
	edge_said(&e, " alpn=http/1.1 ");
	edge_end(&e);
}

static void d14_versions(void **state)
{
	struct edge e = tls_edge(", min_version: \"1.3\"");

	(void)state;
	served_tls(&e, &(struct tls_peer_opts){.sni = "a.test"}, "a.test", NULL);
	refused_tls(&e, &(struct tls_peer_opts){.max = TLS1_2_VERSION}, SSL_AD_PROTOCOL_VERSION);
	edge_ended(&e, "tls_failed", 1);
	edge_end(&e);
}

/* Where TLS ends here the rules are asked with what was agreed. */
static void routes_after_the_handshake(void **state)
{
	struct edge e;
	struct kit_peer *back = echo_start(), *db = echo_start(), *h2 = echo_start();

	(void)state;
	pki_write();
	e = edge_start(textf("%s, routes: [{sni: [b.test], upstream: db}, {alpn: [h2], upstream: h2}]",
			     tls_edge_keys(", alpn: [h2, http/1.1]")),
		       textf("%s%s%s", edge_upstream("back", kit_peer_port(back), ""),
			     edge_upstream("db", kit_peer_port(db), ""), edge_upstream("h2", kit_peer_port(h2), "")));
	served_tls(&e, &(struct tls_peer_opts){.sni = "b.test", .alpn = "\2h2"}, "b.test", "h2");
	served_tls(&e, &(struct tls_peer_opts){.sni = "a.test", .alpn = "\2h2"}, "a.test", "h2");
	served_tls(&e, &(struct tls_peer_opts){.sni = "a.test", .alpn = "\10http/1.1"}, "a.test", "http/1.1");
	edge_ended(&e, "client_fin", 3);
	assert_int_equal(kit_peer_accepted(db), 1);
	assert_int_equal(kit_peer_accepted(h2), 1);
	assert_int_equal(kit_peer_accepted(back), 1);
	edge_end(&e);
}

/* ---- who is let in --------------------------------------------------------------------------- */

static void d15_d16_client_certificates(void **state)
{
	struct kit_cert *me, *gone, *stranger;
	char crl[KIT_PATH], c[3][KIT_PATH], k[3][KIT_PATH];
	struct edge e;

	(void)state;
	pki_write();
	me = kit_cert_make(&(struct kit_cert_opts){.cn = "me", .issuer = pki.root});
	gone = kit_cert_make(&(struct kit_cert_opts){.cn = "gone", .issuer = pki.root});
	stranger = kit_cert_make(&(struct kit_cert_opts){.cn = "stranger"});
	kit_cert_write(me, "me.pem", c[0]);
	kit_cert_write_key(me, "me.key", NULL, k[0]);
	kit_cert_write(gone, "gone.pem", c[1]);
	kit_cert_write_key(gone, "gone.key", NULL, k[1]);
	kit_cert_write(stranger, "stranger.pem", c[2]);
	kit_cert_write_key(stranger, "stranger.key", NULL, k[2]);
	kit_cert_write_crl(pki.root, &gone, 1, "crl.pem", crl);
	e = tls_edge(textf(", client_auth: {mode: required, ca: \"%s\", crl: \"%s\"}", pki.ca, crl));
	served_tls(&e, &(struct tls_peer_opts){.cert = c[0], .key = k[0]}, "a.test", NULL);
	refused_tls(&e, &(struct tls_peer_opts){.sni = "a.test"}, SSL_AD_CERTIFICATE_REQUIRED);
	edge_ended(&e, "tls_client_cert", 1);
	refused_tls(&e, &(struct tls_peer_opts){.cert = c[1], .key = k[1]}, SSL_AD_CERTIFICATE_REVOKED);
	edge_ended(&e, "tls_client_cert", 2);
	refused_tls(&e, &(struct tls_peer_opts){.cert = c[2], .key = k[2], .max = TLS1_2_VERSION}, SSL_AD_UNKNOWN_CA);
	edge_ended(&e, "tls_client_cert", 3);
	edge_said(&e, ": certificate revoked; it is for CN=gone, issued by CN=root\" "); /* V27 */
	edge_said(&e, " subject=CN=me ");
	edge_end(&e);
}

static void d12_silent_and_trickling(void **state)
{
	struct edge e = tls_edge(", handshake_timeout: 400ms");
	int64_t begin = kit_now_ms();
	struct pollfd p = {.events = POLLIN};
	static const uint8_t hello[] = {22, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3};
	int fd;

	(void)state;
	kit_expect_fin(fd = edge_connect(&e));
	close(fd);
	assert_true(kit_now_ms() - begin >= 390);
	edge_ended(&e, "tls_timeout", 1);
	p.fd = fd = edge_connect(&e);
	for (size_t i = 0; poll(&p, 1, 20) == 0; i++)
		kit_send(fd, i < sizeof(hello) ? &hello[i] : (const uint8_t *)"", 1);
	close(fd);
	edge_ended(&e, "tls_timeout", 2);
	edge_end(&e);
}

static void d3_garbage(void **state)
{
	struct edge e = tls_edge("");
	char byte;
	int fd;

	(void)state;
	fd = edge_connect(&e);
	kit_send(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	while (kit_io_read(fd, &byte, 1) == 1)
		; /* an alert, maybe */
	close(fd);
	edge_ended(&e, "tls_failed", 1);
	fd = edge_connect(&e);
	kit_send(fd, "\x16\x03\x01", 3);
	kit_half_close(fd);
	while (kit_io_read(fd, &byte, 1) == 1)
		;
	close(fd);
	edge_ended(&e, "tls_failed", 2);
	edge_end(&e);
}

static void d12_handshakes_are_bounded(void **state)
{
	struct edge e = tls_edge(", max_handshakes: 1, handshake_timeout: 60s");
	int silent[8];

	(void)state;
	for (int i = 0; i < 4; i++) /* over: they do not count */
		served_tls(&e, &(struct tls_peer_opts){.sni = "a.test"}, "a.test", NULL);
	for (size_t i = 0; i < array_len(silent); i++) {
		silent[i] = edge_connect(&e);
		kit_send(silent[i], "\x16", 1);
	}
	kit_staunch_wait_log(e.s, " reason=max_handshakes ", (int)array_len(silent) - 1);
	for (size_t i = 0; i < array_len(silent); i++)
		close(silent[i]);
	edge_end(&e);
}

/* A source that never finishes gives up its own: others get in, every one of them. */
static void d12_others_get_in(void **state)
{
	struct edge e = tls_edge(", max_handshakes: 20, handshake_timeout: 60s");
	int silent[60];

	(void)state;
	for (size_t i = 0; i < array_len(silent); i++) {
		silent[i] = edge_connect_from(&e, 9);
		kit_send(silent[i], "\x16", 1);
	}
	for (int i = 0; i < 30; i++) {
		struct tls_peer p;

		assert_true(tls_peer_dial(&p, edge_connect_from(&e, 10 + i), &(struct tls_peer_opts){.sni = "a.test"}));
		exchange_tls(&p);
		end_orderly_tls(&p);
	}
	edge_ended(&e, "client_fin", 30);
	for (size_t i = 0; i < array_len(silent); i++)
		close(silent[i]);
	kit_staunch_wait_log(e.s, " listener=edge ", 30 + (int)array_len(silent));
	assert_true(kit_staunch_log(e.s, " reason=max_handshakes ") >= 40);
	edge_end(&e);
}

/* D20: what follows the handshake and is no record. */
/* What the server said, as it came, and handed on to OpenSSL. */
struct heard {
	uint8_t bytes[16384];
	size_t n;
};

static void hear(struct tls_peer *p, struct heard *h)
{
	char *ours;
	long n = BIO_get_mem_data(SSL_get_wbio(p->ssl), &ours);
	ssize_t got;

	kit_send(p->fd, ours, (size_t)n);
	BIO_reset(SSL_get_wbio(p->ssl));
	got = kit_io_read(p->fd, h->bytes + h->n, sizeof(h->bytes) - h->n);
	assert_true(got > 0);
	BIO_write(SSL_get_rbio(p->ssl), h->bytes + h->n, (int)got);
	h->n += (size_t)got;
}

/* GCM in TLS 1.2: OpenSSL sealed the first record, we seal the others with the same key. The nonces, which go along,
 * count on from its. */
static void d20_no_nonce_twice(void **state)
{
	static struct heard h;
	struct edge e = tls_edge("");
	struct tls_peer p;
	uint64_t last = 0;
	int sealed = 0;
	char echo[8];

	(void)state;
	tls_peer_make(&p, edge_connect(&e), TLS_client_method(),
		      &(struct tls_peer_opts){.sni = "a.test", .max = TLS1_2_VERSION});
	SSL_set_bio(p.ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	while (SSL_connect(p.ssl) != 1)
		hear(&p, &h);
	assert_non_null(strstr(SSL_get_cipher_name(p.ssl), "GCM"));
	for (int i = 0; i < 3; i++) {
		tls_peer_send(&p, "again", 5);
		while (SSL_read(p.ssl, echo, 5) != 5)
			hear(&p, &h);
	}
	for (size_t at = 0; at + 13 <= h.n; at += 5 + (size_t)(h.bytes[at + 3] << 8 | h.bytes[at + 4])) {
		uint64_t nonce = 0;

		if (h.bytes[at] == SSL3_RT_CHANGE_CIPHER_SPEC)
			at += 6; /* Finished is next */
		else if (sealed == 0)
			continue;
		for (size_t i = 0; i < 8; i++)
			nonce = nonce << 8 | h.bytes[at + 5 + i];
		assert_true(sealed++ == 0 || nonce == last + 1);
		last = nonce;
	}
	assert_int_equal(sealed, 4);
	tls_peer_close(&p);
	edge_ended(&e, "client_fin", 1);
	edge_end(&e);
}

static void d20_broken_records(void **state)
{
	struct edge e = tls_edge("");
	struct tls_peer p;

	(void)state;
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.sni = "a.test"}));
	exchange_tls(&p);
	kit_send(p.fd, "\x17\x03\x03\x00\x20" "this was never encrypted by us..", 37);
	while (tls_peer_next(&p) == 1)
		;
	assert_int_equal(p.alert, SSL_AD_BAD_RECORD_MAC);
	tls_peer_close(&p);
	edge_ended(&e, "tls_broken", 1);
	/* V37: the log names the rule and the alert, in our words or OpenSSL's */
	edge_said(&e, kit_tls_records == NULL ? "sent bad_record_mac: a record that was not made with this key" :
						"decryption failed or bad record mac");
	edge_end(&e);
}

/* ---- bytes and ends -------------------------------------------------------------------------- */

static void send_stream(struct tls_peer *p, size_t n)
{
	static char buf[50000];

	for (size_t at = 0; at < n; at += sizeof(buf)) {
		size_t some = n - at < sizeof(buf) ? n - at : sizeof(buf);

		kit_stream_fill(SEED, at, buf, some);
		tls_peer_send(p, buf, some);
	}
}

static void expect_stream(struct tls_peer *p, size_t n)
{
	static char buf[50000];
	size_t some;

	for (size_t at = 0; at < n; at += some) {
		size_t want = n - at < sizeof(buf) ? n - at : sizeof(buf);

		assert_int_equal(SSL_read_ex(p->ssl, buf, want, &some), 1);
		assert_true(kit_stream_same(SEED, at, buf, some));
	}
}

static void d22_half_close_with_megabytes(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct kit_peer *peer = kit_peer_start(
		&(struct kit_peer_opts){.serve = KIT_ANSWER, .seed = SEED, .bytes = 4 * MB});
	struct edge e;

	(void)state;
	pki_write();
	e = edge_start(tls_edge_keys(""), edge_upstream("back", kit_peer_port(peer), ""));
	for (int i = 0; i < 2; i++) {
		struct tls_peer p;

		assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.max = versions[i]}));
		send_stream(&p, 4 * MB + 1);
		tls_peer_half_close(&p);
		expect_stream(&p, 4 * MB);
		assert_int_equal(tls_peer_next(&p), 0); /* close_notify, and not just the end */
		tls_peer_close(&p);
		edge_ended(&e, "client_fin", i + 1);
		kit_peer_wait_ended(peer, i + 1);
		assert_true(kit_peer_report(peer, i).intact);
		assert_int_equal(kit_peer_report(peer, i).end, 0);
	}
	edge_said(&e, textf(" in=%d out=%d ", 4 * MB + 1, 4 * MB));
	assert_int_equal(kit_staunch_log(e.s, "unclean"), 0);
	edge_end(&e);
}

static void d22_server_ends_first(void **state)
{
	struct kit_peer *peer = kit_peer_start(
		&(struct kit_peer_opts){.serve = KIT_SOURCE, .seed = SEED, .bytes = 4 * MB});
	struct edge e;
	struct tls_peer p;

	(void)state;
	pki_write();
	e = edge_start(tls_edge_keys(""), edge_upstream("back", kit_peer_port(peer), ""));
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.sni = "a.test"}));
	expect_stream(&p, 4 * MB);
	assert_int_equal(tls_peer_next(&p), 0);
	send_stream(&p, MB); /* the other half goes on */
	end_orderly_tls(&p);
	edge_ended(&e, "server_fin", 1);
	kit_peer_wait_ended(peer, 1);
	assert_int_equal(kit_peer_report(peer, 0).read, MB);
	edge_end(&e);
}

static void d22_truncation_is_told(void **state)
{
	struct edge e = tls_edge("");
	struct tls_peer p;

	(void)state;
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.sni = "a.test"}));
	exchange_tls(&p);
	kit_half_close(p.fd); /* and no close_notify before */
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	edge_ended(&e, "client_fin", 1);
	edge_said(&e, " unclean=client ");
	edge_end(&e);
}

static void a_reset_is_a_reset(void **state)
{
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8), server;
	struct edge e;
	struct tls_peer p;

	(void)state;
	pki_write();
	e = edge_start(tls_edge_keys(""), edge_upstream("back", port, ""));
	assert_true(tls_peer_dial(&p, edge_connect(&e), &(struct tls_peer_opts){.sni = "a.test"}));
	server = kit_accept(listener);
	kit_send(server, "the last", 8);
	tls_peer_expect(&p, "the last", 8);
	kit_reset(server);
	assert_int_equal(tls_peer_next(&p), -1); /* nothing that looks like a good end */
	tls_peer_close(&p);
	edge_ended(&e, "server_rst", 1);
	edge_end(&e);
	close(listener);
}

/* ---- with a PROXY header --------------------------------------------------------------------- */

/* PL8: the header in front of TLS, the ClientHello right behind it; and what TLS told goes on to the server. */
static void pl8_header_before_tls(void **state)
{
	static const char v1[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4711 443\r\n";
	struct tls_peer_opts o = {.sni = "a.test", .alpn = "\2h2", .head = v1};
	int port = 0, listener = kit_listen(kit_ip(0), &port, 8), server;
	uint8_t got[1024];
	struct pp_header h = {.version = 0};
	struct pp_bytes value;
	struct pp_ssl ssl;
	struct tls_peer p;
	struct edge e;
	ssize_t n;

	(void)state;
	pki_write();
	e = edge_start(textf("proxy_protocol: {accept: required, trusted: [\"127.0.0.0/8\"]}, %s",
			     tls_edge_keys(", alpn: [h2]")),
		       edge_upstream("back", port, ", proxy_protocol: v2, tlvs: [authority, alpn, ssl, crc32c]"));
	assert_true(tls_peer_dial(&p, edge_connect(&e), &o));
	server = kit_accept(listener);
	n = kit_io_read(server, got, sizeof(got));
	assert_int_equal(pp_read(&h, got, (size_t)n, 4096), PP_OK);
	assert_int_equal(h.len, n);
	assert_int_equal(np_addr_port(&h.src.u.sa), 4711);
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_AUTHORITY, &value) && memcmp(value.p, "a.test", 6) == 0);
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_ALPN, &value) && value.n == 2 && memcmp(value.p, "h2", 2) == 0);
	assert_true(pp_tlv_find(h.tlvs, PP_TLV_SSL, &value) && pp_ssl_read(value, &ssl));
	assert_int_equal(ssl.client, PP_CLIENT_SSL);
	assert_true(pp_tlv_find(ssl.subs, PP_SSL_VERSION, &value) && memcmp(value.p, "TLSv1.3", 7) == 0);
	tls_peer_send(&p, "payload", 7);
	kit_expect(server, "payload", 7);
	close(server);
	assert_int_equal(tls_peer_next(&p), 0);
	tls_peer_close(&p);
	edge_ended(&e, "server_fin", 1);
	edge_said(&e, " 192.0.2.1:4711 -> ");
	edge_end(&e);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_ROW(d7_certificate_by_name),
		TLS_ROW(d8_strict_names),
		TLS_ROW(v6_a_probe_is_no_failed_handshake),
		TLS_ROW(d13_alpn),
		TLS_ROW(d14_versions),
		TLS_ROW(routes_after_the_handshake),
		TLS_ROW(d15_d16_client_certificates),
		TLS_ROW(d12_silent_and_trickling),
		TLS_ROW(d3_garbage),
		TLS_ROW(d12_handshakes_are_bounded),
		TLS_ROW(d12_others_get_in),
		cmocka_unit_test_setup_teardown(d20_no_nonce_twice, records_own, kit_end),
		TLS_ROW(d20_broken_records),
		TLS_ROW(d22_half_close_with_megabytes),
		TLS_ROW(d22_server_ends_first),
		TLS_ROW(d22_truncation_is_told),
		TLS_ROW(a_reset_is_a_reset),
		TLS_ROW(pl8_header_before_tls),
	};

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
