/* V25: what is too large for a handshake is found before there is one, and just where OpenSSL's clients begin to
 * refuse it. */
#include "proxy/tls/tls_ctx_size.h"

#include "tests/unit/proxy/tls/tls_pair.h"

static struct kit_cert *root, *leaf;

static int setup(void **state)
{
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "leaf", .dns = "a.test", .issuer = root});
	}
	return pair_setup(state);
}

static bool shakes_hands(struct tls_ctx *server, enum config_tls_version max)
{
	struct config_tls_out out = pair_out(NULL, "a.test");
	struct pair p = {.server.ctx = server};

	out.max_version = max;
	p.client.ctx = pair_client(&out);
	SSL_CTX_set_tlsext_status_type(p.client.ctx->ssl, TLSEXT_STATUSTYPE_ocsp);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	return p.client.err == 0 && p.server.err == 0;
}

static void append_file(const char *to, const char *from)
{
	static char text[512 * 1024];
	FILE *f = fopen(to, "ae");

	assert_non_null(f);
	kit_file_read(from, text, sizeof(text));
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* f's chain gets one certificate more, whose size grows with n: Ed25519 signs with as many bytes each time. */
static struct tls_ctx *with_chain(struct config_cert *f, size_t n)
{
	static char name[110000];
	struct config_tls_in in = pair_in(f, 1);
	char path[KIT_PATH], pad[KIT_PATH];
	struct kit_cert *x;

	memset(name, 'x', n);
	x = kit_cert_make(&(struct kit_cert_opts){
		.cn = "pad", .ca = true, .key = KIT_ED25519, .raw = name, .raw_n = n});
	kit_cert_write(leaf, "a.pem", path);
	kit_cert_write(x, "pad.pem", pad);
	append_file(path, pad);
	return pair_server(&in, NULL);
}

/* The largest chain of which nothing is said. */
static size_t quiet_chain(struct config_cert *f)
{
	size_t low = 90000, high = 109000;

	while (high - low > 1) {
		size_t n = (low + high) / 2;
		struct tls_ctx *x = with_chain(f, n);

		if (x->nwarnings == 0)
			low = n;
		else
			high = n;
		tls_ctx_free(x);
	}
	return low;
}

static void V25_a_chain_that_clients_refuse_is_told(void **state)
{
	struct config_cert f = pair_cert(leaf, "a");
	size_t n = quiet_chain(&f);
	struct tls_ctx *x = with_chain(&f, n);

	(void)state;
	assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_3));
	assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_2));
	tls_ctx_free(x);
	x = with_chain(&f, n + 1);
	assert_int_equal(x->nwarnings, 1);
	assert_ptr_equal(strstr(x->warnings[0], f.cert), x->warnings[0]);
	assert_non_null(strstr(x->warnings[0], "its chain takes 102401 bytes of a handshake"));
	assert_false(shakes_hands(x, CONFIG_TLS_VERSION_1_3));
	tls_ctx_free(x);
	pair_cert_free(&f);
}

static void V25_a_chain_that_no_message_holds_is_refused(void **state)
{
	struct config_cert f = pair_cert(leaf, "a");
	struct config_tls_in in = pair_in(&f, 1);
	char path[KIT_PATH], pad[KIT_PATH];
	struct tls_ctx *x = with_chain(&f, 100000);
	struct text err = pair_text();

	(void)state;
	tls_ctx_free(x);
	snprintf(path, sizeof(path), "%s", f.cert);
	snprintf(pad, sizeof(pad), "%s/pad.pem", kit_dir());
	for (int i = 0; i < 170; i++)
		append_file(path, pad);
	assert_int_equal(tls_ctx_server(pair_worker, &in, NULL, &x, &err), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "a.pem: its chain has more than the 16 MiB of a handshake"));
	pair_cert_free(&f);
}

/* n authorities in a file, each with a name of some eighty bytes. */
static void write_authorities(const char *path, int n)
{
	for (int i = 0; i < n; i++) {
		char cn[64], one[KIT_PATH];

		snprintf(cn, sizeof(cn), "an authority with a name that is quite long %018d", i);
		kit_cert_write(kit_cert_make(&(struct kit_cert_opts){.cn = cn, .ca = true, .key = KIT_ED25519}),
			       "one.pem", one);
		append_file(path, one);
	}
}

static void V25_names_that_no_request_holds_are_left_out(void **state)
{
	struct config_cert f = pair_cert(leaf, "a");
	struct config_tls_in in = pair_in(&f, 1);
	char ca[KIT_PATH];

	(void)state;
	kit_file_write("many.pem", "", ca);
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OPTIONAL;
	in.client_auth.ca = ca;
	for (unsigned over = 0; over < 2; over++) {
		struct tls_ctx *x;

		write_authorities(ca, over == 0 ? 800 : 100);
		x = pair_server(&in, NULL);
		assert_int_equal(x->nwarnings, over);
		assert_int_equal(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(x->groups[0].ssl)),
				 over == 0 ? 800 : 0);
		if (over != 0)
			assert_non_null(strstr(x->warnings[0], "many.pem: its names do not fit"));
		assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_2));
		assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_3));
		tls_ctx_free(x);
	}
	pair_cert_free(&f);
}

/* What does not fit is the names that are sent, whatever is trusted. */
static void names_apart_are_measured_instead_of_those_of_ca(void **state)
{
	struct config_cert f = pair_cert(leaf, "a");
	struct config_tls_in in = pair_in(&f, 1);
	char many[KIT_PATH], one[KIT_PATH];
	struct tls_ctx *x;

	(void)state;
	kit_file_write("many.pem", "", many);
	write_authorities(many, 900);
	kit_cert_write(root, "one-of-them.pem", one);
	in.client_auth.mode = CONFIG_CLIENT_AUTH_OPTIONAL;
	in.client_auth.ca = many;
	in.client_auth.names = one;
	x = pair_server(&in, NULL);
	assert_int_equal(x->nwarnings, 0);
	assert_int_equal(sk_X509_NAME_num(SSL_CTX_get_client_CA_list(x->groups[0].ssl)), 1);
	tls_ctx_free(x);
	in.client_auth.ca = one;
	in.client_auth.names = many;
	x = pair_server(&in, NULL);
	assert_int_equal(x->nwarnings, 1);
	assert_non_null(strstr(x->warnings[0], "many.pem: its names do not fit"));
	tls_ctx_free(x);
	pair_cert_free(&f);
}

/* A response whose signer sends a certificate of n bytes and more. Returns its length. */
static size_t write_response(const char *path, size_t n)
{
	static char name[20000];
	static uint8_t der[32768];
	struct kit_cert *signer;
	FILE *f = fopen(path, "we");
	size_t got;

	memset(name, 'x', n);
	signer = kit_cert_make(&(struct kit_cert_opts){
		.cn = "signer", .answers = true, .issuer = root, .raw = name, .raw_n = n});
	got = kit_cert_ocsp(&(struct kit_ocsp_opts){.about = leaf, .signer = signer, .until = 3600}, der, sizeof(der));
	assert_non_null(f);
	assert_int_equal(fwrite(der, 1, got, f), got);
	assert_int_equal(fclose(f), 0);
	return got;
}

static void V25_a_response_that_clients_refuse_is_left_out(void **state)
{
	struct config_cert f = pair_cert(leaf, "a");
	struct config_tls_in in = pair_in(&f, 1);
	char path[KIT_PATH];
	size_t rest;

	(void)state;
	kit_file_write("staple.der", "", path);
	f.ocsp = path;
	rest = write_response(path, 1000) - 1000;
	for (int over = 0; over < 2; over++) {
		size_t n = write_response(path, TLS_OCSP_MOST - rest + (over ? 16 : (size_t)-16));
		struct tls_ctx *x = pair_server(&in, NULL);

		assert_true((n > TLS_OCSP_MOST) == (over == 1));
		assert_int_equal(x->nwarnings, over);
		assert_true((x->staples[0].now == NULL) == (over == 1));
		if (over)
			assert_non_null(strstr(x->warnings[0], "staple.der: is not stapled"));
		assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_2));
		assert_true(shakes_hands(x, CONFIG_TLS_VERSION_1_3));
		tls_ctx_free(x);
	}
	pair_cert_free(&f);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(V25_a_chain_that_clients_refuse_is_told),
		ROW(V25_a_chain_that_no_message_holds_is_refused),
		ROW(V25_names_that_no_request_holds_are_left_out),
		ROW(names_apart_are_measured_instead_of_those_of_ca),
		ROW(V25_a_response_that_clients_refuse_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
