/* What the log says when TLS fails: the cause, who the peer is, and what it offered (V27). */
#include "tests/unit/proxy/tls/tls_hands.h"

static void must_say(const char *role, const char *said, const char *words)
{
	if (strstr(said, words) == NULL)
		kit_fail("the %s says \"%s\", not \"%s\"", role, said, words);
}

static void a_listener_says_what_was_offered(void **state)
{
	struct config_text h2 = {.text = "h2"}, others[] = {{.text = "http/1.1"}, {.text = "x\ny"}};
	struct pair p;

	(void)state;
	out.verify = false;
	in.strict_sni = true;
	out.name = "b.test";
	p = shake();
	must_say("server", p.server.said,
		 "the client asked for a name that no certificate has (SNI): it asks for b.test");
	assert_null(strstr(p.server.said, "callback"));
	out.name = NULL;
	p = shake();
	must_say("server", p.server.said, ": it asks for none");
	in.strict_sni = false;
	in.alpn = &h2;
	in.nalpn = 1;
	out.alpn = others;
	out.nalpn = 2;
	p = shake();
	must_say("server", p.server.said, "(ALPN): the client offers http/1.1, x\\x0ay");
	in.nalpn = out.nalpn = 0;
	in.min_version = CONFIG_TLS_VERSION_1_3;
	out.max_version = CONFIG_TLS_VERSION_1_2;
	p = shake();
	must_say("server", p.server.said, "the client speaks at most TLS 1.2");
	must_say("client", p.client.said, "offered TLS 1.2 to TLS 1.2");
	in.min_version = CONFIG_TLS_VERSION_1_2;
	in.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
	out.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	out.groups = "P-256:P-384";
	p = shake();
	must_say("server", p.server.said, "it offers the ciphers ECDHE-ECDSA-AES128-GCM-SHA256");
	must_say("server", p.server.said, "the groups prime256v1, secp384r1");
	must_say("client", p.client.said, "handshake failure");
}

static void an_upstream_says_whose_certificate_it_was(void **state)
{
	struct config_text pin;
	char bad[64];
	struct pair p;

	(void)state;
	out.ca = stranger_ca;
	p = shake();
	must_say("client", p.client.said, "it is for CN=a, issued by CN=root");
	must_say("client", p.client.said, "unable to get local issuer certificate");
	out = pair_out(ca, "other.test");
	p = shake();
	must_say("client", p.client.said, "certificate is for another name");
	must_say("client", p.client.said, "it is for CN=a, issued by CN=root");
	kit_cert_pin(root, bad);
	pin.text = bad;
	out = pair_out(ca, "a.test");
	out.pins = &pin;
	out.npins = 1;
	p = shake();
	must_say("client", p.client.said, "none of the pinned ones; it is for CN=a");
}

static void a_listener_says_whose_certificate_it_was(void **state)
{
	struct pair p;

	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	out.cert = strange_files.cert;
	out.key = strange_files.key;
	p = shake();
	must_say("server", p.server.said, "it is for CN=Eve, issued by CN=other root");
}

static void keep_cause(struct pair *p)
{
	char byte;

	client_reads(p);
	if (p->client.err == 0)
		p->client.err = (int)pair_read(&p->client.s, &byte, 1);
	if (p->client.s.tls != NULL && tls_cause(p->client.s.tls) != NULL)
		snprintf(p->client.said, sizeof(p->client.said), "%s", tls_cause(p->client.s.tls));
}

/* In TLS 1.3 the client's handshake is complete before the server looks at its certificate: the alert is a record's. */
static void a_late_alert_is_told(void **state)
{
	struct pair p = {.script = keep_cause};

	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	assert_int_equal(p.client.why.code, TLS_WHY_NONE);
	assert_int_equal(p.client.err, -NP_EPROTO);
	must_say("client", p.client.said, "certificate");
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
}

static void nothing_is_said_of_success(void **state)
{
	struct pair p = {.script = exchange};

	(void)state;
	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	assert_int_equal(p.client.err, 0);
	assert_string_equal(p.client.said, "");
	assert_string_equal(p.server.said, "");
	assert_null(tls_said(NULL));
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("V27 D8", a_listener_says_what_was_offered),
		ROW("V27", an_upstream_says_whose_certificate_it_was),
		ROW("V27", a_listener_says_whose_certificate_it_was),
		ROW("V27", a_late_alert_is_told),
		ROW("V27", nothing_is_said_of_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
