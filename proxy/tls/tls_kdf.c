/* The provider: one algorithm, TLS13-KDF, whose context is the worker. It knows exactly the
 * questions that OpenSSL's libssl asks and refuses every other one: a wrong secret would be worse
 * than a failed handshake. */
#include "proxy/tls/tls_kdf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/core_dispatch.h>
#include <openssl/conf.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "proxy/log/log.h"
#include "proxy/tls/tls_priv.h"

/* ---- the key schedule ---- */

/* One derivation's parameters; p is NULL where none was given. */
struct asked {
	struct tls_bytes key, salt, label, data;
	enum tls_suite suite; /* a suite with the digest asked for: all such share its HMAC */
	bool extract;
};

static void borrow_param(struct tls_bytes *b, const OSSL_PARAM *p)
{
	b->p = p->data;
	b->n = p->data_size;
}

/* The labels of RFC 8446, 7.1, 7.3, 4.4.4 and 4.6.1, and of an exporter's last step. Labels that an
 * application exports with are none of these. */
static bool is_label(const struct tls_bytes *label)
{
	static const char *const known[] = {
		"key", "iv", "finished", "derived", "resumption", "traffic upd", "exporter",
		"c ap traffic", "s ap traffic", "c hs traffic", "s hs traffic", "c e traffic",
		"exp master", "res master", "res binder", "ext binder", "e exp master",
	};

	for (size_t i = 0; label->p != NULL && i < array_len(known); i++)
		if (strlen(known[i]) == label->n && memcmp(known[i], label->p, label->n) == 0)
			return true;
	return false;
}

/* The suite with this digest, by all names that OpenSSL has for it; or -1. */
static int suite_of_digest(const struct tls_bytes *digest)
{
	static const struct {
		const char *name;
		enum tls_suite suite;
	} known[] = {
		{"SHA256", TLS_SUITE_AES_128}, {"SHA2-256", TLS_SUITE_AES_128},
		{"SHA-256", TLS_SUITE_AES_128}, {"SHA384", TLS_SUITE_AES_256},
		{"SHA2-384", TLS_SUITE_AES_256}, {"SHA-384", TLS_SUITE_AES_256},
	};

	for (size_t i = 0; digest->p != NULL && i < array_len(known); i++)
		if (strncasecmp(known[i].name, digest->p, digest->n) == 0 &&
		    strlen(known[i].name) == digest->n)
			return (int)known[i].suite;
	return -1;
}

static bool is_prefix(const struct tls_bytes *prefix)
{
	return prefix->p != NULL && prefix->n == 6 && memcmp(prefix->p, "tls13 ", 6) == 0;
}

/* Returns false for a question that TLS 1.3 does not ask: a digest, prefix or label that is not
 *         known here has a meaning that is not known here either. */
static bool understand_question(const OSSL_PARAM *p, struct asked *a)
{
	struct tls_bytes digest = {NULL, 0}, prefix = {NULL, 0};
	const struct {
		const char *key;
		struct tls_bytes *to;
	} octets[] = {
		{OSSL_KDF_PARAM_KEY, &a->key},     {OSSL_KDF_PARAM_SALT, &a->salt},
		{OSSL_KDF_PARAM_LABEL, &a->label}, {OSSL_KDF_PARAM_DATA, &a->data},
		{OSSL_KDF_PARAM_DIGEST, &digest},  {OSSL_KDF_PARAM_PREFIX, &prefix},
	};
	int mode = -1, suite;

	for (; p != NULL && p->key != NULL; p++) {
		for (size_t i = 0; i < array_len(octets); i++)
			if (strcmp(p->key, octets[i].key) == 0)
				borrow_param(octets[i].to, p);
		if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0 && !OSSL_PARAM_get_int(p, &mode))
			return false;
	}
	suite = suite_of_digest(&digest);
	if (suite < 0 || !is_prefix(&prefix) || !is_label(&a->label))
		return false;
	a->suite = (enum tls_suite)suite;
	a->extract = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	if (a->extract)
		return a->label.n == strlen("derived") &&
		       memcmp(a->label.p, "derived", a->label.n) == 0;
	return mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && a->key.p != NULL;
}

/* The next stage's secret: the last one, led on by a label and the hash of nothing, takes in what
 * is new. */
static bool kdf_extract(struct tls_crypto *c, const struct asked *a, uint8_t *out, size_t n)
{
	static const uint8_t zeros[TLS_SECRET];
	const struct tls_label l = {a->salt.p, .text = a->label, .data = {c->empty[a->suite], n}};
	const struct tls_bytes key = a->key.p != NULL ? a->key : (struct tls_bytes){zeros, n};
	uint8_t salt[TLS_SECRET] = {0};
	bool ok = a->salt.p == NULL ||
		  (a->salt.n == n && tls_expand(c, a->suite, &l, salt, n) == 0);

	ok = ok && tls_hmac(c, a->suite, salt, &key, out) == 0;
	OPENSSL_cleanse(salt, sizeof(salt));
	return ok;
}

static bool kdf_expand(struct tls_crypto *c, const struct asked *a, uint8_t *out, size_t n)
{
	const struct tls_label l = {a->key.p, .text = a->label, .data = a->data};

	return a->key.n == tls_suite_secret(a->suite) && tls_expand(c, a->suite, &l, out, n) == 0;
}

/* RFC 8446, 7.1: of all secrets, the records after the handshake need these two. t: the connection
 * under way. */
static void hand_secret_on(struct tls *t, const struct asked *a, const uint8_t *out, size_t n)
{
	static const char servers[] = "s ap traffic", clients[] = "c ap traffic";

	if (t == NULL || a->extract || a->label.n != sizeof(servers) - 1)
		return;
	if (memcmp(a->label.p, servers, a->label.n) == 0)
		tls_takeover_secret(t, t->ctx->server, out, n);
	else if (memcmp(a->label.p, clients, a->label.n) == 0)
		tls_takeover_secret(t, !t->ctx->server, out, n);
}

/* ---- the algorithm ---- */

/* A KDF context would hold nothing: each derivation brings all it needs. The provider's own stands
 * for it. */
static void *kdf_new(void *provider)
{
	return provider;
}

static void kdf_free(void *ctx)
{
	(void)ctx;
}

static int kdf_derive(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
	struct tls_worker *w = *(struct tls_worker **)ctx;
	struct asked a = {.suite = TLS_SUITE_AES_128};
	bool ok;

	DCHECK(w != NULL, "the provider is asked before tls_kdf_load is done");
	if (!understand_question(params, &a) || n > tls_suite_secret(a.suite))
		return 0;
	ok = a.extract ? n == tls_suite_secret(a.suite) && kdf_extract(&w->crypto, &a, out, n)
		       : kdf_expand(&w->crypto, &a, out, n);
	if (ok)
		hand_secret_on(w->active, &a, out, n);
	return ok;
}

static const OSSL_DISPATCH kdf_functions[] = {
	{OSSL_FUNC_KDF_NEWCTX, (void (*)(void))kdf_new},
	{OSSL_FUNC_KDF_FREECTX, (void (*)(void))kdf_free},
	{OSSL_FUNC_KDF_DERIVE, (void (*)(void))kdf_derive},
	{0, NULL},
};

static const OSSL_ALGORITHM kdfs[] = {
	{"TLS13-KDF", "provider=staunch", kdf_functions, "TLS 1.3 key schedule"},
	{NULL, NULL, NULL, NULL},
};

/* ---- the provider ---- */

static const OSSL_ALGORITHM *kdf_query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))kdf_query},
	{OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))free},
	{0, NULL},
};

/* The provider's context is a pointer to the worker; tls_kdf_load puts it there. */
static int provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
			 const OSSL_DISPATCH **out, void **ctx)
{
	(void)core;
	(void)in;
	*ctx = calloc(1, sizeof(struct tls_worker *));
	*out = provider_functions;
	return *ctx != NULL;
}

/* The operator's openssl.cnf says which providers there are (FIPS, hardware); a library context of
 * our own does not read it by itself. Without any in it, the default provider serves. */
static void load_config(OSSL_LIB_CTX *lib)
{
	char *path = CONF_get1_default_config_file();

	if (path != NULL && access(path, R_OK) == 0 && OSSL_LIB_CTX_load_config(lib, path) != 1)
		log_msg(LVL_WARNING, "openssl_conf", "%s: %s", path,
			ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	OPENSSL_free(path);
}

int tls_kdf_load(struct tls_worker *w)
{
	load_config(w->lib);
	/* Loading one by hand keeps the default provider from loading by itself. */
	if (OSSL_PROVIDER_available(w->lib, "default"))
		w->standard = OSSL_PROVIDER_load(w->lib, "default");
	if (!OSSL_PROVIDER_add_builtin(w->lib, "staunch", provider_init))
		return -NP_ENOMEM;
	w->kdf = OSSL_PROVIDER_load(w->lib, "staunch");
	if (w->kdf == NULL)
		return -NP_ENOMEM;
	*(struct tls_worker **)OSSL_PROVIDER_get0_provider_ctx(w->kdf) = w;
	return 0;
}

void tls_kdf_unload(struct tls_worker *w)
{
	if (w->kdf != NULL)
		OSSL_PROVIDER_unload(w->kdf);
	if (w->standard != NULL)
		OSSL_PROVIDER_unload(w->standard);
	w->kdf = w->standard = NULL;
}
