/* Whom the system trusts: where it is looked for, that it is read at once and no more, and that contexts share it. */
#include "proxy/creds/tls_trust.h"

#include <sys/stat.h>

#include <openssl/pem.h>

#include "tests/unit/proxy/tls/tls_hands.h"

/* The system's files, for this test: kit_dir()/bundle, and the directories kit_dir()/one and kit_dir()/two. */
static int begin(void **state)
{
	char list[3 * KIT_PATH];

	if (setup(state) != 0)
		return -1;
	snprintf(list, sizeof(list), "%s/bundle", kit_dir());
	setenv("SSL_CERT_FILE", list, 1);
	snprintf(list, sizeof(list), "%s/one:%s/two", kit_dir(), kit_dir());
	setenv("SSL_CERT_DIR", list, 1);
	for (char *dir = strtok(list, ":"); dir != NULL; dir = strtok(NULL, ":"))
		if (mkdir(dir, 0700) != 0)
			return -1;
	out.ca = NULL;
	return 0;
}

/* Into kit_dir()/dir, under the name that OpenSSL looks for and this ending. */
static void install(const struct kit_cert *c, const char *dir, const char *ending)
{
	char from[KIT_PATH], to[2 * KIT_PATH];
	FILE *f;
	X509 *x;

	kit_cert_write(c, "installed.pem", from);
	f = fopen(from, "r");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	snprintf(to, sizeof(to), "%s/%s/%08lx%s", kit_dir(), dir, X509_subject_name_hash(x), ending);
	X509_free(x);
	assert_int_equal(rename(from, to), 0);
}

static void uninstall(const char *dir)
{
	char from[2 * KIT_PATH], to[2 * KIT_PATH];

	snprintf(from, sizeof(from), "%s/%s", kit_dir(), dir);
	snprintf(to, sizeof(to), "%s/gone", kit_dir());
	assert_int_equal(rename(from, to), 0);
}

static void in_the_bundle(void **state)
{
	char path[KIT_PATH];
	struct pair p;

	(void)state;
	kit_cert_write(root, "bundle", path);
	p = shake();
	EXPECT(p, "none", "none");
	assert_true(p.client.facts.verified);
}

static void in_a_directory(void **state)
{
	struct pair p;

	(void)state;
	install(stranger, "one", ".0");
	install(root, "two", ".0");
	p = shake();
	EXPECT(p, "none", "none");
}

static void a_certificate_that_signs_itself(void **state)
{
	struct kit_cert *self = kit_cert_make(&(struct kit_cert_opts){.cn = "self", .dns = "a.test"});
	struct config_cert f = pair_cert(self, "self");
	struct pair p;

	(void)state;
	install(self, "one", ".0");
	in.certificates = &f;
	p = shake();
	EXPECT(p, "none", "none");
	pair_cert_free(&f);
}

static void others_are_not_trusted(void **state)
{
	struct pair p;

	(void)state;
	install(stranger, "one", ".0");
	install(root, "one", ".r0"); /* a revocation list's name */
	p = shake();
	EXPECT(p, "tls_alert", "tls_cert_untrusted");
}

static void none_at_all_is_told(void **state)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	char path[KIT_PATH];

	(void)state;
	assert_int_equal(tls_ctx_client(pair_worker, &out, &x, &t), -NP_EINVAL);
	assert_non_null(strstr(pair_err, "the system has no trusted certificates"));
	kit_file_write("bundle", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", path);
	assert_int_equal(tls_ctx_client(pair_worker, &out, &x, &t), -NP_EINVAL);
	assert_null(x);
}

/* No handshake reads a disk: what is gone by then is trusted all the same, until contexts are made anew. */
static void read_once(void **state)
{
	struct pair p = {.script = client_reads};
	struct tls_ctx *second;
	char path[KIT_PATH];

	(void)state;
	install(root, "one", ".0");
	p.client.ctx = pair_client(&out);
	kit_cert_write(stranger, "bundle", path);
	uninstall("one");
	second = pair_client(&out);
	assert_ptr_equal(SSL_CTX_get_cert_store(second->ssl), SSL_CTX_get_cert_store(p.client.ctx->ssl));
	p.server.ctx = pair_server(&in, ring);
	tls_trust_end(&pair_worker, 1);
	pair_run(&p);
	EXPECT(p, "none", "none");
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	tls_ctx_free(second);
	p = shake();
	EXPECT(p, "tls_alert", "tls_cert_untrusted");
}

#undef ROW
#define ROW(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(in_the_bundle),
		ROW(in_a_directory),
		ROW(a_certificate_that_signs_itself),
		ROW(others_are_not_trusted),
		ROW(none_at_all_is_told),
		ROW(read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
