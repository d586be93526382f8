/* A listener's context: certificates and their staples, and the groups that serve them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_lists.h"
#include "proxy/tls/tls_ctx_resume.h"
#include "proxy/tls/tls_ctx_rules.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_ctx_trial.h"
#include "proxy/tls/tls_kdf.h"
#include "proxy/tls/tls_priv.h"

/* A longer file is cut, and too large either way. */
#define STAPLE_MOST (TLS_OCSP_MOST + 1)

/* ---- stapling ---- */

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

static struct tls_ctx_limits server_limits(const struct config_tls_in *c, const struct tls_terms *t)
{
	return (struct tls_ctx_limits){t->min, t->max, c->ciphers, c->ciphersuites, c->groups};
}

/* What is tried: all groups that speak the same versions, and the certificates in them. */
struct proof {
	const struct tls_ctx *x;
	const struct config_tls_in *c;
	const struct tls_plan *plan;
	const struct tls_terms *of;     /* one of the rules with these versions */
	struct tls_trial *trials;       /* owned; by certificate */
	bool *in_use, *anywhere;        /* owned; by certificate: in one of these groups, in any */
};

static bool is_same_span(const struct tls_terms *a, const struct tls_terms *b)
{
	return a->min == b->min && a->max == b->max;
}

static bool is_meant(const struct proof *p, const struct tls_group *g)
{
	return is_same_span(&p->plan->terms[g->rules], p->of);
}

/* A certificate that no name leads to is tried with the listener's versions. */
static void mark_certs(struct proof *p)
{
	memset(p->in_use, 0, p->x->ncerts * sizeof(*p->in_use));
	for (unsigned i = 0; i < p->x->ngroups; i++)
		for (int kind = 0; kind < TLS_CERT_KINDS; kind++) {
			int cert = p->x->groups[i].cert[kind];

			if (cert < 0)
				continue;
			p->anywhere[cert] = true;
			p->in_use[cert] |= is_meant(p, &p->x->groups[i]);
		}
	for (unsigned i = 0; i < p->x->ncerts && is_same_span(p->of, &p->plan->terms[0]); i++)
		p->in_use[i] |= !p->anywhere[i];
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

static int try_certs(const struct proof *p, struct text *err)
{
	const struct tls_ctx_limits limits = server_limits(p->c, p->of);
	const struct tls_ctx *x = p->x;

	for (unsigned i = 0; i < x->ncerts; i++) {
		unsigned same = 0;
		int code = 0;

		if (!p->in_use[i])
			continue;
		while (same < i && !(p->in_use[same] && is_same_shape(&x->certs[same], &x->certs[i])))
			same++;
		if (same < i)
			p->trials[i] = p->trials[same];
		else
			code = tls_trial_server(x->worker->lib, &limits, &x->certs[i], &p->trials[i]);
		if (code != 0)
			return code;
		if (!p->trials[i].any && (!p->trials[i].old || limits.min != CONFIG_TLS_VERSION_1_2))
			return cannot_serve(err, p->c->certificates[i].cert, &x->certs[i], &p->trials[i]);
	}
	return 0;
}

static int prove_span(struct proof *p, struct text *err)
{
	int code;

	mark_certs(p);
	code = try_certs(p, err);
	for (unsigned i = 0; code == 0 && i < p->x->ngroups; i++)
		if (is_meant(p, &p->x->groups[i]))
			code = prove_group(&p->x->groups[i], p->trials, err);
	return code;
}

static int prove_server(const struct tls_ctx *x, const struct config_tls_in *c,
			const struct tls_plan *plan, struct text *err)
{
	struct proof p = {x, c, plan, NULL, calloc(x->ncerts, sizeof(*p.trials)),
			  calloc(x->ncerts, sizeof(bool)), calloc(x->ncerts, sizeof(bool))};
	int code = p.trials != NULL && p.in_use != NULL && p.anywhere != NULL ? 0 : -NP_ENOMEM;

	for (unsigned i = 0; code == 0 && i < plan->n; i++) {
		unsigned same = 0;

		while (!is_same_span(&plan->terms[same], &plan->terms[i]))
			same++;
		p.of = &plan->terms[i];
		if (same == i)
			code = prove_span(&p, err);
	}
	free(p.trials);
	free(p.in_use);
	free(p.anywhere);
	return code;
}

/* ---- a group ---- */

static int build_group(struct tls_ctx *x, struct tls_group *g, const struct config_tls_in *c,
		       const struct tls_plan *p, struct text *err)
{
	const struct tls_terms *says = &p->terms[g->rules];
	const struct tls_ctx_limits limits = server_limits(c, says);
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
		code = tls_rules_use(g->ssl, &x->rules[g->rules], says);
	if (code == 0)
		code = tls_resume_scope(x, g, c, says);
	if (code != 0)
		return code;
	tls_resume_tickets(x, g->ssl);
	SSL_CTX_set_msg_callback(g->ssl, tls_takeover_watch);
	SSL_CTX_set_client_hello_cb(g->ssl, tls_ctx_hello, x);
	SSL_CTX_set_tlsext_servername_callback(g->ssl, tls_ctx_servername);
	SSL_CTX_set_tlsext_status_cb(g->ssl, send_staple);
	SSL_CTX_set_tlsext_status_arg(g->ssl, x);
	return 0;
}

static int build_server(struct tls_ctx *x, const struct config_tls_in *c, struct tls_plan *p,
			struct text *err)
{
	int code = load_certs(x, c, err);

	if (code == 0)
		code = tls_plan_load(x, c, p, err);
	if (code == 0)
		code = tls_ctx_name_groups(x, c, p, err);
	for (unsigned i = 0; code == 0 && i < x->ngroups; i++)
		code = build_group(x, &x->groups[i], c, p, err);
	if (code == 0 && x->worker->proves)
		code = prove_server(x, c, p, err);
	return code;
}

int tls_ctx_server(struct tls_worker *w, const struct config_tls_in *c,
		   struct tls_ticket_keys *keys, struct tls_ctx **out, struct text *err)
{
	const struct tls_ctx_limits limits = {c->min_version, c->max_version, c->ciphers, c->ciphersuites,
					      c->groups};
	struct tls_plan plan = {.terms = NULL};
	struct tls_ctx *x = calloc(1, sizeof(*x));
	int code;

	if (x == NULL)
		return -NP_ENOMEM;
	*x = (struct tls_ctx){
		.magic = TLS_CTX_MAGIC,
		.server = true,
		.worker = w,
		.strict = c->strict_sni,
		.keys = c->session_tickets.enabled ? keys : NULL,
		.records = c->records,
		.reset_truncated = c->truncated == CONFIG_TLS_TRUNCATED_RESET,
		.lifetime = c->session_tickets.lifetime / NP_S,
	};
	code = w->proves ? tls_lists_check(w->lib, &limits, err) : 0;
	if (code == 0)
		code = build_server(x, c, &plan, err);
	tls_plan_fini(&plan);
	ERR_clear_error(); /* the control thread's queue: its next reader must find it empty */
	if (code == 0)
		*out = x;
	else
		tls_ctx_free(x);
	return code;
}
