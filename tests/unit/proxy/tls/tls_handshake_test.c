/* Handshakes: what is agreed, what is refused and why (D8, D13 to D17, D27), from both sides. */
#include "tests/unit/proxy/tls/tls_hands.h"

/* ---- what is agreed -------------------------------------------------------------------------- */

static struct config_text names[3];

static void offer(struct config_text **list, size_t *n, const char *a, const char *b)
{
	*list = names;
	*n = (a != NULL) + (a != NULL && b != NULL);
	names[0].text = a;
	names[1].text = b;
}

static void facts_are_told(void **state)
{
	static struct config_text h2 = {.text = "h2"};
	struct pair p;

	(void)state;
	in.alpn = out.alpn = &h2;
	in.nalpn = out.nalpn = 1;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	out.cert = client_files.cert;
	out.key = client_files.key;
	p = shake();
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.sni, "a.test");
	assert_string_equal(p.server.facts.alpn, "h2");
	assert_string_equal(p.server.facts.version, "TLSv1.3");
	assert_string_equal(p.server.facts.subject, "CN=Alice");
	assert_string_equal(p.server.facts.cn, "Alice");
	assert_true(p.server.facts.verified);
	assert_false(p.server.facts.resumed);
	assert_string_equal(p.client.facts.subject, "CN=a");
	assert_string_equal(p.client.facts.alpn, "h2");
	assert_string_equal(p.client.facts.cipher, p.server.facts.cipher);
}

static void alpn_is_in_the_servers_order(void **state)
{
	static struct config_text ours[2] = {{.text = "http/1.1"}, {.text = "h2"}};
	struct pair p;

	(void)state;
	in.alpn = ours;
	in.nalpn = 2;
	offer(&out.alpn, &out.nalpn, "h2", "http/1.1");
	p = shake();
	EXPECT(p, "none", "none");
	assert_string_equal(p.client.facts.alpn, "http/1.1");
	offer(&out.alpn, &out.nalpn, "h2", NULL);
	p = shake();
	assert_string_equal(p.client.facts.alpn, "h2");
	offer(&out.alpn, &out.nalpn, NULL, NULL);
	p = shake();
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.alpn, "");
	offer(&out.alpn, &out.nalpn, "ftp", NULL);
	p = shake();
	EXPECT(p, "tls_no_alpn", "tls_alert");
	assert_int_equal(p.server.err, -NP_EPROTO);
	assert_string_equal(tls_why_detail(&p.client.why), "tlsv1 alert no application protocol");
	in.nalpn = 0; /* nothing configured: what the client offers does not matter */
	p = shake();
	EXPECT(p, "none", "none");
}

static void versions_ciphers_and_groups_must_meet(void **state)
{
	struct pair p;

	(void)state;
	pair_worker->proves = false; /* some of these sets would be refused when they are loaded */
	in.min_version = CONFIG_TLS_VERSION_1_3;
	out.max_version = CONFIG_TLS_VERSION_1_2;
	p = shake();
	EXPECT(p, "tls_no_protocol", "tls_alert");
	assert_string_equal(tls_why_detail(&p.client.why), "tlsv1 alert protocol version");
	in.min_version = CONFIG_TLS_VERSION_1_2;
	in.ciphers = "ECDHE-RSA-AES128-GCM-SHA256"; /* and the certificate is ECDSA */
	p = shake();
	EXPECT(p, "tls_no_cipher", "tls_alert");
	in.ciphers = NULL;
	in.ciphersuites = "TLS_AES_128_GCM_SHA256";
	out.max_version = CONFIG_TLS_VERSION_1_3;
	out.ciphersuites = "TLS_AES_256_GCM_SHA384";
	out.min_version = CONFIG_TLS_VERSION_1_3;
	p = shake();
	EXPECT(p, "tls_no_cipher", "tls_alert");
	out.ciphersuites = NULL;
	in.groups = "P-256";
	out.groups = "X25519";
	p = shake();
	EXPECT(p, "tls_no_cipher", "tls_alert");
}

static void strict_names_refuse_others(void **state)
{
	static const struct {
		const char *name;
		bool known;
	} rows[] = {
		{"a.test", true},  {"A.TeSt", true},      {"x.w.test", true},
		{"b.test", false}, {"x.y.w.test", false}, {NULL, false},
	};
	struct pair p;

	(void)state;
	out.verify = false;
	for (int strict = 0; strict < 2; strict++)
		for (size_t i = 0; i < array_len(rows); i++) {
			in.strict_sni = strict;
			out.name = rows[i].name;
			p = shake();
			if (strict && !rows[i].known)
				EXPECT(p, "tls_unknown_name", "tls_alert");
			else
				EXPECT(p, "none", "none");
			assert_string_equal(p.server.facts.sni, rows[i].name != NULL ? rows[i].name : "");
		}
}

/* ---- client certificates (D15, D16) ---------------------------------------------------------- */

static void client_certificates_are_judged(void **state)
{
	static struct config_cert none;
	static const struct {
		enum config_client_auth_mode mode;
		const struct config_cert *shown;
		const char *why;
	} rows[] = {
		{CONFIG_CLIENT_AUTH_OFF, &none, "none"},
		{CONFIG_CLIENT_AUTH_OFF, &strange_files, "none"},
		{CONFIG_CLIENT_AUTH_OPTIONAL, &none, "none"},
		{CONFIG_CLIENT_AUTH_OPTIONAL, &client_files, "none"},
		{CONFIG_CLIENT_AUTH_OPTIONAL, &strange_files, "tls_cert_untrusted"},
		{CONFIG_CLIENT_AUTH_OPTIONAL, &late_files, "tls_cert_expired"},
		{CONFIG_CLIENT_AUTH_REQUIRED, &none, "tls_cert_missing"},
		{CONFIG_CLIENT_AUTH_REQUIRED, &client_files, "none"},
		{CONFIG_CLIENT_AUTH_REQUIRED, &strange_files, "tls_cert_untrusted"},
		{CONFIG_CLIENT_AUTH_REQUIRED, &late_files, "tls_cert_expired"},
	};

	(void)state;
	in.client_auth.ca = ca;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++)
		for (size_t i = 0; i < array_len(rows); i++) {
			struct pair p;

			out.max_version = (enum config_tls_version)v;
			in.client_auth.mode = rows[i].mode;
			out.cert = rows[i].shown->cert;
			out.key = rows[i].shown->key;
			p = shake();
			assert_string_equal(tls_why_word(p.server.why.code), rows[i].why);
			assert_int_equal(p.server.err, p.server.why.code != TLS_WHY_NONE ? -NP_EPROTO : 0);
			assert_true((p.client.err != 0) == (p.server.err != 0));
			assert_int_equal(p.server.facts.verified, rows[i].mode != CONFIG_CLIENT_AUTH_OFF &&
									  p.server.err == 0 && out.cert != NULL);
		}
}

/* Whole, where it is asked for: from the handshake that showed it, and from those that resume it. */
static void a_clients_certificate_is_copied(void **state)
{
	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OPTIONAL;
	in.client_auth.ca = ca;
	out.session_reuse = true;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++)
		for (int shows = 0; shows < 2; shows++) {
			struct tls_ctx *client, *server = pair_server(&in, ring);

			out.max_version = (enum config_tls_version)v;
			out.cert = shows ? client_files.cert : NULL;
			out.key = shows ? client_files.key : NULL;
			client = pair_client(&out);
			for (int i = 0; i < 2; i++) {
				struct tls_der der = {.p = NULL};
				struct pair p = {.script = exchange, .client.ctx = client, .server.ctx = server};
				const unsigned char *at;
				X509 *x;

				p.cert = &der;
				pair_run(&p);
				assert_int_equal(p.server.err, 0);
				assert_int_equal(p.server.facts.resumed, i);
				at = der.p;
				x = at != NULL ? d2i_X509(NULL, &at, (long)der.n) : NULL;
				assert_int_equal(x != NULL, shows);
				assert_ptr_equal(at, shows ? der.p + der.n : NULL);
				X509_free(x);
				free(der.p);
			}
			tls_ctx_free(client);
			tls_ctx_free(server);
		}
}

static void a_revoked_certificate_is_refused(void **state)
{
	char crl[KIT_PATH];
	struct pair p;

	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OPTIONAL;
	in.client_auth.ca = ca;
	in.client_auth.crl = crl;
	out.cert = client_files.cert;
	out.key = client_files.key;
	kit_cert_write_crl(root, &leaf, 1, "crl.pem", crl);
	p = shake();
	EXPECT(p, "none", "none");
	kit_cert_write_crl(root, (struct kit_cert *[]){leaf, client_cert}, 2, "crl.pem", crl);
	p = shake();
	assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_revoked");
	kit_cert_write_crl(stranger, NULL, 0, "crl.pem", crl); /* no list of the authority: refused, not let in */
	p = shake();
	assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_untrusted");
}

/* ---- peers that do not shake hands ----------------------------------------------------------- */

static const char *spoken;
static bool half_closed;

static void speak(struct pair *p, struct side *mute)
{
	(void)p;
	if (spoken != NULL)
		(void)!send(mute->raw, spoken, strlen(spoken), 0);
	if (half_closed)
		shutdown(mute->raw, SHUT_WR);
}

static struct pair alone(bool server, const char *text, bool fin)
{
	struct pair p = {.timeout = 50 * NP_MS};
	struct np_addr bound;
	int raw[2];
	const struct np_worker_opts o = {.name = "alone", .cpu = -1, .main = pair_main, .arg = &p};

	pair_sockets(raw, &bound);
	p.at = bound;
	p.client.raw = raw[0];
	p.server.raw = raw[1];
	if (server)
		p.server.ctx = pair_server(&in, ring);
	else
		p.client.ctx = pair_client(&out);
	spoken = text;
	half_closed = fin;
	speak(&p, server ? &p.client : &p.server);
	assert_int_equal(np_run(&o), 0);
	tls_ctx_free(p.server.ctx);
	tls_ctx_free(p.client.ctx);
	return p;
}

static void who_does_not_speak_tls_is_told_apart(void **state)
{
	static const struct {
		const char *text;
		bool fin;
		const char *why;
		int err;
	} rows[] = {
		{NULL, false, "tls_timeout", -NP_EDEADLINE},
		{NULL, true, "tls_closed", -NP_ESHORT},
		{"\x16\x03\x01", false, "tls_timeout", -NP_EDEADLINE},
		{"\x16\x03\x01", true, "tls_closed", -NP_ESHORT},
		{"GET / HTTP/1.1\r\n\r\n", false, "tls_not_tls", -NP_EPROTO},
		{"SSH-2.0-OpenSSH_9.2\r\n", false, "tls_not_tls", -NP_EPROTO},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\n", true, "tls_not_tls", -NP_EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p = alone(true, rows[i].text, rows[i].fin);

		assert_string_equal(tls_why_word(p.server.why.code), rows[i].why);
		assert_int_equal(p.server.err, rows[i].err);
	}
}

static void a_server_that_speaks_first_is_refused(void **state)
{
	struct pair p;

	(void)state;
	p = alone(false, "220 mail.test ESMTP\r\n", false);
	assert_string_equal(tls_why_word(p.client.why.code), "tls_early_bytes");
	assert_int_equal(p.client.err, -NP_EPROTO);
	p = alone(false, NULL, true);
	assert_string_equal(tls_why_word(p.client.why.code), "tls_closed");
	p = alone(false, NULL, false);
	assert_string_equal(tls_why_word(p.client.why.code), "tls_timeout");
}

/* ---- bytes in odd portions ------------------------------------------------------------------- */

/* Two sockets, a byte at a time from one to the other, until one ends. */
struct slicer {
	struct np_fd from, to;
	struct np_event done;
};

static void slice(void *arg)
{
	struct slicer *c = arg;
	char byte;

	while (np_fd_read(&c->from, &byte, 1) == 1 && np_fd_write(&c->to, &byte, 1, NULL) == 0)
		np_yield();
	np_event_set(&c->done);
}

struct sliced {
	struct pair p;
	struct slicer way[2];
	int outer[2]; /* the slicer's ends */
};

static void sliced_main(void *arg)
{
	struct sliced *x = arg;

	CHECK(np_fd_init(&x->way[0].from, x->outer[0]) == 0, "no memory");
	CHECK(np_fd_init(&x->way[0].to, x->outer[1]) == 0, "no memory");
	x->way[1].from = x->way[0].to; /* never both at one side: one reads there, the other writes */
	x->way[1].to = x->way[0].from;
	CHECK(np_go("slice", slice, &x->way[0]) == 0 && np_go("slice", slice, &x->way[1]) == 0, "no stack");
	pair_main(&x->p);
	np_event_wait(&x->way[0].done);
	np_event_wait(&x->way[1].done);
	np_fd_close(&x->way[0].from);
	np_fd_close(&x->way[0].to);
}

static void a_byte_at_a_time_is_enough(void **state)
{
	struct sliced x = {.p = {.script = exchange}};
	const struct np_worker_opts o = {.name = "sliced", .cpu = -1, .main = sliced_main, .arg = &x};
	struct np_addr at;
	int a[2], b[2];

	(void)state;
	pair_sockets(a, &at);
	pair_sockets(b, &at);
	x.p.at = at;
	x.p.client.raw = a[0];
	x.outer[0] = a[1];
	x.outer[1] = b[0];
	x.p.server.raw = b[1];
	x.p.client.ctx = pair_client(&out);
	x.p.server.ctx = pair_server(&in, ring);
	assert_int_equal(np_run(&o), 0);
	tls_ctx_free(x.p.client.ctx);
	tls_ctx_free(x.p.server.ctx);
	EXPECT(x.p, "none", "none");
	assert_int_equal(x.p.server.err, 0);
}

/* What preread has read of the ClientHello, any part of it, goes first. */
static size_t early_n;

static void read_early_then_accept(void *arg)
{
	static char bytes[16384];
	struct pair *p = arg;
	size_t got = 0;

	while (got < early_n) {
		ssize_t n = np_fd_read(&p->server.s.fd, bytes + got, early_n - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	p->early = (struct iovec){bytes, got};
	pair_accept(p);
}

static void early_main(void *arg)
{
	struct pair *p = arg;

	CHECK(np_fd_init(&p->client.s.fd, p->client.raw) == 0 && np_fd_init(&p->server.s.fd, p->server.raw) == 0,
	      "no memory for a pollDesc");
	CHECK(np_go("accept", read_early_then_accept, p) == 0 && np_go("connect", pair_connect, p) == 0, "no stack");
	np_event_wait(&p->server.done);
	np_event_wait(&p->client.done);
	exchange(p);
	stream_close(&p->client.s);
	stream_close(&p->server.s);
}

static void bytes_read_before_are_used(void **state)
{
	static const size_t rows[] = {1, 4, 5, 6, 43, 100, 200};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p = {.timeout = 0};
		const struct np_worker_opts o = {.name = "early", .cpu = -1, .main = early_main, .arg = &p};
		int raw[2];

		pair_sockets(raw, &p.at);
		p.client.raw = raw[0];
		p.server.raw = raw[1];
		p.client.ctx = pair_client(&out);
		p.server.ctx = pair_server(&in, ring);
		early_n = rows[i];
		assert_int_equal(np_run(&o), 0);
		tls_ctx_free(p.client.ctx);
		tls_ctx_free(p.server.ctx);
		EXPECT(p, "none", "none");
		assert_int_equal(p.server.err, 0);
	}
}

/* ---- renegotiation (D17) --------------------------------------------------------------------- */

static ssize_t renegotiated;

static void renegotiate(struct pair *p)
{
	struct tls *t = p->client.s.tls;
	char byte;

	tls_bio_begin(t, NULL, 0);
	(void)SSL_renegotiate(t->ssl);
	(void)SSL_do_handshake(t->ssl);
	(void)!tls_bio_end(t, false);
	renegotiated = pair_read(&p->server.s, &byte, 1);
}

static void renegotiation_is_refused(void **state)
{
	struct pair p = {.script = renegotiate};

	(void)state;
	out.max_version = CONFIG_TLS_VERSION_1_2;
	out.records = CONFIG_TLS_RECORDS_OPENSSL; /* it is asked to renegotiate */
	p.client.ctx = pair_client(&out);
	SSL_CTX_clear_options(p.client.ctx->ssl, SSL_OP_NO_RENEGOTIATION);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	assert_true(renegotiated < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D28", facts_are_told),
		ROW("D13", alpn_is_in_the_servers_order),
		ROW("D14", versions_ciphers_and_groups_must_meet),
		ROW("D8 D7", strict_names_refuse_others),
		ROW("D15", client_certificates_are_judged),
		ROW("D45", a_clients_certificate_is_copied),
		ROW("D16", a_revoked_certificate_is_refused),
		ROW("D4 D11 D12", who_does_not_speak_tls_is_told_apart),
		ROW("D27 F29", a_server_that_speaks_first_is_refused),
		ROW("D1", a_byte_at_a_time_is_enough),
		ROW("D10", bytes_read_before_are_used),
		ROW("D17 F25", renegotiation_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
