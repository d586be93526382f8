/* An upstream's context: trust, the names to ask for and to verify, pins, our certificate, sessions
 * to resume. */
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "proxy/creds/tls_trust.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_lists.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_ctx_trial.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_session.h"

static bool is_ip(const char *name)
{
	unsigned char a[16];

	return inet_pton(AF_INET, name, a) == 1 || inet_pton(AF_INET6, name, a) == 1;
}

/* ---- verification ---- */

/* The system's CA certificates. All contexts of a generation share the worker's roots; a snapshot
 * has loaded them for all workers before, and only a caller with one worker loads them here. */
static int trust_system(struct tls_ctx *x, struct text *err)
{
	struct tls_worker *w = x->worker;
	int code = w->roots == NULL ? tls_trust_share(&w, 1, err) : 0;

	if (code != 0)
		return code;
	x->roots = tls_roots_get(w->roots);
	SSL_CTX_set1_cert_store(x->ssl, tls_roots_store(x->roots));
	return 0;
}

static int load_trust(struct tls_ctx *x, const char *ca, struct text *err)
{
	X509_STORE *store = SSL_CTX_get_cert_store(x->ssl);
	struct stack_st_X509 *list = NULL;
	int code;

	if (ca == NULL)
		return trust_system(x, err);
	code = tls_cert_list(x->worker->lib, ca, &list, err);
	for (int i = 0; code == 0 && i < sk_X509_num(list); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(list, i)))
			code = -NP_ENOMEM;
	sk_X509_pop_free(list, X509_free);
	return code;
}

/* The name or address that the server's certificate must have. Without a name in the config the
 * handshake sets the client's, or the server's address (tls_handshake.c). */
static int expect_name(struct tls_ctx *x)
{
	X509_VERIFY_PARAM *p = SSL_CTX_get0_param(x->ssl);

	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (x->name == NULL)
		return 0;
	if (is_ip(x->name))
		return X509_VERIFY_PARAM_set1_ip_asc(p, x->name) ? 0 : -NP_ENOMEM;
	return X509_VERIFY_PARAM_set1_host(p, x->name, 0) ? 0 : -NP_ENOMEM;
}

bool tls_pins_have(const struct tls_pins *p, const X509 *cert)
{
	unsigned char *der = NULL, hash[TLS_PIN];
	int n = p->n > 0 ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : 0;
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, hash, NULL, EVP_sha256(), NULL);

	OPENSSL_free(der);
	for (unsigned i = 0; ok && i < p->n; i++)
		if (memcmp(p->hash[i], hash, sizeof(hash)) == 0)
			return true;
	return false;
}

/* For SSL_CTX_set_cert_verify_callback: pins are part of verification, so a server without one gets
 * an alert before it has seen our certificate or a byte of payload. Pins also hold where `verify`
 * is off: then they are all that is verified. */
static int verify_server(X509_STORE_CTX *ctx, void *arg)
{
	const struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
	const SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = OBJ_CAST(SSL_get_app_data(ssl), tls, TLS_MAGIC);
	const X509 *leaf = X509_STORE_CTX_get0_cert(ctx);

	if (x->verify && X509_verify_cert(ctx) != 1)
		return 0;
	if (leaf != NULL && tls_pins_have(&x->pins, leaf))
		return 1;
	t->why = TLS_WHY_CERT_PIN;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

int tls_pins_init(struct tls_pins *p, const struct config_text *list, size_t n, const char *key,
		  struct text *err)
{
	unsigned char raw[48];

	p->hash = n > 0 ? calloc(n, sizeof(*p->hash)) : NULL;
	if (n > 0 && p->hash == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *pin = list[i].text;

		/* 32 bytes are 44 base64 digits, the last of them padding: decoded, 33 bytes. */
		if (strlen(pin) != 44 || EVP_DecodeBlock(raw, (const unsigned char *)pin, 44) != 33)
			return text_problem(err, key,
					    "each is the SHA-256 of a public key in base64",
					    -NP_EINVAL);
		memcpy(p->hash[p->n++], raw, TLS_PIN);
	}
	return 0;
}

void tls_pins_fini(struct tls_pins *p)
{
	free(p->hash);
	*p = (struct tls_pins){.n = 0};
}

/* ---- proof ---- */

static struct tls_ctx_limits client_limits(const struct config_tls_out *c)
{
	return (struct tls_ctx_limits){
		c->min_version, c->max_version, c->ciphers, c->ciphersuites, c->groups,
	};
}

/* The lists alone, without a certificate. */
static int prove_lists(const struct tls_ctx *x, const struct config_tls_out *c, struct text *err)
{
	const struct tls_ctx_limits limits = client_limits(c);
	struct tls_trial t;
	int code = tls_trial_client(x->worker->lib, &limits, NULL, &t);

	if (code != 0 || (t.any && t.old))
		return code;
	text_str(err,
		 t.any ? "ciphers: no server of TLS 1.2 can be reached (min_version allows it): "
		       : "ciphersuites, groups: no server that speaks TLS 1.3 can be reached: ");
	text_str(err, t.why);
	return -NP_EINVAL;
}

static int prove_own_cert(struct tls_ctx *x, const struct config_tls_out *c,
			  const struct tls_cert *own, struct text *err)
{
	const struct tls_ctx_limits limits = client_limits(c);
	struct tls_trial t;
	int code = tls_trial_client(x->worker->lib, &limits, own, &t);

	if (code != 0)
		return code;
	if (!t.any && (!t.old || c->min_version != CONFIG_TLS_VERSION_1_2)) {
		text_problem(err, c->cert, "no server can be shown it with its key (", -NP_EINVAL);
		tls_trial_key(err, own->key);
		text_str(err, ") and these versions, ciphers and groups: ");
		text_str(err, t.why);
		return -NP_EINVAL;
	}
	if (t.any && t.old)
		return 0;
	return tls_ctx_warn(x, c->cert, "servers of TLS %s cannot be shown it: %s",
			    t.any ? "1.2" : "1.3", t.why);
}

/* The certificate that is shown to servers that ask for one. */
static int load_own_cert(struct tls_ctx *x, const struct config_tls_out *c, struct text *err)
{
	const struct tls_cert_files files = {c->cert, c->key, c->password_file};
	struct tls_cert own;
	int code;

	if (c->cert == NULL)
		return 0;
	code = tls_cert_load(x->worker->lib, &files, &own, err);
	if (code != 0)
		return code;
	code = tls_size_chain(x, c->cert, &own, 0, err);
	if (code == 0 && SSL_CTX_use_cert_and_key(x->ssl, own.leaf, own.key, own.chain, 1) != 1)
		code = tls_ctx_cert_refused(err, c->cert);
	if (code == 0 && x->worker->proves)
		code = prove_own_cert(x, c, &own, err);
	tls_cert_fini(&own);
	return code;
}

/* ---- sessions ---- */

/* The server gave a session, with the handshake or later. Returns 0: OpenSSL keeps its reference.
 * */
static int session_came(SSL *ssl, SSL_SESSION *s)
{
	struct tls *t = OBJ_CAST(SSL_get_app_data(ssl), tls, TLS_MAGIC);

	DCHECK(t->ctx->sessions != NULL && t->server != NULL,
	       "this callback is set where sessions are kept");
	t->ticket = true;
	tls_sessions_keep(t->ctx->sessions,
			  &(struct tls_session_of){t->server, tls_asked_name(t)}, s);
	return 0;
}

static int keep_sessions(struct tls_ctx *x)
{
	x->sessions = tls_sessions_new();
	if (x->sessions == NULL)
		return -NP_ENOMEM;
	SSL_CTX_set_session_cache_mode(x->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(x->ssl, session_came);
	return 0;
}

void tls_ctx_share_sessions(struct tls_ctx *x, struct tls_ctx *first)
{
	OBJ_CHECK(x, TLS_CTX_MAGIC);
	OBJ_CHECK(first, TLS_CTX_MAGIC);
	if (x == first || first->sessions == NULL)
		return;
	tls_sessions_free(x->sessions);
	x->sessions = tls_sessions_get(first->sessions);
}

/* ---- building ---- */

static int build_client(struct tls_ctx *x, const struct config_tls_out *c, struct text *err)
{
	const struct tls_ctx_limits limits = client_limits(c);
	int code = x->worker->proves ? tls_lists_check(x->worker->lib, &limits, err) : 0;

	if (code != 0)
		return code;
	x->ssl = SSL_CTX_new_ex(x->worker->lib, TLS_KDF_PROPERTIES, TLS_client_method());
	if (x->ssl == NULL)
		return -NP_ENOMEM;
	SSL_CTX_set_msg_callback(x->ssl, tls_takeover_watch);
	code = tls_ctx_limit(x->ssl, &limits, err);
	if (code == 0 && x->worker->proves)
		code = prove_lists(x, c, err);
	if (code == 0 && c->verify) {
		SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
		code = load_trust(x, c->ca, err);
	}
	if (code == 0 && c->verify)
		code = expect_name(x);
	if (code == 0)
		code = tls_pins_init(&x->pins, c->pins, c->npins, "pins", err);
	if (code == 0 && x->pins.n > 0) {
		SSL_CTX_set_verify(x->ssl, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(x->ssl, verify_server, x);
	}
	if (code == 0)
		code = load_own_cert(x, c, err);
	if (code == 0 && !x->client_alpn)
		code = tls_ctx_alpn(&x->alpn, c->alpn, c->nalpn, err);
	if (code == 0 && SSL_CTX_set_alpn_protos(x->ssl, x->alpn.list, x->alpn.n) != 0)
		code = -NP_ENOMEM;
	if (code == 0 && c->session_reuse)
		code = keep_sessions(x);
	return code;
}

/* A context outlives the config it was made of: later ones that say the same share it. */
static int copy_names(struct tls_ctx *x, const struct config_tls_out *c)
{
	const char *own = x->client_sni ? NULL : c->sni;
	const char *name = c->name != NULL ? c->name : own;
	const char *sni = own != NULL || x->client_sni ? own : c->name;

	if (sni != NULL && is_ip(sni))
		sni = NULL; /* RFC 6066, 3: a name, never an address */
	x->name = name != NULL ? strdup(name) : NULL;
	x->sni = sni != NULL ? strdup(sni) : NULL;
	return (x->name == NULL) == (name == NULL) && (x->sni == NULL) == (sni == NULL)
		       ? 0
		       : -NP_ENOMEM;
}

int tls_ctx_client(struct tls_worker *w, const struct config_tls_out *c, struct tls_ctx **out,
		   struct text *err)
{
	struct tls_ctx *x = calloc(1, sizeof(*x));
	int code;

	if (x == NULL)
		return -NP_ENOMEM;
	*x = (struct tls_ctx){
		.magic = TLS_CTX_MAGIC,
		.worker = w,
		.verify = c->verify,
		.records = c->records,
		.reset_truncated = c->truncated == CONFIG_TLS_TRUNCATED_RESET,
		.client_sni = config_sni_is_clients(c),
		.client_alpn = config_alpn_is_clients(c),
	};
	code = copy_names(x, c);
	if (code == 0)
		code = build_client(x, c, err);
	ERR_clear_error();
	if (code == 0)
		*out = x;
	else
		tls_ctx_free(x);
	return code;
}
