/* TE3, TE4, TE5: names of a listener with rules of their own: which groups they make, what each group asks and
 * offers, and what two entries may not say of one name. */
#include "proxy/tls/tls_ctx_rules.h"

#include <strings.h>

#include "tests/unit/proxy/tls/tls_pair.h"

static struct kit_cert *root, *strange;
static char ca[KIT_PATH], strange_ca[KIT_PATH];
static struct config_cert wild, b, rsa, me, stranger;

static struct config_cert made(const char *file, const char *dns, enum kit_key key, struct kit_cert *issuer)
{
	return pair_cert(
		kit_cert_make(&(struct kit_cert_opts){.cn = file, .dns = dns, .key = key, .issuer = issuer}), file);
}

static int setup(void **state)
{
	root = kit_cert_make(&(struct kit_cert_opts){.cn = "root", .ca = true});
	strange = kit_cert_make(&(struct kit_cert_opts){.cn = "strange", .ca = true});
	kit_cert_write(root, "ca.pem", ca);
	kit_cert_write(strange, "strange.pem", strange_ca);
	wild = made("wild", "*.a.test", KIT_P256, root);
	b = made("b", "b.test", KIT_P256, root);
	rsa = made("rsa", "*.a.test", KIT_RSA2048, root);
	me = made("me", NULL, KIT_P256, root);
	stranger = made("stranger", NULL, KIT_P256, strange);
	return pair_setup(state);
}

static int teardown(void **state)
{
	struct config_cert *all[] = {&wild, &b, &rsa, &me, &stranger};

	for (size_t i = 0; i < array_len(all); i++)
		pair_cert_free(all[i]);
	return pair_teardown(state);
}

#define NAMES(...)                                                              \
	.names = (struct config_text[]){__VA_ARGS__},                           \
	.nnames = sizeof((struct config_text[]){__VA_ARGS__}) / sizeof(struct config_text)
#define NAME(s) {.text = (s)}

static struct config_cert with(const struct config_cert *files, struct config_cert said)
{
	said.cert = files->cert;
	said.key = files->key;
	return said;
}

static const char *refusal(const struct config_tls_in *in)
{
	struct text t = pair_text();
	struct tls_ctx *x = NULL;
	int err = tls_ctx_server(pair_worker, in, NULL, &x, &t);

	tls_ctx_free(x);
	return err == -NP_EINVAL ? pair_err : "none";
}

/* The end of a sentence, behind the directory of this test. */
static void ends_with(const char *sentence, const char *begin, const char *end)
{
	size_t n = strlen(sentence), m = strlen(end);

	if (strncmp(sentence, begin, strlen(begin)) != 0 || n < m || strcmp(sentence + n - m, end) != 0)
		kit_fail("\"%s\" is not \"%s ... %s\"", sentence, begin, end);
}

static struct pair shake(struct tls_ctx *server, struct config_tls_out *out)
{
	struct pair p = {.server.ctx = server};

	p.client.ctx = pair_client(out);
	pair_run(&p);
	tls_ctx_free(p.client.ctx);
	return p;
}

static struct pair shake_as(struct tls_ctx *server, const char *name, const struct config_cert *as,
			    enum config_tls_version max)
{
	struct config_tls_out out = pair_out(NULL, name);

	out.max_version = max;
	out.cert = as != NULL ? as->cert : NULL;
	out.key = as != NULL ? as->key : NULL;
	return shake(server, &out);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void entries_that_say_the_same_share_their_rules(void **state)
{
	struct config_text h2 = NAME("h2"), also = NAME("h2");
	struct config_name_auth off = {.auth = {.mode = CONFIG_CLIENT_AUTH_OFF, .depth = 9}};
	struct config_cert f[] = {
		with(&wild, (struct config_cert){.cert = NULL}),
		with(&wild, (struct config_cert){NAMES(NAME("x.a.test")), .alpn = &h2, .nalpn = 1}),
		with(&rsa, (struct config_cert){NAMES(NAME("x.a.test")), .alpn = &also, .nalpn = 1}),
		with(&wild, (struct config_cert){NAMES(NAME("y.a.test")), .min_version = CONFIG_NAME_VERSION_1_2}),
		with(&wild, (struct config_cert){NAMES(NAME("z.a.test")), .client_auth = &off}),
	};
	struct config_tls_in in = pair_in(f, array_len(f));
	struct tls_ctx *x = pair_server(&in, NULL);
	const struct tls_group *g;

	(void)state;
	assert_int_equal(x->nrules, 2); /* y and z say what the listener says */
	assert_int_equal(x->groups[0].rules, 0);
	g = &x->groups[x->group_of[name_set_find(&x->names, "x.a.test", 8)]];
	assert_int_equal(g->rules, 1);
	assert_int_equal(g->cert[x->certs[1].kind], 1);
	assert_int_equal(g->cert[x->certs[2].kind], 2);
	assert_int_equal(x->nwarnings, 0);
	tls_ctx_free(x);
}

/* The first entry's certificate is the default one, but its rules are for its names. */
static void unknown_names_go_by_the_listener(void **state)
{
	struct config_text h2 = NAME("h2"), http = NAME("http/1.1");
	struct config_cert f[] = {with(&wild, (struct config_cert){NAMES(NAME("x.a.test")), .alpn = &h2, .nalpn = 1})};
	struct config_tls_in in = pair_in(f, 1);
	struct config_tls_out out = pair_out(NULL, "x.a.test");
	struct tls_ctx *server;
	struct pair p;

	(void)state;
	in.alpn = &http;
	in.nalpn = 1;
	server = pair_server(&in, NULL);
	out.alpn = (struct config_text[]){h2, http};
	out.nalpn = 2;
	p = shake(server, &out);
	assert_string_equal(p.client.facts.alpn, "h2");
	assert_string_equal(p.client.facts.cn, "wild");
	out.name = "y.a.test"; /* in the certificate, but not among the entry's names */
	p = shake(server, &out);
	assert_string_equal(p.client.facts.alpn, "http/1.1");
	assert_string_equal(p.client.facts.cn, "wild");
	tls_ctx_free(server);
	in.strict_sni = true;
	server = pair_server(&in, NULL);
	p = shake(server, &out);
	assert_string_equal(tls_why_word(p.server.why.code), "tls_unknown_name");
	tls_ctx_free(server);
}

/* A name that the config says takes nothing from a certificate that merely has it. */
static void said_names_come_first(void **state)
{
	struct config_cert f[] = {
		with(&b, (struct config_cert){.cert = NULL}),
		with(&wild, (struct config_cert){NAMES(NAME("b.test"), NAME("*.c.test")),
						 .max_version = CONFIG_NAME_VERSION_1_2}),
	};
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x = pair_server(&in, NULL);
	static const char *const rows[][2] = {
		{"b.test", "wild"}, {"B.test", "wild"}, {"x.c.test", "wild"},
		{"x.y.c.test", "wild"}, /* its rules hold */
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p = shake_as(x, rows[i][0], NULL, CONFIG_TLS_VERSION_1_3);

		assert_string_equal(p.client.facts.cn, rows[i][1]);
	}
	assert_int_equal(name_set_find(&x->names, "x.y.c.test", 10), -1); /* one label */
	assert_int_equal(x->nwarnings, 2);
	ends_with(x->warnings[0], "b.test: ", "/wild.pem is not made out to it, so clients that verify it refuse it");
	ends_with(x->warnings[1], "*.c.test: ", "/wild.pem is not made out to it, so clients that verify it refuse it");
	tls_ctx_free(x);
}

static void covered_names_are_not_doubted(void **state)
{
	struct config_cert f[] = {with(&wild, (struct config_cert){NAMES(NAME("*.a.test"), NAME("x.a.test"))})};
	struct config_tls_in in = pair_in(f, 1);
	struct tls_ctx *x = pair_server(&in, NULL);

	(void)state;
	assert_int_equal(x->nwarnings, 0);
	tls_ctx_free(x);
	f[0].names[1].text = "a.test";
	f[0].names[0].text = "*.x.a.test";
	x = pair_server(&in, NULL);
	assert_int_equal(x->nwarnings, 2); /* a star covers one label, and not its absence */
	tls_ctx_free(x);
}

static void a_certificate_that_no_client_is_shown_is_told(void **state)
{
	struct config_cert f[] = {
		with(&wild, (struct config_cert){NAMES(NAME("x.a.test"))}),
		with(&wild, (struct config_cert){NAMES(NAME("x.a.test"))}),
	};
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x = pair_server(&in, NULL);

	(void)state;
	assert_int_equal(x->nwarnings, 1);
	ends_with(x->warnings[0], "x.a.test: ", "/wild.pem has a key of the same kind and comes first");
	tls_ctx_free(x);
}

static void one_name_has_one_set_of_rules(void **state)
{
	struct config_cert f[] = {
		with(&wild, (struct config_cert){NAMES(NAME("x.a.test"))}),
		with(&rsa, (struct config_cert){NAMES(NAME("y.a.test"), NAME("x.a.test")),
						.max_version = CONFIG_NAME_VERSION_1_2}),
	};
	struct config_tls_in in = pair_in(f, 2);

	(void)state;
	ends_with(refusal(&in), "x.a.test: it has other settings with ", "/wild.pem");
	assert_non_null(strstr(pair_err, "/rsa.pem than with "));
	f[0].max_version = CONFIG_NAME_VERSION_1_2;
	assert_string_equal(refusal(&in), "none");
}

/* ---- versions -------------------------------------------------------------------------------- */

static void versions_go_by_name(void **state)
{
	struct config_cert f[] = {
		with(&wild, (struct config_cert){NAMES(NAME("old.a.test")), .max_version = CONFIG_NAME_VERSION_1_2}),
		with(&wild, (struct config_cert){NAMES(NAME("new.a.test")), .min_version = CONFIG_NAME_VERSION_1_3}),
	};
	static const struct {
		const char *name;
		enum config_tls_version max;
		const char *why, *version;
	} rows[] = {
		{"old.a.test", CONFIG_TLS_VERSION_1_3, "none", "TLSv1.2"},
		{"old.a.test", CONFIG_TLS_VERSION_1_2, "none", "TLSv1.2"},
		{"new.a.test", CONFIG_TLS_VERSION_1_3, "none", "TLSv1.3"},
		{"new.a.test", CONFIG_TLS_VERSION_1_2, "tls_no_protocol", ""},
		{"any.a.test", CONFIG_TLS_VERSION_1_3, "none", "TLSv1.3"},
		{"any.a.test", CONFIG_TLS_VERSION_1_2, "none", "TLSv1.2"},
		{NULL, CONFIG_TLS_VERSION_1_2, "none", "TLSv1.2"},
	};
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x = pair_server(&in, NULL);

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p = shake_as(x, rows[i].name, NULL, rows[i].max);

		assert_string_equal(tls_why_word(p.server.why.code), rows[i].why);
		if (p.server.err != 0)
			continue;
		assert_string_equal(p.server.facts.version, rows[i].version);
		assert_true(p.server.direct); /* the own record layer took over */
	}
	tls_ctx_free(x);
}

/* A name may speak what the listener does not, either way; and a certificate that cannot is told. */
static void names_may_be_wider_than_the_listener(void **state)
{
	struct config_cert f[] = {
		with(&b, (struct config_cert){.cert = NULL}),
		with(&wild, (struct config_cert){NAMES(NAME("x.a.test")), .min_version = CONFIG_NAME_VERSION_1_2,
						 .max_version = CONFIG_NAME_VERSION_1_3}),
	};
	struct config_cert odd;
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x;
	struct pair p;

	(void)state;
	in.min_version = CONFIG_TLS_VERSION_1_3;
	x = pair_server(&in, NULL);
	p = shake_as(x, "x.a.test", NULL, CONFIG_TLS_VERSION_1_2);
	assert_string_equal(p.server.facts.version, "TLSv1.2");
	p = shake_as(x, "b.test", NULL, CONFIG_TLS_VERSION_1_2);
	assert_string_equal(tls_why_word(p.server.why.code), "tls_no_protocol");
	tls_ctx_free(x);
	in.min_version = CONFIG_TLS_VERSION_1_2;
	in.max_version = CONFIG_TLS_VERSION_1_2;
	x = pair_server(&in, NULL);
	p = shake_as(x, "x.a.test", NULL, CONFIG_TLS_VERSION_1_3);
	assert_string_equal(p.server.facts.version, "TLSv1.3");
	p = shake_as(x, "b.test", NULL, CONFIG_TLS_VERSION_1_3);
	assert_string_equal(p.server.facts.version, "TLSv1.2");
	tls_ctx_free(x);
	odd = made("odd", "*.a.test", KIT_P224, root); /* its curve is none of TLS 1.3 */
	f[1].cert = odd.cert;
	f[1].key = odd.key;
	assert_string_equal(refusal(&in), "none");
	f[1].min_version = CONFIG_NAME_VERSION_1_3;
	assert_non_null(strstr(refusal(&in), "/odd.pem: no client can be served with its key (EC, secp224r1)"));
	pair_cert_free(&odd);
}

/* ---- clients --------------------------------------------------------------------------------- */

static void clients_are_asked_by_name(void **state)
{
	struct config_text cn = NAME("somebody else");
	struct config_client_allow allow = {.cn = &cn, .ncn = 1};
	struct config_name_auth
		mine = {.auth = {.mode = CONFIG_CLIENT_AUTH_REQUIRED, .ca = ca, .depth = 9}},
		theirs = {.auth = {.mode = CONFIG_CLIENT_AUTH_OPTIONAL, .ca = strange_ca, .depth = 9}},
		few = {.auth = {.mode = CONFIG_CLIENT_AUTH_REQUIRED, .ca = ca, .depth = 9, .allow = &allow}};
	struct config_cert f[] = {
		with(&wild, (struct config_cert){.cert = NULL}),
		with(&wild, (struct config_cert){NAMES(NAME("mine.a.test")), .client_auth = &mine}),
		with(&wild, (struct config_cert){NAMES(NAME("theirs.a.test")), .client_auth = &theirs}),
		with(&wild, (struct config_cert){NAMES(NAME("few.a.test")), .client_auth = &few}),
	};
	static const struct {
		const char *name;
		const struct config_cert *as;
		const char *why;
	} rows[] = {
		{"x.a.test", NULL, "none"},            {"x.a.test", &stranger, "none"},
		{"mine.a.test", NULL, "tls_cert_missing"}, {"mine.a.test", &me, "none"},
		{"mine.a.test", &stranger, "tls_cert_untrusted"},
		{"theirs.a.test", NULL, "none"},       {"theirs.a.test", &me, "tls_cert_untrusted"},
		{"theirs.a.test", &stranger, "none"},  {"few.a.test", &me, "tls_cert_denied"},
		{"few.a.test", NULL, "tls_cert_missing"},
	};
	struct config_tls_in in = pair_in(f, array_len(f));
	struct tls_ctx *x = pair_server(&in, NULL);

	(void)state;
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++)
		for (size_t i = 0; i < array_len(rows); i++) {
			struct pair p = shake_as(x, rows[i].name, rows[i].as, (enum config_tls_version)v);

			if (strcmp(tls_why_word(p.server.why.code), rows[i].why) != 0)
				kit_fail("row %zu: %s", i, tls_why_word(p.server.why.code));
			assert_true(p.server.err != 0 || p.server.direct);
		}
	tls_ctx_free(x);
}

static void chains_are_as_long_as_the_name_allows(void **state)
{
	struct kit_cert *one = kit_cert_make(&(struct kit_cert_opts){.cn = "one", .ca = true, .issuer = root}),
			*two = kit_cert_make(&(struct kit_cert_opts){.cn = "two", .ca = true, .issuer = one});
	struct config_cert far = made("far", NULL, KIT_P256, two);
	struct config_name_auth
		near = {.auth = {.mode = CONFIG_CLIENT_AUTH_REQUIRED, .ca = ca, .depth = 1}},
		deep = {.auth = {.mode = CONFIG_CLIENT_AUTH_REQUIRED, .ca = ca, .depth = 2}};
	struct config_cert f[] = {
		with(&wild, (struct config_cert){NAMES(NAME("near.a.test")), .client_auth = &near}),
		with(&wild, (struct config_cert){NAMES(NAME("deep.a.test")), .client_auth = &deep}),
	};
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x = pair_server(&in, NULL);
	struct pair p = shake_as(x, "near.a.test", &far, CONFIG_TLS_VERSION_1_3);

	(void)state;
	assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_untrusted");
	p = shake_as(x, "deep.a.test", &far, CONFIG_TLS_VERSION_1_3);
	assert_string_equal(tls_why_word(p.server.why.code), "none");
	tls_ctx_free(x);
	pair_cert_free(&far);
}

/* The other way round: a name that asks for less than the listener. */
static void a_name_may_ask_for_nothing(void **state)
{
	struct config_name_auth off = {.auth = {.mode = CONFIG_CLIENT_AUTH_OFF, .depth = 9}};
	struct config_cert f[] = {
		with(&wild, (struct config_cert){.cert = NULL}),
		with(&wild, (struct config_cert){NAMES(NAME("open.a.test")), .client_auth = &off}),
	};
	struct config_tls_in in = pair_in(f, 2);
	struct tls_ctx *x;

	(void)state;
	in.client_auth = (struct config_client_auth){.mode = CONFIG_CLIENT_AUTH_REQUIRED, .ca = ca, .depth = 9};
	x = pair_server(&in, NULL);
	for (int v = CONFIG_TLS_VERSION_1_2; v <= CONFIG_TLS_VERSION_1_3; v++) {
		struct pair p = shake_as(x, "open.a.test", NULL, (enum config_tls_version)v);

		assert_string_equal(tls_why_word(p.server.why.code), "none");
		p = shake_as(x, "shut.a.test", NULL, (enum config_tls_version)v);
		assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_missing");
		p = shake_as(x, NULL, NULL, (enum config_tls_version)v);
		assert_string_equal(tls_why_word(p.server.why.code), "tls_cert_missing");
	}
	tls_ctx_free(x);
}

/* ---- names that are refused ------------------------------------------------------------------ */

static void refused_names_get_nothing(void **state)
{
	static const struct {
		const char *name;
		bool refused;
	} rows[] = {
		{"x.a.test", true}, {"X.a.TEST", true},   {"y.a.test", false}, {"q.z.a.test", true},
		{"z.a.test", false}, {"p.q.z.a.test", true}, {"w.example", true}, {"unknown.test", false},
		{NULL, false},
	};
	struct config_text no[] = {NAME("x.a.test"), NAME("*.z.a.test"), NAME("w.*")};
	struct config_cert f[] = {with(&wild, (struct config_cert){.cert = NULL})};
	struct config_tls_in in = pair_in(f, 1);
	struct tls_ctx *x;

	(void)state;
	in.refuse_sni = no;
	in.nrefuse_sni = array_len(no);
	x = pair_server(&in, NULL);
	for (size_t i = 0; i < array_len(rows); i++) {
		struct pair p = shake_as(x, rows[i].name, NULL, CONFIG_TLS_VERSION_1_3);

		assert_string_equal(tls_why_word(p.server.why.code), rows[i].refused ? "tls_name_refused" : "none");
		assert_int_equal(strcasecmp(p.server.facts.sni, rows[i].name != NULL ? rows[i].name : ""), 0);
		if (rows[i].refused)
			assert_non_null(strstr(p.server.said, "the client asked for a name that refuse_sni refuses: "
							      "it asks for "));
	}
	tls_ctx_free(x);
	f[0] = with(&wild, (struct config_cert){NAMES(NAME("y.a.test"), NAME("q.z.a.test"))});
	assert_string_equal(refusal(&in), "q.z.a.test: refuse_sni refuses it, so nobody is served by it");
}

#define ROW(ids, f) {ids " " #f, f, setup, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW("TE3", entries_that_say_the_same_share_their_rules),
		ROW("TE3", unknown_names_go_by_the_listener),
		ROW("TE3", said_names_come_first),
		ROW("TE3", covered_names_are_not_doubted),
		ROW("TE3", a_certificate_that_no_client_is_shown_is_told),
		ROW("TE3", one_name_has_one_set_of_rules),
		ROW("TE3", versions_go_by_name),
		ROW("TE3", names_may_be_wider_than_the_listener),
		ROW("TE3", clients_are_asked_by_name),
		ROW("TE3", chains_are_as_long_as_the_name_allows),
		ROW("TE3", a_name_may_ask_for_nothing),
		ROW("TE5", refused_names_get_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
