/* V17: contexts belong to what they are made of: the same settings and bytes are one set, everything else another.
 * O14: one file is one certificate. */
#include "proxy/policy/snapshot_contexts.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/snapshot.h"
#include "proxy/policy/snapshot_tls.h"
#include "proxy/tls/tls_ctx.h"
#include "tests/kit/cert.h"

static struct registry registry;
static struct kit_cert *root, *leaf, *other;
static char ca[KIT_PATH], cert[KIT_PATH], key[KIT_PATH];
static const char *entry = ""; /* more keys of the listener's certificate */

static void write_files(struct kit_cert *c)
{
	kit_cert_write(root, "ca.pem", ca);
	kit_cert_write(c, "a.pem", cert);
	kit_cert_write_key(c, "a.key", NULL, key);
}

static int setup(void **state)
{
	(void)state;
	if (root == NULL) {
		root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
		leaf = kit_cert_make(&(struct kit_cert_opts){.cn = "a.test", .issuer = root});
		other = kit_cert_make(&(struct kit_cert_opts){.cn = "a.test", .issuer = root});
	}
	write_files(leaf);
	return registry_init(&registry, 2);
}

static int teardown(void **state)
{
	registry_fini(&registry);
	return kit_end(state);
}

/* One listener and one upstream of TLS; in and out are more keys of theirs. */
static struct config *parse(const char *in, const char *out)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	char text[2048];

	snprintf(text, sizeof(text),
		 "listeners:\n  - name: web\n    bind: \":80\"\n    upstream: app\n"
		 "    tls: {certificates: [{cert: \"%s\", key: \"%s\"%s}]%s}\n"
		 "upstreams:\n  - {name: app, servers: [\"10.0.0.1:80\"], tls: {ca: \"%s\"%s}}\n",
		 cert, key, entry, in, ca, out);
	assert_non_null(d);
	assert_int_equal(config_parse("test", text, strlen(text), &c, d), 0);
	diag_free(d);
	return c;
}

static struct tls_ctx **get_in(const char *more)
{
	struct config *c = parse(more, "");
	struct tls_ctx **x = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	assert_int_equal(contexts_server(&registry, c->listeners[0].tls, NULL, &x, &why), 0);
	config_free(c); /* nothing of it is kept */
	return x;
}

static struct tls_ctx **get_out(const char *more)
{
	struct config *c = parse("", more);
	struct tls_ctx **x = NULL;
	char room[256];
	struct text why;

	text_init(&why, room, sizeof(room));
	assert_int_equal(contexts_client(&registry, c->upstreams[0].tls, &x, &why), 0);
	contexts_end(&registry);
	config_free(c);
	return x;
}

static void V17_same_content_is_one_set(void **state)
{
	struct tls_ctx **a = get_in(""), **b, **out = get_out(", name: a.test"), **again;

	(void)state;
	write_files(leaf);
	b = get_in("");
	again = get_out(", name: a.test");
	assert_ptr_equal(a, b);
	assert_ptr_equal(out, again);
	assert_ptr_not_equal(a, out);
	assert_ptr_not_equal(a[0], a[1]); /* one for each worker */
	assert_string_equal(out[1]->name, "a.test");
	contexts_put(a);
	assert_ptr_equal(get_in(""), b); /* it lives as long as one user is left */
	contexts_put(b);
	contexts_put(b);
	contexts_put(out);
	contexts_put(again);
	assert_true(list_empty(&registry.contexts));
	assert_null(contexts_put(NULL));
}

static void V17_another_setting_is_another_set(void **state)
{
	static const char *const in[] = {"", ", min_version: \"1.3\"", ", strict_sni: true", ", alpn: [h2]",
					 ", session_tickets: {lifetime: 1h}", ", groups: \"X25519\"",
					 ", refuse_sni: b.test"};
	static const char *const out[] = {"", ", name: a.test", ", sni: a.test", ", verify: false",
					  ", session_reuse: false", ", truncated: reset",
					  ", min_version: \"1.3\""};
	struct tls_ctx **of_in[array_len(in)], **of_out[array_len(out)];

	(void)state;
	for (size_t i = 0; i < array_len(in); i++) {
		of_in[i] = get_in(in[i]);
		of_out[i] = get_out(out[i]);
		for (size_t j = 0; j < i; j++) {
			assert_ptr_not_equal(of_in[i], of_in[j]);
			assert_ptr_not_equal(of_out[i], of_out[j]);
		}
	}
	for (size_t i = 0; i < array_len(in); i++) {
		contexts_put(of_in[i]);
		contexts_put(of_out[i]);
	}
}

static void V17_another_file_is_another_set(void **state)
{
	struct tls_ctx **a = get_in(""), **b, **back;

	(void)state;
	write_files(other);
	b = get_in("");
	assert_ptr_not_equal(a, b);
	assert_false(a[0]->certs[0].expires == 0);
	assert_int_not_equal(X509_cmp(a[0]->certs[0].leaf, b[0]->certs[0].leaf), 0);
	write_files(leaf);
	back = get_in("");
	assert_ptr_equal(a, back);
	contexts_put(back);
	contexts_put(a);
	contexts_put(b);
}

/* TE3: what an entry says for its names, and the files of it. */
static void V17_the_settings_of_a_name_count(void **state)
{
	static char with_files[2][1024], names[KIT_PATH], listener[1024];
	const char *const rows[] = {
		"", ", names: [x.test]", ", names: [y.test]", ", names: [x.test], min_version: \"1.3\"",
		", names: [x.test], max_version: \"1.2\"", ", names: [x.test], alpn: h2", with_files[0], with_files[1],
	};
	struct tls_ctx **of[array_len(rows)], **again;

	(void)state;
	kit_cert_write(root, "names.pem", names);
	snprintf(with_files[0], sizeof(with_files[0]),
		 ", names: [x.test], client_auth: {mode: optional, ca: \"%s\"}", ca);
	snprintf(with_files[1], sizeof(with_files[1]),
		 ", names: [x.test], client_auth: {mode: optional, ca: \"%s\", names: \"%s\"}", ca, names);
	for (size_t i = 0; i < array_len(rows); i++) {
		entry = rows[i];
		of[i] = get_in("");
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(of[i], of[j]);
	}
	kit_cert_write(other, "names.pem", names);
	again = get_in("");
	assert_ptr_not_equal(again, of[array_len(rows) - 1]);
	contexts_put(again);
	for (size_t i = 0; i < array_len(rows); i++)
		contexts_put(of[i]);
	entry = "";
	snprintf(listener, sizeof(listener), ", client_auth: {mode: optional, ca: \"%s\", names: \"%s\"}", ca, names);
	of[0] = get_in(listener);
	kit_cert_write(root, "names.pem", names);
	of[1] = get_in(listener);
	assert_ptr_not_equal(of[0], of[1]);
	contexts_put(of[0]);
	contexts_put(of[1]);
}

static void a_bad_file_leaves_nothing(void **state)
{
	struct config *c = parse("", "");
	struct tls_ctx **x = NULL;
	char room[256] = "", path[KIT_PATH];
	struct text why;

	(void)state;
	text_init(&why, room, sizeof(room) - 1);
	kit_file_write("a.pem", "no certificate", path);
	assert_int_equal(contexts_server(&registry, c->listeners[0].tls, NULL, &x, &why), -NP_EINVAL);
	assert_non_null(strstr(room, "a.pem: holds no certificate"));
	assert_null(x);
	assert_true(list_empty(&registry.contexts));
	config_free(c);
}

static void count_file(void *arg, const struct snapshot_certificate *c)
{
	assert_string_equal(c->listener, "web");
	assert_string_equal(c->file, cert);
	assert_true(c->cert->expires > 0);
	++*(unsigned *)arg;
}

/* Entries for different names may show one file: it has one series of metrics, and one warning. */
static void O14_one_file_is_one_certificate(void **state)
{
	char again[1024];
	struct config *c;
	struct listener l = {.name = "web"};
	struct snapshot s = {.nlisteners = 1, .listeners = &l};
	unsigned n = 0;

	(void)state;
	snprintf(again, sizeof(again), "}, {cert: \"%s\", key: \"%s\", names: [b.test]", cert, key);
	entry = again;
	l.tls = get_in("");
	c = parse("", "");
	entry = "";
	l.config = &c->listeners[0];
	assert_int_equal(l.tls[0]->ncerts, 2);
	snapshot_certificates(&s, count_file, &n);
	assert_int_equal(n, 1);
	contexts_put(l.tls);
	config_free(c);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(O14_one_file_is_one_certificate),
		ROW(V17_same_content_is_one_set),
		ROW(V17_another_setting_is_another_set),
		ROW(V17_another_file_is_another_set),
		ROW(V17_the_settings_of_a_name_count),
		ROW(a_bad_file_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
