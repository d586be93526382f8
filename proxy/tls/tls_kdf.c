/* The provider: one algorithm, TLS13-KDF, whose context is the worker. It knows exactly the
 * questions that OpenSSL's libssl asks and refuses every other one: a wrong secret would be worse
 * than a failed handshake. */
#include "proxy/tls/tls_kdf.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/provider.h>

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

/* Returns false for what TLS does not ask for. */
static bool understand_question(const OSSL_PARAM *p, struct asked *a)
{
	int mode = -1;

	for (; p != NULL && p->key != NULL; p++) {
		if (strcmp(p->key, OSSL_KDF_PARAM_KEY) == 0)
			borrow_param(&a->key, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_SALT) == 0)
			borrow_param(&a->salt, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_LABEL) == 0)
			borrow_param(&a->label, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DATA) == 0)
			borrow_param(&a->data, p);
		else if (strcmp(p->key, OSSL_KDF_PARAM_DIGEST) == 0)
			a->suite = strstr(p->data, "384") != NULL ? TLS_SUITE_AES_256 :
								    TLS_SUITE_AES_128;
		else if (strcmp(p->key, OSSL_KDF_PARAM_MODE) == 0 && !OSSL_PARAM_get_int(p, &mode))
			return false;
	}
	a->extract = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
	return a->label.p != NULL &&
	       (a->extract || (mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && a->key.p != NULL));
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
	static const char ours[] = "s ap traffic", theirs[] = "c ap traffic";

	if (t == NULL || !t->ctx->server || a->extract || a->label.n != sizeof(ours) - 1)
		return;
	if (memcmp(a->label.p, ours, a->label.n) == 0)
		tls_takeover_secret(t, true, out, n);
	else if (memcmp(a->label.p, theirs, a->label.n) == 0)
		tls_takeover_secret(t, false, out, n);
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

int tls_kdf_load(struct tls_worker *w)
{
	/* Loading one by hand keeps the default provider from loading by itself. */
	w->standard = OSSL_PROVIDER_load(w->lib, "default");
	if (w->standard == NULL || !OSSL_PROVIDER_add_builtin(w->lib, "staunch", provider_init))
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
