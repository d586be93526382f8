/* How deep a handshake goes into its coroutine's stack: for each kind of key, both sides showing a
 * certificate under ten authorities and a root, the most that client_auth takes unless it is told
 * otherwise. Run alone, this program prints the figures. */
#include "netpoll/ctx.h"
#include "tests/unit/proxy/tls/tls_hands.h"

enum { SHARED = 9 }; /* authorities between the root and the one that is of the leaf's kind */

static struct kit_cert *lowest_shared(void)
{
	static const char *const names[SHARED] = {"one", "two",   "three", "four", "five",
						  "six", "seven", "eight", "nine"};
	static struct kit_cert *lowest;

	if (lowest != NULL)
		return lowest;
	lowest = root;
	for (int i = 0; i < SHARED; i++)
		lowest = kit_cert_make(&(struct kit_cert_opts){.cn = names[i], .ca = true, .issuer = lowest});
	return lowest;
}

static struct config_cert leaf_of(enum kit_key kind)
{
	const struct kit_cert_opts above = {
		.cn = "issuer", .ca = true, .key = kind, .issuer = lowest_shared()};
	const struct kit_cert_opts below = {
		.cn = "leaf", .dns = "a.test", .key = kind, .issuer = kit_cert_make(&above)};

	return pair_cert(kit_cert_make(&below), "deep");
}

/* Bytes that the deeper of the two sides used. */
static void measure(struct pair *p)
{
	client_reads(p);
	*(size_t *)p->arg = np_stack_census();
}

static size_t deepest(enum config_tls_version version)
{
	size_t bytes = 0;
	struct pair p = {.script = measure, .arg = &bytes};

	out.max_version = version;
	p.client.ctx = pair_client(&out);
	p.server.ctx = pair_server(&in, ring);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	tls_ctx_free(p.server.ctx);
	EXPECT(p, "none", "none");
	assert_true(p.server.facts.verified);
	return bytes;
}

/* A quarter is left to a libcrypto of another day. */
static void a_handshake_leaves_a_quarter(void **state)
{
	static const struct {
		const char *name;
		enum kit_key kind;
	} rows[] = {
		{"P-256", KIT_P256},       {"P-384", KIT_P384},       {"Ed25519", KIT_ED25519},
		{"RSA-2048", KIT_RSA2048}, {"RSA-4096", KIT_RSA4096},
	};

	(void)state;
	in.client_auth.mode = CONFIG_CLIENT_AUTH_REQUIRED;
	in.client_auth.ca = ca;
	in.client_auth.depth = SHARED + 1;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct config_cert f = leaf_of(rows[i].kind);
		size_t v12, v13;

		in.certificates = &f;
		out.cert = f.cert;
		out.key = f.key;
		v12 = deepest(CONFIG_TLS_VERSION_1_2);
		v13 = deepest(CONFIG_TLS_VERSION_1_3);
		pair_cert_free(&f);
		print_message("%-8s  %zu bytes of stack with TLS 1.2, %zu with 1.3\n", rows[i].name, v12, v13);
		assert_in_range(v12, 1, STACK_SIZE / 4 * 3);
		assert_in_range(v13, 1, STACK_SIZE / 4 * 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("D15 D17", a_handshake_leaves_a_quarter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
