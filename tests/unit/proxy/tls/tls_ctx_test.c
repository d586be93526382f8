/* Contexts: which certificate a name gets (D7), what a wrong file is told as (D26), what a context holds. */
#include "tests/unit/proxy/tls/tls_pair.h"

static struct kit_cert *root;
static char ca[KIT_PATH];

static int setup(void **state)
{
	if (root == NULL)
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	kit_cert_write(root, "ca.pem", ca);
	return pair_setup(state);
}

static struct config_cert made(const char *file, const char *dns, enum kit_key key)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = file, .dns = dns, .key = key, .issuer = root});

	return pair_cert(c, file);
}

static const char *common_name_got(struct tls_ctx *server, struct config_tls_out *out)
{
	static struct pair p;

	p = (struct pair){.client.ctx = pair_client(out), .server.ctx = server};
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	return p.client.err == 0 ? p.client.facts.cn : tls_why_word(p.client.why.code);
}

static void the_most_specific_certificate_answers(void **state)
{
	static const struct {
		const char *name, *cn;
	} rows[] = {
		{"a.test", "first"},        {"www.a.test", "exact"}, {"WWW.A.TEST", "exact"}, {"x.a.test", "wild"},
		{"x.www.a.test", "deeper"}, {"x.y.a.test", "first"}, {"b.test", "other"},     {"nobody.test", "first"},
		{NULL, "first"},            {"cn", "cn"}, /* without SANs the common name counts */
	};
	struct config_cert f[6] = {
		made("first", "a.test", KIT_P256),  made("wild", "*.a.test", KIT_P256),
		made("exact", "www.a.test", KIT_P256), made("deeper", "*.www.a.test", KIT_P256),
		made("other", "b.test,www.a.test", KIT_P256), made("cn", NULL, KIT_P256),
	};
	struct config_tls_in in = pair_in(f, array_len(f));
	struct tls_ctx *server = pair_server(&in, NULL);
	struct config_tls_out out = pair_out(ca, NULL);

	(void)state;
	out.verify = false;
	for (size_t i = 0; i < array_len(rows); i++) {
		out.name = rows[i].name;
		assert_string_equal(common_name_got(server, &out), rows[i].cn);
	}
	tls_ctx_free(server);
	for (size_t i = 0; i < array_len(f); i++)
		pair_cert_free(&f[i]);
}

/* What the client can verify, ECDSA first. */
static void kinds_of_one_name_stand_together(void **state)
{
	struct config_cert f[4] = {
		made("rsa", "a.test", KIT_RSA2048), made("ec", "a.test", KIT_P256),
		made("only-ec", "b.test", KIT_P384), made("ed", "c.test", KIT_ED25519),
	};
	struct config_tls_in in = pair_in(f, array_len(f));
	struct tls_ctx *server = pair_server(&in, NULL);
	struct config_tls_out out = pair_out(ca, "a.test");

	(void)state;
	assert_int_equal(server->ngroups, 3);
	assert_string_equal(common_name_got(server, &out), "ec");
	out.max_version = CONFIG_TLS_VERSION_1_2;
	assert_string_equal(common_name_got(server, &out), "ec");
	out.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
	assert_string_equal(common_name_got(server, &out), "rsa");
	out.ciphers = NULL;
	out.max_version = CONFIG_TLS_VERSION_1_3;
	out.name = "b.test";
	assert_string_equal(common_name_got(server, &out), "only-ec");
	out.name = "c.test";
	assert_string_equal(common_name_got(server, &out), "ed");
	tls_ctx_free(server);
	for (size_t i = 0; i < array_len(f); i++)
		pair_cert_free(&f[i]);
}

/* ---- files that are wrong -------------------------------------------------------------------- */

static int build(const struct config_tls_in *in)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	int err = tls_ctx_server(pair_worker, in, NULL, &x, &t);

	tls_ctx_free(x);
	return err;
}

static int build_out(const struct config_tls_out *out)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	int err = tls_ctx_client(pair_worker, out, &x, &t);

	tls_ctx_free(x);
	return err;
}

static void encrypted_keys_open_with_their_password(void **state)
{
	struct kit_cert *c = kit_cert_make(&(struct kit_cert_opts){.cn = "a", .issuer = root});
	struct config_cert f = {.cert = NULL};
	struct config_tls_in in = pair_in(&f, 1);
	char cert[KIT_PATH], key[KIT_PATH], right[KIT_PATH], wrong[KIT_PATH], empty[KIT_PATH], both[KIT_PATH];

	(void)state;
	kit_cert_write(c, "a.pem", cert);
	kit_cert_write_key(c, "a.key", "s3cret", key);
	kit_file_write("right", "s3cret\nmore\n", right);
	kit_file_write("wrong", "secret\nmore\n", wrong);
	kit_file_write("empty", "\n\r\n", empty);
	kit_file_write("both", "secret\n\ns3crets\r\ns3cret", both);
	f.cert = cert;
	f.key = key;
	assert_int_equal(build(&in), -NP_EACCES);
	assert_non_null(strstr(pair_err, "a.key: is encrypted: name a password_file"));
	f.password_file = wrong;
	assert_int_equal(build(&in), -NP_EACCES);
	assert_non_null(strstr(pair_err, "a.key: no line of its password_file opens it"));
	f.password_file = empty;
	assert_int_equal(build(&in), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "empty: holds no password: write one to a line"));
	f.password_file = "/none/at/all";
	assert_int_equal(build(&in), -NP_ENOENT);
	assert_non_null(strstr(pair_err, "/none/at/all: no such file"));
	f.password_file = right;
	assert_int_equal(build(&in), 0);
	f.password_file = both;
	assert_int_equal(build(&in), 0);
}

static void wrong_files_are_told_by_name(void **state)
{
	struct config_cert good = made("good", "a.test", KIT_P256), other = made("other", "b.test", KIT_P256);
	char text[KIT_PATH], broken[KIT_PATH], crl[KIT_PATH];
	struct config_cert f;
	struct config_tls_in in = pair_in(&f, 1);
	struct {
		const char *cert, *key, *ca, *crl, *says;
	} rows[] = {
		{"/no/such", good.key, NULL, NULL, "/no/such: no such"},
		{good.cert, "/no/such", NULL, NULL, "/no/such: no such"},
		{text, good.key, NULL, NULL, "text.pem: holds no certificate in PEM form"},
		{broken, good.key, NULL, NULL, "broken.pem: a certificate in it is broken"},
		{good.cert, good.cert, NULL, NULL, "good.pem: holds no private key in PEM form"},
		{good.cert, other.key, NULL, NULL, "other.key: is not the key of the first certificate"},
		{good.cert, good.key, "/no/ca", NULL, "/no/ca: "},
		{good.cert, good.key, ca, "/no/crl", "/no/crl: "},
		{good.cert, good.key, ca, ca, "ca.pem: holds no revocation list in PEM form"},
		{good.cert, good.key, crl, NULL, "crl.pem: holds no certificate in PEM form"},
	};

	(void)state;
	kit_file_write("text.pem", "not a certificate\n", text);
	kit_file_write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", broken);
	kit_cert_write_crl(root, NULL, 0, "crl.pem", crl);
	for (size_t i = 0; i < array_len(rows); i++) {
		f = (struct config_cert){.cert = rows[i].cert, .key = rows[i].key};
		in.client_auth.mode = rows[i].ca != NULL ? CONFIG_CLIENT_AUTH_REQUIRED : CONFIG_CLIENT_AUTH_OFF;
		in.client_auth.ca = rows[i].ca;
		in.client_auth.crl = rows[i].crl;
		assert_true(build(&in) < 0);
		if (strstr(pair_err, rows[i].says) == NULL)
			kit_fail("\"%s\" instead of \"%s\"", pair_err, rows[i].says);
	}
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OFF;
	f = good;
	assert_int_equal(build(&in), 0);
	pair_cert_free(&good);
	pair_cert_free(&other);
}

static void wrong_words_are_told(void **state)
{
	struct config_cert good = made("good", "a.test", KIT_P256);
	struct config_tls_in in = pair_in(&good, 1);
	struct config_tls_out out = pair_out(ca, "a.test");
	struct config_text pin = {.text = "c2hvcnQ="};

	(void)state;
	in.ciphers = "NO-SUCH";
	assert_int_equal(build(&in), -NP_EINVAL);
	assert_string_equal(pair_err, "ciphers: OpenSSL knows no \"NO-SUCH\": `openssl ciphers -v ALL` lists them");
	in.ciphers = NULL;
	in.ciphersuites = "TLS_NO";
	assert_int_equal(build(&in), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "ciphersuites: OpenSSL knows no \"TLS_NO\""));
	in.ciphersuites = NULL;
	in.groups = "X448000";
	assert_int_equal(build(&in), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "groups: OpenSSL knows no \"X448000\""));
	out.pins = &pin;
	out.npins = 1;
	assert_int_equal(build_out(&out), -NP_EINVAL);
	assert_string_equal(pair_err, "pins: each is the SHA-256 of a public key in base64");
	out.npins = 0;
	out.ca = "/no/such";
	assert_int_equal(build_out(&out), -NP_ENOENT);
	out.ca = NULL; /* the system's */
	assert_int_equal(build_out(&out), 0);
	pair_cert_free(&good);
}

static void expiry_is_known(void **state)
{
	struct config_cert f = made("a", "a.test", KIT_P256);
	struct config_tls_in in = pair_in(&f, 1);
	struct tls_ctx *x = pair_server(&in, NULL);
	int64_t now = time(NULL);

	(void)state;
	assert_in_range(x->certs[0].expires, now + 30 * 86400 - 600, now + 30 * 86400 + 600);
	tls_ctx_free(x);
	pair_cert_free(&f);
}

/* ---- stapling -------------------------------------------------------------------------------- */

static uint8_t stapled[4096];
static long stapled_n;

static int take_staple(SSL *ssl, void *arg)
{
	const unsigned char *der;

	(void)arg;
	stapled_n = SSL_get_tlsext_status_ocsp_resp(ssl, &der);
	if (stapled_n > 0 && stapled_n < (long)sizeof(stapled))
		memcpy(stapled, der, (size_t)stapled_n);
	return 1;
}

/* What a client is shown with these ciphers; its length is stapled_n, -1 for nothing. */
static void ask_for_staple(struct tls_ctx *server, const char *ciphers)
{
	struct config_tls_out out = pair_out(ca, "a.test");
	struct pair p = {.server.ctx = server};
	struct tls_ctx *client;

	out.max_version = CONFIG_TLS_VERSION_1_2;
	out.ciphers = ciphers;
	client = p.client.ctx = pair_client(&out);
	SSL_CTX_set_tlsext_status_type(client->ssl, TLSEXT_STATUSTYPE_ocsp);
	SSL_CTX_set_tlsext_status_cb(client->ssl, take_staple);
	stapled_n = 0;
	pair_run(&p);
	assert_int_equal(p.client.err, 0);
	tls_ctx_free(client);
}

static void write_bytes(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void an_answer_from_a_file_is_stapled(void **state)
{
	struct kit_cert *ec = kit_cert_make(&(struct kit_cert_opts){.cn = "ec", .dns = "a.test", .issuer = root});
	struct config_cert f[2] = {pair_cert(ec, "ec"), made("rsa", "a.test", KIT_RSA2048)};
	struct config_tls_in in = pair_in(f, 2);
	char file[KIT_PATH];
	uint8_t der[4096];
	size_t n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = ec, .until = 3600}, der, sizeof(der));
	struct tls_ctx *server;

	(void)state;
	kit_file_write("staple.der", "", file);
	write_bytes(file, der, n);
	f[0].ocsp = file;
	server = pair_server(&in, NULL);
	ask_for_staple(server, "ECDHE-RSA-AES128-GCM-SHA256");
	assert_int_equal(stapled_n, -1); /* one per certificate */
	ask_for_staple(server, NULL);
	assert_int_equal(stapled_n, n);
	assert_memory_equal(stapled, der, n);
	tls_ctx_free(server);

	n = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = ec, .from = -7200, .until = -60}, der, sizeof(der));
	write_bytes(file, der, n);
	server = pair_server(&in, NULL);
	ask_for_staple(server, NULL);
	assert_int_equal(stapled_n, -1); /* expired */
	tls_ctx_free(server);

	write_bytes(file, "not an answer", 13);
	assert_int_equal(build(&in), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "staple.der: holds no OCSP response in DER form"));
	f[0].ocsp = "/no/such";
	assert_int_equal(build(&in), -NP_ENOENT);
	assert_ptr_equal(strstr(pair_err, "/no/such: "), pair_err);
	pair_cert_free(&f[0]);
	pair_cert_free(&f[1]);
}

#define ROW(ids, f) {ids " " #f, f, setup, pair_teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D7", the_most_specific_certificate_answers),
		ROW("D7", kinds_of_one_name_stand_together),
		ROW("D26", encrypted_keys_open_with_their_password),
		ROW("D26", wrong_files_are_told_by_name),
		ROW("D26", wrong_words_are_told),
		ROW("D26", expiry_is_known),
		ROW("D16", an_answer_from_a_file_is_stapled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
