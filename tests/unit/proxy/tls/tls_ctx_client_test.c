/* Towards servers: whom a client believes, and what it tells (D28, D29). */
#include "tests/unit/proxy/tls/tls_hands.h"

static void servers_are_verified(void **state)
{
	static const char nul[] = "a.test\0.evil";
	static const struct {
		const char *what;
		struct kit_cert_opts o;
		const char *name; /* expected; NULL: the address */
		const char *why;
	} rows[] = {
		{"right", {.dns = "a.test"}, "a.test", "none"},
		{"wildcard", {.dns = "*.a.test"}, "b.a.test", "none"},
		{"wildcard, two labels", {.dns = "*.a.test"}, "c.b.a.test", "tls_cert_name"},
		{"partial wildcard", {.dns = "b*.a.test"}, "bc.a.test", "tls_cert_name"},
		{"another", {.dns = "b.test"}, "a.test", "tls_cert_name"},
		{"NUL in it", {.raw = nul, .raw_n = sizeof(nul) - 1}, "a.test", "tls_cert_name"},
		{"common name beside SANs", {.cn = "a.test", .dns = "b.test"}, "a.test", "tls_cert_name"},
		{"expired", {.dns = "a.test", .from_days = -3, .to_days = -1}, "a.test", "tls_cert_expired"},
		{"not yet", {.dns = "a.test", .from_days = 1}, "a.test", "tls_cert_expired"},
		{"address", {.ip = "127.0.0.1"}, NULL, "none"},
		{"address by name", {.ip = "127.0.0.1"}, "127.0.0.1", "none"},
		{"another address", {.ip = "127.0.0.2", .dns = "a.test"}, NULL, "tls_cert_name"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_cert_opts o = rows[i].o;
		struct config_cert f;
		struct pair p;

		o.issuer = root;
		f = pair_cert(kit_cert_make(&o), "row");
		in.certificates = &f;
		out.name = rows[i].name;
		p = shake();
		if (strcmp(tls_why_word(p.client.why.code), rows[i].why) != 0)
			kit_fail("%s: %s", rows[i].what, tls_why_word(p.client.why.code));
		assert_int_equal(p.client.err, p.client.why.code != TLS_WHY_NONE ? -NP_EPROTO : 0);
		pair_cert_free(&f);
	}
}

static void what_is_not_trusted_is_refused(void **state)
{
	struct pair p;

	(void)state;
	out.ca = stranger_ca;
	p = shake();
	EXPECT(p, "tls_alert", "tls_cert_untrusted");
	out.verify = false;
	p = shake();
	EXPECT(p, "none", "none");
	assert_false(p.client.facts.verified);
}

static void pins_hold_with_and_without_verification(void **state)
{
	struct config_text pins[2];
	char good[64], bad[64];
	struct pair p;

	(void)state;
	kit_cert_pin(leaf, good);
	kit_cert_pin(root, bad);
	pins[0].text = bad;
	pins[1].text = good;
	out.pins = pins;
	for (int verify = 0; verify < 2; verify++) {
		out.verify = verify;
		out.npins = 1;
		p = shake();
		assert_string_equal(tls_why_word(p.client.why.code), "tls_cert_pin");
		assert_int_equal(p.client.err, -NP_EPROTO);
		out.npins = 2;
		p = shake();
		EXPECT(p, "none", "none");
	}
}

/* A server with another key gets an alert, and never sees our certificate. */
static void pins_are_checked_before_anything_is_shown(void **state)
{
	struct config_text pin;
	char bad[64];

	(void)state;
	kit_cert_pin(root, bad);
	pin.text = bad;
	out.pins = &pin;
	out.npins = 1;
	out.cert = client_files.cert;
	out.key = client_files.key;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	for (int row = 0; row < 4; row++) {
		struct pair p;

		out.verify = row % 2 == 0;
		out.max_version = row < 2 ? CONFIG_TLS_VERSION_1_2 : CONFIG_TLS_VERSION_1_3;
		p = shake();
		EXPECT(p, "tls_alert", "tls_cert_pin");
		assert_string_equal(p.server.facts.subject, "");
	}
	out.npins = 0;
	for (int v = 0; v < 2; v++) {
		struct pair p;

		out.max_version = v == 0 ? CONFIG_TLS_VERSION_1_2 : CONFIG_TLS_VERSION_1_3;
		p = shake();
		EXPECT(p, "none", "none");
		assert_string_equal(p.server.facts.cn, "Alice");
	}
}

static void no_address_is_sent_as_a_name(void **state)
{
	struct pair p;

	(void)state;
	out.name = "127.0.0.1";
	p = shake();
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.sni, "");
	out.sni = "front.test"; /* a name to ask for, another one to verify */
	p = shake();
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.sni, "front.test");
}

/* ---- what our own client said is passed on ---- */

static struct pair shake_for(const char *sni, const char *alpn)
{
	struct tls_ctx *client = pair_client(&out), *server = pair_server(&in, ring);
	struct pair p = {.client.ctx = client, .server.ctx = server, .script = client_reads, .sni = sni, .alpn = alpn};

	pair_run(&p);
	tls_ctx_free(client);
	tls_ctx_free(server);
	return p;
}

/* The name that is asked for is the name that is verified, unless the config has one. */
static void the_clients_name_is_asked_for_and_verified(void **state)
{
	static const struct {
		const char *name, *asked, *why;
	} rows[] = {
		{NULL, "a.test", "none"},
		{NULL, "x.w.test", "none"},
		{NULL, "b.test", "tls_cert_name"},
		{NULL, "127.0.0.1.test", "tls_cert_name"},
		{NULL, NULL, "none"}, /* the address is in the certificate */
		{"a.test", "b.test", "none"},
		{"a.test", NULL, "none"},
		{"c.test", "a.test", "tls_cert_name"},
	};

	(void)state;
	out.sni = CONFIG_CLIENT;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p;

		out.name = rows[i].name;
		p = shake_for(rows[i].asked, NULL);
		if (strcmp(tls_why_word(p.client.why.code), rows[i].why) != 0)
			kit_fail("%s: %s", rows[i].asked, tls_why_word(p.client.why.code));
		assert_string_equal(p.server.facts.sni, rows[i].asked != NULL ? rows[i].asked : "");
	}
	/* a server that is elsewhere, for a client without a name */
	out.name = NULL;
	in.certificates = &client_files;
	assert_string_equal(tls_why_word(shake_for(NULL, NULL).client.why.code), "tls_cert_name");
}

/* Nobody's word counts where the config says the name. */
static void a_fixed_name_is_the_configs(void **state)
{
	struct pair p;

	(void)state;
	p = shake_for("b.test", "h2");
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.sni, "a.test");
	assert_string_equal(p.server.facts.alpn, "");
}

static void the_clients_protocol_is_offered(void **state)
{
	struct config_text client = {.text = CONFIG_CLIENT}, both[] = {{.text = "http/1.1"}, {.text = "h2"}};
	struct pair p;

	(void)state;
	out.alpn = &client;
	out.nalpn = 1;
	in.alpn = both;
	in.nalpn = 2;
	p = shake_for(NULL, "h2");
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.alpn, "h2");
	assert_string_equal(p.client.facts.alpn, "h2");
	p = shake_for(NULL, NULL);
	EXPECT(p, "none", "none");
	assert_string_equal(p.server.facts.alpn, "");
	p = shake_for(NULL, "smtp");
	EXPECT(p, "tls_no_alpn", "tls_alert");
	assert_non_null(strstr(p.client.said, "the name a.test, the protocol smtp, no certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D29 F32", servers_are_verified),
		ROW("D29", what_is_not_trusted_is_refused),
		ROW("D29", pins_hold_with_and_without_verification),
		ROW("V26", pins_are_checked_before_anything_is_shown),
		ROW("D28", no_address_is_sent_as_a_name),
		ROW("D43", the_clients_name_is_asked_for_and_verified),
		ROW("D43", a_fixed_name_is_the_configs),
		ROW("D44", the_clients_protocol_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
