/* A listener's context: certificates and names, what is asked of clients, tickets. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "netpoll/netpoll.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_priv.h"

#define STAPLE_MOST (64 * 1024)

/* ---- what is asked of clients ---------------------------------------------------------------- */

/* One set for all groups of a context: what a client's certificate is verified with. */
struct client_rules {
	X509_STORE *store;
	struct stack_st_X509 *ca;
	struct stack_st_X509_CRL *crls;
};

static void rules_fini(struct client_rules *r)
{
	X509_STORE_free(r->store);
	sk_X509_pop_free(r->ca, X509_free);
	sk_X509_CRL_pop_free(r->crls, X509_CRL_free);
}

static int rules_load(struct tls_worker *w, const struct config_tls_in *c, struct client_rules *r, struct text *err)
{
	int code;

	if (c->client_auth.mode == CONFIG_CLIENT_AUTH_OFF)
		return 0;
	if (c->client_auth.ca == NULL)
		return tls_cert_wrong(err, "client_auth", "needs a ca to verify with", -NP_EINVAL);
	r->store = X509_STORE_new();
	code = r->store == NULL ? -NP_ENOMEM : tls_cert_list(w->lib, c->client_auth.ca, &r->ca, err);
	if (code == 0 && c->client_auth.crl != NULL)
		code = tls_cert_crls(w->lib, c->client_auth.crl, &r->crls, err);
	for (int i = 0; code == 0 && i < sk_X509_num(r->ca); i++)
		if (!X509_STORE_add_cert(r->store, sk_X509_value(r->ca, i)))
			code = -NP_ENOMEM;
	for (int i = 0; code == 0 && r->crls != NULL && i < sk_X509_CRL_num(r->crls); i++)
		if (!X509_STORE_add_crl(r->store, sk_X509_CRL_value(r->crls, i)))
			code = -NP_ENOMEM;
	/* Each authority of a chain needs its list: one that is missing refuses, it does not permit. */
	if (code == 0 && r->crls != NULL)
		X509_STORE_set_flags(r->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return code;
}

/* The names of the authorities are sent, so that a client can choose its certificate. */
static bool set_ca_names(SSL_CTX *ssl, const struct stack_st_X509 *ca)
{
	for (int i = 0; i < sk_X509_num(ca); i++)
		if (!SSL_CTX_add_client_CA(ssl, sk_X509_value(ca, i)))
			return false;
	return true;
}

static int rules_apply(SSL_CTX *ssl, const struct config_tls_in *c, const struct client_rules *r)
{
	int mode = SSL_VERIFY_PEER;

	if (r->store == NULL)
		return 0;
	if (c->client_auth.mode == CONFIG_CLIENT_AUTH_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ssl, mode, NULL);
	SSL_CTX_set_verify_depth(ssl, (int)c->client_auth.depth);
	return SSL_CTX_set1_cert_store(ssl, r->store), set_ca_names(ssl, r->ca) ? 0 : -NP_ENOMEM;
}

/* ---- who may resume what --------------------------------------------------------------------- */

static bool hash_cert(EVP_MD_CTX *h, const X509 *x)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_digest(x, EVP_sha256(), d, &n) && EVP_DigestUpdate(h, d, n);
}

static bool hash_crl(EVP_MD_CTX *h, const X509_CRL *x)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n;

	return X509_CRL_digest(x, EVP_sha256(), d, &n) && EVP_DigestUpdate(h, d, n);
}

/* NULL: OpenSSL's own list. */
static bool hash_text(EVP_MD_CTX *h, const char *text)
{
	return EVP_DigestUpdate(h, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static bool hash_rules(EVP_MD_CTX *h, const struct config_tls_in *c, const struct client_rules *r)
{
	const int64_t policy[] = {
		c->min_version, c->max_version, c->client_auth.mode, c->client_auth.depth,
		r->store != NULL ? sk_X509_num(r->ca) : 0, r->crls != NULL ? sk_X509_CRL_num(r->crls) : 0,
	};

	if (!EVP_DigestUpdate(h, policy, sizeof(policy)) || !hash_text(h, c->ciphers) ||
	    !hash_text(h, c->ciphersuites) || !hash_text(h, c->groups))
		return false;
	if (r->store == NULL)
		return true;
	for (int i = 0; i < sk_X509_num(r->ca); i++)
		if (!hash_cert(h, sk_X509_value(r->ca, i)))
			return false;
	for (int i = 0; r->crls != NULL && i < sk_X509_CRL_num(r->crls); i++)
		if (!hash_crl(h, sk_X509_CRL_value(r->crls, i)))
			return false;
	return true;
}

/* A session is good for the certificates it was made with, and for the rules it was made under: a resumed one is not
 * asked for its cipher again, nor for its client's certificate. The same in every
 * process that reads the same files. */
static int set_session_id(struct tls_ctx *x, const struct tls_group *g, const struct config_tls_in *c,
			  const struct client_rules *r)
{
	EVP_MD_CTX *h = EVP_MD_CTX_new();
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool ok = h != NULL && EVP_DigestInit_ex(h, EVP_sha256(), NULL) && hash_rules(h, c, r);

	for (int i = 0; ok && i < TLS_CERT_KINDS; i++)
		ok = g->cert[i] < 0 || hash_cert(h, x->certs[g->cert[i]].leaf);
	ok = ok && EVP_DigestFinal_ex(h, d, &n) && SSL_CTX_set_session_id_context(g->ssl, d, n);
	EVP_MD_CTX_free(h);
	return ok ? 0 : -NP_ENOMEM;
}

/* ---- tickets --------------------------------------------------------------------------------- */

/* A ticket carries when its first ancestor was made: renewing does not make a session younger. */
static int ticket_made(SSL *ssl, void *arg)
{
	SSL_SESSION *s = SSL_get_session(ssl);
	int64_t now = time(NULL);
	void *data;
	size_t n;

	(void)arg;
	if (SSL_SESSION_get0_ticket_appdata(s, &data, &n) && n == sizeof(now))
		return 1;
	return SSL_SESSION_set1_ticket_appdata(s, &now, sizeof(now));
}

static SSL_TICKET_RETURN ticket_shown(SSL *ssl, SSL_SESSION *s, const unsigned char *name, size_t nname,
				      SSL_TICKET_STATUS status, void *arg)
{
	const struct tls_ctx *x = arg;
	int64_t first, now = time(NULL);
	void *data;
	size_t n;

	(void)name;
	(void)nname;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (!SSL_SESSION_get0_ticket_appdata(s, &data, &n) || n != sizeof(first))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	memcpy(&first, data, sizeof(first));
	if (now < first || now - first >= x->lifetime || tls_ctx_other_name(ssl, s))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static void set_tickets(struct tls_ctx *x, SSL_CTX *ssl)
{
	if (x->ring == NULL) {
		SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(ssl, 0);
		return;
	}
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_timeout(ssl, (long)x->lifetime);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, tls_ticket_key);
	SSL_CTX_set_session_ticket_cb(ssl, ticket_made, ticket_shown, x);
}

/* ---- callbacks ------------------------------------------------------------------------------- */

/* Our order counts. Nothing in common is fatal (RFC 7301, 3.2). */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned nin,
		       void *arg)
{
	const struct tls_ctx *x = arg;
	struct tls *t = SSL_get_app_data(ssl);
	unsigned char *found;

	if (SSL_select_next_proto(&found, n, x->alpn, x->nalpn, in, nin) == OPENSSL_NPN_NEGOTIATED) {
		*out = found;
		return SSL_TLSEXT_ERR_OK;
	}
	t->why = TLS_WHY_NO_ALPN;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The stapled answer of the certificate that was chosen, while it is good. */
static int staple(SSL *ssl, void *arg)
{
	const struct tls_ctx *x = arg;
	const X509 *chosen = SSL_get_certificate(ssl);
	const struct tls_answer *a = NULL;
	unsigned char *copy;
	unsigned i = 0;

	while (i < x->ncerts && x->certs[i].leaf != chosen)
		i++;
	if (i < x->ncerts && x->staples[i].now != NULL)
		a = *x->staples[i].now;
	if (a == NULL || a->until <= (int64_t)time(NULL))
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(a->der, a->n);
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)a->n); /* OpenSSL's own now */
	return SSL_TLSEXT_ERR_OK;
}

/* ---- building -------------------------------------------------------------------------------- */

/* Whether it is an answer about this certificate is its maker's business; until when it is good is ours. */
static int use_staple(const char *path, const void *der, int n, struct tls_stapled *s, struct text *err)
{
	int64_t until;

	if (n <= 0)
		return tls_cert_wrong(err, path, "is empty", -NP_EINVAL);
	if (tls_ocsp_until(der, (size_t)n, &until) != 0)
		return tls_cert_wrong(err, path, "holds no OCSP response in DER form", -NP_EINVAL);
	s->file = tls_answer_new(der, (size_t)n, until);
	s->now = &s->file;
	return s->file != NULL ? 0 : -NP_ENOMEM;
}

static int load_staple(const char *path, struct tls_stapled *s, struct text *err)
{
	BIO *b = BIO_new_file(path, "rb");
	int code = b != NULL ? 0 : err_from_errno(), n;
	void *room;

	if (b == NULL)
		return tls_cert_wrong(err, path, np_err_text(code), code);
	room = malloc(STAPLE_MOST);
	n = room != NULL ? BIO_read(b, room, STAPLE_MOST) : 0;
	BIO_free(b);
	code = room != NULL ? use_staple(path, room, n, s, err) : -NP_ENOMEM;
	free(room);
	return code;
}

/* Whether the one that is to be fetched can be asked for. */
static int check_fetch(const char *path, const struct tls_cert *c, struct text *err)
{
	struct tls_ocsp *question = NULL;
	const char *why = NULL;
	int code = tls_ocsp_new(c, &question, &why);

	tls_ocsp_free(question);
	return code == -NP_EINVAL ? tls_cert_wrong(err, path, why, code) : code;
}

static int load_certs(struct tls_ctx *x, const struct config_tls_in *c, struct text *err)
{
	int code = 0;

	x->certs = calloc(c->ncertificates, sizeof(*x->certs));
	x->staples = calloc(c->ncertificates, sizeof(*x->staples));
	if (x->certs == NULL || x->staples == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; code == 0 && i < c->ncertificates; i++) {
		const struct config_cert *f = &c->certificates[i];
		const struct tls_cert_files files = {f->cert, f->key, f->password_file};

		code = tls_cert_load(x->worker->lib, &files, &x->certs[i], err);
		if (code != 0)
			return code;
		x->ncerts++;
		if (f->ocsp != NULL)
			code = load_staple(f->ocsp, &x->staples[i], err);
		if (code == 0 && f->ocsp_fetch)
			code = check_fetch(f->cert, &x->certs[i], err);
	}
	return code;
}

static int use_certs(const struct tls_ctx *x, const struct tls_group *g, const struct config_tls_in *c,
		     struct text *err)
{
	for (int i = 0; i < TLS_CERT_KINDS; i++) {
		const struct tls_cert *cert = g->cert[i] < 0 ? NULL : &x->certs[g->cert[i]];

		if (cert == NULL)
			continue;
		if (SSL_CTX_use_cert_and_key(g->ssl, cert->leaf, cert->key, cert->chain, 1) != 1)
			return tls_cert_wrong(err, c->certificates[g->cert[i]].cert,
					      "OpenSSL refuses it: its key may be too short", -NP_EINVAL);
	}
	return 0;
}

static int build_group(struct tls_ctx *x, struct tls_group *g, const struct config_tls_in *c,
		       const struct client_rules *r, struct text *err)
{
	const struct tls_ctx_limits limits = {
		c->min_version, c->max_version, c->ciphers, c->ciphersuites, c->groups,
	};
	int code;

	g->ssl = SSL_CTX_new_ex(x->worker->lib, TLS_KDF_PROPERTIES, TLS_server_method());
	if (g->ssl == NULL)
		return -NP_ENOMEM;
	code = tls_ctx_limit(g->ssl, &limits, err);
	if (code == 0)
		code = use_certs(x, g, c, err);
	if (code == 0)
		code = rules_apply(g->ssl, c, r);
	if (code == 0)
		code = set_session_id(x, g, c, r);
	if (code != 0)
		return code;
	set_tickets(x, g->ssl);
	SSL_CTX_set_msg_callback(g->ssl, tls_takeover_watch);
	SSL_CTX_set_client_hello_cb(g->ssl, tls_ctx_hello, x);
	SSL_CTX_set_tlsext_servername_callback(g->ssl, tls_ctx_servername);
	SSL_CTX_set_tlsext_status_cb(g->ssl, staple);
	SSL_CTX_set_tlsext_status_arg(g->ssl, x);
	if (x->nalpn > 0)
		SSL_CTX_set_alpn_select_cb(g->ssl, choose_alpn, x);
	return 0;
}

static int build(struct tls_ctx *x, const struct config_tls_in *c, struct text *err)
{
	struct client_rules r = {.store = NULL};
	int code = load_certs(x, c, err);

	if (code == 0)
		code = tls_ctx_name_groups(x);
	if (code == 0)
		code = tls_ctx_alpn(x, c->alpn, c->nalpn, err);
	if (code == 0)
		code = rules_load(x->worker, c, &r, err);
	for (unsigned i = 0; code == 0 && i < x->ngroups; i++)
		code = build_group(x, &x->groups[i], c, &r, err);
	rules_fini(&r);
	return code;
}

int tls_ctx_server(struct tls_worker *w, const struct config_tls_in *c, struct tls_ticket_keys *ring,
		   struct tls_ctx **out, struct text *err)
{
	struct tls_ctx *x = calloc(1, sizeof(*x));
	int code;

	if (x == NULL)
		return -NP_ENOMEM;
	*x = (struct tls_ctx){
		.magic = TLS_CTX_MAGIC,
		.server = true,
		.worker = w,
		.auth = c->client_auth.mode,
		.strict = c->strict_sni,
		.records = c->records,
		.reset_truncated = c->truncated == CONFIG_TLS_TRUNCATED_RESET,
		.ring = c->session_tickets.enabled ? ring : NULL,
		.lifetime = c->session_tickets.lifetime / NP_S,
	};
	code = build(x, c, err);
	ERR_clear_error(); /* the control thread's own */
	if (code == 0)
		*out = x;
	else
		tls_ctx_free(x);
	return code;
}
