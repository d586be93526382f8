/* tls_ctx_allow: which certificates the rules name. */
#include "proxy/tls/tls_ctx_allow.h"

#include "tests/unit/proxy/tls/tls_hands.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

static X509 *cert_of(const struct kit_cert_opts *o)
{
	char path[KIT_PATH];
	X509 *x;
	FILE *f;

	kit_cert_write(kit_cert_make(o), "asked.pem", path);
	f = fopen(path, "re");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	return x;
}

static bool names(const struct config_client_allow *c, const struct kit_cert_opts *o)
{
	struct text err = pair_text();
	struct tls_allow *a = NULL;
	X509 *x = cert_of(o);
	bool has;

	assert_int_equal(tls_allow_new(c, &a, &err), 0);
	has = tls_allow_has(a, x);
	tls_allow_free(a);
	X509_free(x);
	return has;
}

#define LIST(member, list) (&(struct config_client_allow){.member = (list), .n##member = array_len(list)})
#define WHO(...)           (&(struct kit_cert_opts){__VA_ARGS__})

static void texts_are_compared_whole(void **state)
{
	static struct config_text texts[] = {{.text = "me"}, {.text = "x:y"}};

	(void)state;
	assert_true(names(LIST(cn, texts), WHO(.cn = "me")));
	assert_false(names(LIST(cn, texts), WHO(.cn = "ME")));
	assert_false(names(LIST(cn, texts), WHO(.cn = "me.")));
	assert_false(names(LIST(cn, texts), WHO(.cn = "m")));
	assert_false(names(LIST(cn, texts), WHO(.ou = "me", .dns = "me")));
	assert_true(names(LIST(ou, texts), WHO(.ou = "me")));
	assert_false(names(LIST(ou, texts), WHO(.cn = "me")));
	assert_true(names(LIST(uri, texts), WHO(.uri = "x:y")));
	assert_false(names(LIST(uri, texts), WHO(.uri = "x:y/z")));
	assert_false(names(LIST(uri, texts), WHO(.cn = "x:y")));
}

static void dns_names_match_patterns(void **state)
{
	static struct config_text patterns[] = {{.text = "*.a.test"}, {.text = "b.*"}, {.text = "c.test"}};

	(void)state;
	assert_true(names(LIST(dns, patterns), WHO(.dns = "x.a.test")));
	assert_true(names(LIST(dns, patterns), WHO(.dns = "other,x.y.A.test")));
	assert_true(names(LIST(dns, patterns), WHO(.dns = "b.test")));
	assert_true(names(LIST(dns, patterns), WHO(.dns = "C.test")));
	assert_false(names(LIST(dns, patterns), WHO(.dns = "a.test")));
	assert_false(names(LIST(dns, patterns), WHO(.dns = "*.a.test")));
	assert_false(names(LIST(dns, patterns), WHO(.cn = "c.test")));
	assert_false(names(LIST(dns, patterns), WHO(.raw = "c.test\0.d", .raw_n = 9)));
}

static void addresses_lie_in_networks(void **state)
{
	static struct config_cidr nets[2];
	const char *why;

	(void)state;
	assert_int_equal(cidr_parse(&nets[0].net, "192.0.2.0/24", &why), 0);
	assert_int_equal(cidr_parse(&nets[1].net, "2001:db8::/32", &why), 0);
	assert_true(names(LIST(ip, nets), WHO(.ip = "192.0.2.255")));
	assert_false(names(LIST(ip, nets), WHO(.ip = "192.0.3.0")));
	assert_true(names(LIST(ip, nets), WHO(.ip = "2001:db8::1")));
	assert_false(names(LIST(ip, nets), WHO(.ip = "2001:db9::1")));
	assert_false(names(LIST(ip, nets), WHO(.dns = "192.0.2.1")));
}

static void keys_are_hashed(void **state)
{
	struct config_text pins[1];
	struct text err = pair_text();
	struct tls_allow *a = NULL;
	char pin[64];

	(void)state;
	kit_cert_pin(client_cert, pin);
	pins[0].text = pin;
	assert_false(names(LIST(spki, pins), WHO(.cn = "Alice")));
	pins[0].text = "short";
	assert_int_equal(tls_allow_new(LIST(spki, pins), &a, &err), -NP_EINVAL);
	assert_null(a);
}

/* Nothing is written, so nobody is named. */
static void empty_lists_name_nobody(void **state)
{
	(void)state;
	assert_false(names(&(struct config_client_allow){.ncn = 0},
			   WHO(.cn = "me", .ou = "me", .dns = "me", .ip = "::1", .uri = "x:y")));
	assert_null(tls_allow_free(NULL));
}

/* The listener asks: with the right key it is let in, with another one it is not. */
static void a_handshake_asks(void **state)
{
	struct config_client_allow allow = {.nspki = 1};
	struct config_text pin;
	char text[64];
	struct pair p;

	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	in.client_auth.allow = &allow;
	out.cert = client_files.cert;
	out.key = client_files.key;
	allow.spki = &pin;
	pin.text = text;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		out.max_version = (enum config_tls_version)v;
		kit_cert_pin(client_cert, text);
		p = shake();
		EXPECT(p, "none", "none");
		kit_cert_pin(leaf, text);
		p = shake();
		assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_denied");
		assert_int_not_equal(p.client.err, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(texts_are_compared_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(dns_names_match_patterns, setup, teardown),
		cmocka_unit_test_setup_teardown(addresses_lie_in_networks, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_hashed, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_lists_name_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(a_handshake_asks, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
