/* A listener's context: certificates and their staples, client rules, ALPN. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_allow.h"
#include "proxy/tls/tls_ctx_auth.h"
#include "proxy/tls/tls_ctx_lists.h"
#include "proxy/tls/tls_ctx_resume.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_ctx_trial.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

/* A longer file is cut, and too large either way. */
#define STAPLE_MOST (TLS_OCSP_MOST + 1)

/* ---- callbacks ---- */

/* The listener's order counts. Without a common protocol the handshake fails (RFC 7301, 3.2). */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
		       const unsigned char *in, unsigned nin, void *arg)
{
	const struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
	struct tls *t = SSL_get_app_data(ssl);
	unsigned char *found;

	if (SSL_select_next_proto(&found, n, x->alpn, x->nalpn, in, nin) ==
	    OPENSSL_NPN_NEGOTIATED) {
		*out = found;
		return SSL_TLSEXT_ERR_OK;
	}
	t->why = TLS_WHY_NO_ALPN;
	tls_said_alpn(t, in, nin);
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A client asks for the status of the certificate that was chosen: the stapled response, unless it
 * has expired. Without one the handshake goes on (RFC 6066, 8). */
static int send_staple(SSL *ssl, void *arg)
{
	const struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
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
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)a->n); /* OpenSSL owns it now */
	return SSL_TLSEXT_ERR_OK;
}

/* ---- building ---- */

/* Only the response's time is checked: the operator who wrote the file vouches for the rest. */
static int use_staple(const char *path, const void *der, int n, struct tls_stapled *s,
		      struct text *err)
{
	int64_t until;

	if (n <= 0)
		return text_problem(err, path, "is empty", -NP_EINVAL);
	if (tls_ocsp_until(der, (size_t)n, &until) != 0)
		return text_problem(err, path, "holds no OCSP response in DER form", -NP_EINVAL);
	s->file = tls_answer_new(der, (size_t)n, until);
	s->now = &s->file;
	return s->file != NULL ? 0 : -NP_ENOMEM;
}

static int load_staple(struct tls_ctx *x, const char *path, struct tls_stapled *s, struct text *err)
{
	BIO *b = BIO_new_file(path, "rb");
	int code = b != NULL ? 0 : err_from_errno(), n;
	void *room;

	if (b == NULL)
		return text_problem(err, path, np_err_text(code), code);
	room = malloc(STAPLE_MOST);
	n = room != NULL ? BIO_read(b, room, STAPLE_MOST) : 0;
	BIO_free(b);
	if (room == NULL)
		return -NP_ENOMEM;
	if (n > TLS_OCSP_MOST)
		code = tls_ctx_warn(x, path, "is not stapled: clients refuse more than %d bytes",
				    TLS_OCSP_MOST);
	else
		code = use_staple(path, room, n, s, err);
	free(room);
	return code;
}

/* Can the certificate's responder be asked at all? A config that hopes for more is refused. */
static int check_fetch(const struct config_cert *f, const struct tls_cert *c, struct text *err)
{
	struct tls_ocsp *question = NULL;
	const char *why = NULL;
	int code = tls_ocsp_new(c, f->ocsp_issuer, &question, &why);

	tls_ocsp_free(question);
	return code == -NP_EINVAL ? text_problem(err, f->cert, why, code) : code;
}

static int load_cert(struct tls_ctx *x, const struct config_cert *f, struct text *err)
{
	const struct tls_cert_files files = {f->cert, f->key, f->password_file};
	struct tls_cert *c = &x->certs[x->ncerts];
	struct tls_stapled *s = &x->staples[x->ncerts];
	int code = tls_cert_load(x->worker->lib, &files, c, err);

	if (code != 0)
		return code;
	x->ncerts++;
	if (f->ocsp != NULL)
		code = load_staple(x, f->ocsp, s, err);
	if (code == 0)
		code = tls_size_chain(x, f->cert, c, s->file != NULL ? s->file->n : 0, err);
	return code == 0 && f->ocsp_fetch ? check_fetch(f, c, err) : code;
}

/* Reads the certificates and their staples in the order of the config, which is that of preference.
 * */
static int load_certs(struct tls_ctx *x, const struct config_tls_in *c, struct text *err)
{
	int code = 0;

	x->certs = calloc(c->ncertificates, sizeof(*x->certs));
	x->staples = calloc(c->ncertificates, sizeof(*x->staples));
	if (x->certs == NULL || x->staples == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; code == 0 && i < c->ncertificates; i++)
		code = load_cert(x, &c->certificates[i], err);
	return code;
}

/* A client that offers TLS 1.3 must get 1.2 where no certificate can sign in 1.3. OpenSSL would see
 * to that, but does not where a servername callback could still bring other certificates. */
static int limit_version(const struct tls_ctx *x, const struct tls_group *g)
{
	for (int i = 0; i < TLS_CERT_KINDS; i++)
		if (g->cert[i] >= 0 && x->certs[g->cert[i]].tls13)
			return 0;
	return SSL_CTX_set_max_proto_version(g->ssl, TLS1_2_VERSION) == 1 ? 0 : -NP_ENOMEM;
}

/* OpenSSL serves one certificate of each kind of key, and picks the one that the client can verify.
 * */
static int use_certs(const struct tls_ctx *x, const struct tls_group *g,
		     const struct config_tls_in *c, struct text *err)
{
	for (int i = 0; i < TLS_CERT_KINDS; i++) {
		const struct tls_cert *cert = g->cert[i] < 0 ? NULL : &x->certs[g->cert[i]];

		if (cert == NULL)
			continue;
		if (SSL_CTX_use_cert_and_key(g->ssl, cert->leaf, cert->key, cert->chain, 1) != 1)
			return tls_ctx_cert_refused(err, c->certificates[g->cert[i]].cert);
	}
	return 0;
}

/* ---- proof ---- */

static struct tls_ctx_limits server_limits(const struct config_tls_in *c)
{
	return (struct tls_ctx_limits){
		c->min_version, c->max_version, c->ciphers, c->ciphersuites, c->groups,
	};
}

/* Keys of one shape stand or fall together, so of a thousand certificates a few are tried. */
static bool is_same_shape(const struct tls_cert *a, const struct tls_cert *b)
{
	return a->kind == b->kind && EVP_PKEY_parameters_eq(a->key, b->key) != 0 &&
	       EVP_PKEY_get_bits(a->key) == EVP_PKEY_get_bits(b->key) &&
	       a->kind != TLS_CERT_RSA_PSS;
}

/* The list that is most likely the cause, to begin the sentence with. */
static const char *suspect(const struct tls_trial *t)
{
	if (t->any)
		return "ciphers";
	return strstr(t->why, "group") != NULL || strstr(t->why, "key share") != NULL
		       ? "groups"
		       : "ciphersuites";
}

static int cannot_serve(struct text *err, const char *path, const struct tls_cert *c,
			const struct tls_trial *t)
{
	text_problem(err, path, "no client can be served with its key (", -NP_EINVAL);
	tls_trial_key(err, c->key);
	text_str(err, ") and these versions, ciphers and groups: ");
	text_str(err, t->why);
	return -NP_EINVAL;
}

static int cannot_shake(struct text *err, const struct tls_trial *t)
{
	text_str(err, suspect(t));
	text_str(err, t->any ? ": no TLS 1.2 client can be served (min_version allows it): "
			     : ": no client that speaks TLS 1.3 can be served: ");
	text_str(err, t->why);
	return -NP_EINVAL;
}

/* Each certificate must serve some client; and of the certificates of one name, one must serve a
 * client that speaks all versions, and one a client of TLS 1.2 if min_version lets it in. */
static int prove_group(const struct tls_group *g, const struct tls_trial *trials, struct text *err)
{
	struct tls_trial sum = {.why = ""};

	for (int i = 0; i < TLS_CERT_KINDS; i++) {
		const struct tls_trial *t = g->cert[i] < 0 ? NULL : &trials[g->cert[i]];

		if (t == NULL)
			continue;
		sum.any = sum.any || t->any;
		sum.old = sum.old || t->old;
		if (sum.why[0] == '\0')
			memcpy(sum.why, t->why, sizeof(sum.why));
	}
	return sum.any && sum.old ? 0 : cannot_shake(err, &sum);
}

static int try_certs(const struct tls_ctx *x, const struct config_tls_in *c,
		     struct tls_trial *trials, struct text *err)
{
	const struct tls_ctx_limits limits = server_limits(c);

	for (unsigned i = 0; i < x->ncerts; i++) {
		unsigned same = 0;
		int code = 0;

		while (same < i && !is_same_shape(&x->certs[same], &x->certs[i]))
			same++;
		if (same < i)
			trials[i] = trials[same];
		else
			code = tls_trial_server(x->worker->lib, &limits, &x->certs[i], &trials[i]);
		if (code != 0)
			return code;
		if (!trials[i].any && (!trials[i].old || c->min_version != CONFIG_TLS_VERSION_1_2))
			return cannot_serve(err, c->certificates[i].cert, &x->certs[i], &trials[i]);
	}
	return 0;
}

static int prove_server(const struct tls_ctx *x, const struct config_tls_in *c, struct text *err)
{
	struct tls_trial *trials = calloc(x->ncerts, sizeof(*trials));
	int code = trials != NULL ? try_certs(x, c, trials, err) : -NP_ENOMEM;

	for (unsigned i = 0; code == 0 && i < x->ngroups; i++)
		code = prove_group(&x->groups[i], trials, err);
	free(trials);
	return code;
}

/* ---- a group ---- */

static int build_group(struct tls_ctx *x, struct tls_group *g, const struct config_tls_in *c,
		       const struct tls_auth *a, struct text *err)
{
	const struct tls_ctx_limits limits = server_limits(c);
	int code;

	g->ssl = SSL_CTX_new_ex(x->worker->lib, TLS_KDF_PROPERTIES, TLS_server_method());
	if (g->ssl == NULL)
		return -NP_ENOMEM;
	code = tls_ctx_limit(g->ssl, &limits, err);
	if (code == 0)
		code = use_certs(x, g, c, err);
	if (code == 0)
		code = limit_version(x, g);
	if (code == 0)
		code = tls_auth_apply(g->ssl, c, a);
	if (code == 0)
		code = tls_resume_scope(x, g, c, a);
	if (code != 0)
		return code;
	tls_resume_tickets(x, g->ssl);
	SSL_CTX_set_msg_callback(g->ssl, tls_takeover_watch);
	SSL_CTX_set_client_hello_cb(g->ssl, tls_ctx_hello, x);
	SSL_CTX_set_tlsext_servername_callback(g->ssl, tls_ctx_servername);
	SSL_CTX_set_tlsext_status_cb(g->ssl, send_staple);
	SSL_CTX_set_tlsext_status_arg(g->ssl, x);
	if (x->nalpn > 0)
		SSL_CTX_set_alpn_select_cb(g->ssl, choose_alpn, x);
	return 0;
}

static int build_server(struct tls_ctx *x, const struct config_tls_in *c, struct text *err)
{
	struct tls_auth auth = {.store = NULL};
	const struct tls_ctx_limits limits = server_limits(c);
	int code = x->worker->proves ? tls_lists_check(x->worker->lib, &limits, err) : 0;

	if (code == 0)
		code = load_certs(x, c, err);
	if (code == 0)
		code = tls_ctx_name_groups(x);
	if (code == 0)
		code = tls_ctx_alpn(x, c->alpn, c->nalpn, err);
	if (code == 0)
		code = tls_auth_load(x->worker, c, &auth, err);
	if (code == 0 && c->client_auth.allow != NULL)
		code = tls_allow_new(c->client_auth.allow, &x->allow, err);
	if (code == 0 && !auth.told && auth.store != NULL)
		code = tls_ctx_warn(x, auth.names != NULL ? c->client_auth.names : c->client_auth.ca,
				    "its names do not fit into a handshake, so clients are not told them "
				    "and choose their certificate by themselves");
	for (unsigned i = 0; code == 0 && i < x->ngroups; i++)
		code = build_group(x, &x->groups[i], c, &auth, err);
	tls_auth_fini(&auth);
	if (code == 0 && x->worker->proves)
		code = prove_server(x, c, err);
	return code;
}

int tls_ctx_server(struct tls_worker *w, const struct config_tls_in *c,
		   struct tls_ticket_keys *keys, struct tls_ctx **out, struct text *err)
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
		.keys = c->session_tickets.enabled ? keys : NULL,
		.records = c->records,
		.reset_truncated = c->truncated == CONFIG_TLS_TRUNCATED_RESET,
		.lifetime = c->session_tickets.lifetime / NP_S,
	};
	code = build_server(x, c, err);
	ERR_clear_error(); /* the control thread's queue: its next reader must find it empty */
	if (code == 0)
		*out = x;
	else
		tls_ctx_free(x);
	return code;
}
