/* Kinds of keys and sets of lists: what works in which version and role, and what is refused when it is loaded (V24,
 * V25). The handshakes are real ones, of a listener and an upstream with the default configuration. */
#include "tests/unit/proxy/tls/tls_hands.h"

#include "config/config.h"
#include "proxy/tls/tls_ctx_trial.h"

/* Versions in which TLS has a signature for the key (RFC 8446, 4.2.3; RFC 8422, 5.1.1). */
#define IN_12 1
#define IN_13 2

static const struct {
	const char *what;
	enum kit_key key;
	unsigned versions;
} kinds[] = {
	{"RSA 2048", KIT_RSA2048, IN_12 | IN_13},
	{"RSA 4096", KIT_RSA4096, IN_12 | IN_13},
	{"RSA-PSS", KIT_PSS, IN_12 | IN_13},
	{"RSA-PSS with SHA-256", KIT_PSS_SHA256, IN_12 | IN_13},
	{"RSA-PSS with SHA-384", KIT_PSS_SHA384, IN_12 | IN_13},
	{"RSA-PSS with SHA-512", KIT_PSS_SHA512, IN_12 | IN_13},
	{"P-256", KIT_P256, IN_12 | IN_13},
	{"P-384", KIT_P384, IN_12 | IN_13},
	{"P-521", KIT_P521, IN_12 | IN_13},
	{"P-224", KIT_P224, IN_12},
	{"secp256k1", KIT_SECP256K1, IN_12},
	{"brainpoolP256r1", KIT_BRAINPOOL256, IN_12},
	{"brainpoolP384r1", KIT_BRAINPOOL384, IN_12},
	{"brainpoolP512r1", KIT_BRAINPOOL512, IN_12},
	{"Ed25519", KIT_ED25519, IN_12 | IN_13},
	{"Ed448", KIT_ED448, IN_12 | IN_13},
};

static struct kit_cert *of_kind[array_len(kinds)];

static void defaults(void)
{
	in.ciphers = out.ciphers = CONFIG_TLS_CIPHERS;
	in.ciphersuites = out.ciphersuites = CONFIG_TLS_SUITES;
	in.groups = out.groups = CONFIG_TLS_GROUPS;
}

static struct kit_cert *cert_of_kind(size_t i)
{
	if (of_kind[i] == NULL)
		of_kind[i] = kit_cert_make(&(struct kit_cert_opts){
			.cn = "a", .dns = "a.test", .key = kinds[i].key, .issuer = root});
	return of_kind[i];
}

static void only(enum config_tls_version v)
{
	out.min_version = out.max_version = v;
}

/* One handshake; says whether the peers agreed and bytes passed. */
static bool works(void)
{
	struct pair p = {.script = exchange};

	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	return p.client.err == 0 && p.server.err == 0;
}

static void expect(const char *what, const char *role, bool right)
{
	if (works() != right)
		kit_fail("%s as %s, TLS %s to %s: should %s", what, role,
			 out.min_version == CONFIG_TLS_VERSION_1_2 ? "1.2" : "1.3",
			 out.max_version == CONFIG_TLS_VERSION_1_2 ? "1.2" : "1.3",
			 right ? "work" : "fail");
}

static void every_kind_of_key_serves(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		struct config_cert f = pair_cert(cert_of_kind(i), "kind");

		defaults();
		in.certificates = &f;
		only(CONFIG_TLS_VERSION_1_2);
		expect(kinds[i].what, "a listener's", kinds[i].versions & IN_12);
		if (kinds[i].versions & IN_13) {
			only(CONFIG_TLS_VERSION_1_3);
			expect(kinds[i].what, "a listener's", true);
		}
		out.min_version = CONFIG_TLS_VERSION_1_2;
		out.max_version = CONFIG_TLS_VERSION_1_3;
		expect(kinds[i].what, "a listener's", true);
		pair_cert_free(&f);
	}
}

static void every_kind_of_key_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(kinds); i++) {
		struct config_cert f = pair_cert(cert_of_kind(i), "kind");

		defaults();
		in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
		in.client_auth.ca = ca;
		out.cert = f.cert;
		out.key = f.key;
		only(CONFIG_TLS_VERSION_1_2);
		expect(kinds[i].what, "a client's", kinds[i].versions & IN_12);
		if (kinds[i].versions & IN_13) {
			only(CONFIG_TLS_VERSION_1_3);
			expect(kinds[i].what, "a client's", true);
		}
		pair_cert_free(&f);
	}
}

/* ---- what is refused when it is loaded ---- */

static int load_server(void)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	int err = tls_ctx_server(pair_worker, &in, NULL, &x, &t);

	tls_ctx_free(x);
	return err;
}

static int load_client(void)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	int err = tls_ctx_client(pair_worker, &out, &x, &t);

	tls_ctx_free(x);
	return err;
}

static void must_say(const char *words)
{
	if (strstr(pair_err, words) == NULL)
		kit_fail("it says \"%s\", not \"%s\"", pair_err, words);
}

static void a_key_that_nothing_fits_is_refused(void **state)
{
	static const struct {
		enum kit_key key;
		enum config_tls_version min;
		const char *says;
	} rows[] = {
		{KIT_DSA, CONFIG_TLS_VERSION_1_2,
		 "TLS cannot sign with a key of the kind DSA: use RSA, EC or Ed25519"},
		{KIT_RSA1024, CONFIG_TLS_VERSION_1_2, "OpenSSL refuses it: ee key too small"},
		{KIT_BRAINPOOL256, CONFIG_TLS_VERSION_1_3,
		 "its key (EC, brainpoolP256r1) and these versions"},
		{KIT_SECP256K1, CONFIG_TLS_VERSION_1_3,
		 "its key (EC, secp256k1) and these versions"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct kit_cert *c = kit_cert_make(
			&(struct kit_cert_opts){.cn = "a", .dns = "a.test", .key = rows[i].key});
		struct config_cert f = pair_cert(c, "bad");

		defaults();
		in.certificates = &f;
		in.min_version = out.min_version = rows[i].min;
		assert_int_equal(load_server(), -NP_EINVAL);
		must_say("bad.");
		must_say(rows[i].says);
		out.cert = f.cert;
		out.key = f.key;
		assert_int_equal(load_client(), -NP_EINVAL);
		must_say(rows[i].says);
		pair_cert_free(&f);
		out = pair_out(ca, "a.test");
	}
}

/* It works with some servers: that is told, and no error. */
static void a_client_certificate_for_one_version_is_told(void **state)
{
	struct kit_cert *c =
		kit_cert_make(&(struct kit_cert_opts){.cn = "a", .key = KIT_BRAINPOOL256});
	struct config_cert f = pair_cert(c, "bp");
	struct tls_ctx *x;

	(void)state;
	defaults();
	out.cert = f.cert;
	out.key = f.key;
	x = pair_client(&out);
	assert_int_equal(x->nwarnings, 1);
	assert_non_null(strstr(x->warnings[0], "bp.pem: servers of TLS 1.3 cannot be shown it"));
	tls_ctx_free(x);
	pair_cert_free(&f);
}

static void every_word_of_a_list_is_checked(void **state)
{
	static const struct {
		const char *ciphers, *suites, *groups, *says; /* NULL: says nothing */
	} rows[] = {
		{"ECDHE+AESGCM:ECDHE-RSA-AES128-GCM-SHA265", NULL, NULL,
		 "ciphers: OpenSSL knows no \"ECDHE-RSA-AES128-GCM-SHA265\""},
		{"ECDHE+AESGCM:!aNUL", NULL, NULL, "ciphers: OpenSSL knows no \"!aNUL\""},
		{"ECDHE+AESGMC", NULL, NULL, "ciphers: OpenSSL knows no \"ECDHE+AESGMC\""},
		{"ECDHE+AESGCM:TLS_AES_128_GCM_SHA256", NULL, NULL,
		 "name it in ciphersuites, which are TLS 1.3's"},
		{NULL, "TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA257", NULL,
		 "ciphersuites: OpenSSL knows no \"TLS_AES_128_GCM_SHA257\""},
		{NULL, "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256", NULL,
		 "name it in ciphers, which are TLS 1.2's"},
		{NULL, NULL, "X25519:P-265", "groups: OpenSSL knows no \"P-265\""},
		{"HIGH:!aNULL:!MD5:!RC4:!3DES:!EXPORT:!DSS:!EDH-RSA-DES-CBC3-SHA:!KRB5-DES-CBC3-"
		 "SHA",
		 NULL, NULL, NULL},
		{"ECDHE+AESGCM:-AES256:+CHACHA20:@STRENGTH", NULL, NULL, NULL},
		{"DEFAULT:!kRSA, ECDHE-RSA-AES256-SHA", "TLS_AES_256_GCM_SHA384",
		 "P-256:secp384r1:X25519", NULL},
		{"ECDHE_ECDSA", NULL, NULL, "ciphers: OpenSSL knows no"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		in.ciphers = out.ciphers = rows[i].ciphers;
		in.ciphersuites = out.ciphersuites = rows[i].suites;
		in.groups = out.groups = rows[i].groups;
		if (rows[i].says == NULL) {
			if (load_server() != 0 || load_client() != 0)
				kit_fail("row %zu: %s", i, pair_err);
			continue;
		}
		assert_int_equal(load_server(), -NP_EINVAL);
		must_say(rows[i].says);
		assert_int_equal(load_client(), -NP_EINVAL);
		must_say(rows[i].says);
	}
}

static void a_set_that_cannot_shake_hands_is_refused(void **state)
{
	static const struct {
		const char *ciphers, *groups, *server, *client; /* what they say; NULL: nothing */
	} rows[] = {
		{"ECDHE-RSA-AES128-GCM-SHA256", NULL, "ciphers: no TLS 1.2 client can be served",
		 NULL},
		{"aNULL", NULL, "ciphers: no TLS 1.2 client", "ciphers: no server of TLS 1.2"},
		{NULL, "brainpoolP256r1", "no client that speaks TLS 1.3 can be served",
		 "no server that speaks TLS 1.3 can be reached"},
		{"ECDHE-ECDSA-AES128-GCM-SHA256", "X25519:P-256", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		in.ciphers = out.ciphers = rows[i].ciphers; /* the certificate's key is on P-256 */
		in.groups = out.groups = rows[i].groups;
		assert_int_equal(load_server(), rows[i].server != NULL ? -NP_EINVAL : 0);
		must_say(rows[i].server != NULL ? rows[i].server : "");
		assert_int_equal(load_client(), rows[i].client != NULL ? -NP_EINVAL : 0);
		must_say(rows[i].client != NULL ? rows[i].client : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("V24", every_kind_of_key_serves),
		ROW("V24", every_kind_of_key_is_shown),
		ROW("V24", a_key_that_nothing_fits_is_refused),
		ROW("V24 V25", a_client_certificate_for_one_version_is_told),
		ROW("V25", every_word_of_a_list_is_checked),
		ROW("V25", a_set_that_cannot_shake_hands_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
