/* Finds the different rules of a listener's names, and loads each once. */
#include "proxy/tls/tls_ctx_rules.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/tls/tls_ctx_allow.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(const struct config_text *a, size_t na, const struct config_text *b, size_t nb)
{
	bool same = na == nb;

	for (size_t i = 0; same && i < na; i++)
		same = strcmp(a[i].text, b[i].text) == 0;
	return same;
}

static bool same_allow(const struct config_client_allow *a, const struct config_client_allow *b)
{
	bool same = a == b || (a != NULL && b != NULL && a->nip == b->nip);

	if (a == b || !same)
		return same;
	for (size_t i = 0; same && i < a->nip; i++)
		same = strcmp(a->ip[i].written.text, b->ip[i].written.text) == 0;
	return same && same_texts(a->cn, a->ncn, b->cn, b->ncn) &&
	       same_texts(a->ou, a->nou, b->ou, b->nou) && same_texts(a->dns, a->ndns, b->dns, b->ndns) &&
	       same_texts(a->uri, a->nuri, b->uri, b->nuri) &&
	       same_texts(a->spki, a->nspki, b->spki, b->nspki);
}

static bool same_client(const struct config_client_auth *a, const struct config_client_auth *b)
{
	return a == b || (a->mode == b->mode && a->depth == b->depth && same_text(a->ca, b->ca) &&
			  same_text(a->crl, b->crl) && same_text(a->names, b->names) &&
			  same_allow(a->allow, b->allow));
}

static bool same_terms(const struct tls_terms *a, const struct tls_terms *b)
{
	return a->min == b->min && a->max == b->max && same_texts(a->alpn, a->nalpn, b->alpn, b->nalpn) &&
	       same_client(a->client, b->client);
}

/* ---- the plan ---- */

static struct tls_terms listener_terms(const struct config_tls_in *c)
{
	return (struct tls_terms){
		.min = c->min_version,
		.max = c->max_version,
		.alpn = c->alpn,
		.nalpn = c->nalpn,
		.client = &c->client_auth,
	};
}

static struct tls_terms entry_terms(const struct config_tls_in *c, const struct config_cert *f)
{
	struct tls_terms t = listener_terms(c);

	t.min = config_version(f->min_version, c->min_version);
	t.max = config_version(f->max_version, c->max_version);
	if (f->nalpn > 0) {
		t.alpn = f->alpn;
		t.nalpn = f->nalpn;
	}
	if (f->client_auth != NULL)
		t.client = &f->client_auth->auth;
	return t;
}

/* Without names an entry has no settings, and its certificate's names go by the listener's rules. */
static void plan_entry(struct tls_plan *p, const struct config_tls_in *c, size_t i)
{
	struct tls_terms t = entry_terms(c, &c->certificates[i]);
	unsigned j = 0;

	if (c->certificates[i].nnames == 0)
		return;
	while (j < p->n && !same_terms(&p->terms[j], &t))
		j++;
	if (j == p->n)
		p->terms[p->n++] = t;
	p->of_cert[i] = (uint16_t)j;
}

static int make_rules(struct tls_ctx *x, struct tls_terms *t, struct tls_rules *r, struct text *err)
{
	int code = tls_ctx_alpn(&r->alpn, t->alpn, t->nalpn, err);

	r->magic = TLS_RULES_MAGIC;
	r->mode = t->client->mode;
	if (code == 0)
		code = tls_auth_load(x->worker, t->client, &t->auth, err);
	if (code == 0 && t->client->allow != NULL)
		code = tls_allow_new(t->client->allow, &r->allow, err);
	if (code == 0 && !t->auth.told && t->auth.store != NULL)
		code = tls_ctx_warn(x, t->auth.names != NULL ? t->client->names : t->client->ca,
				    "its names do not fit into a handshake, so clients are not told them "
				    "and choose their certificate by themselves");
	return code;
}

int tls_plan_load(struct tls_ctx *x, const struct config_tls_in *c, struct tls_plan *p,
		  struct text *err)
{
	int code = 0;

	*p = (struct tls_plan){
		.terms = calloc(c->ncertificates + 1, sizeof(*p->terms)),
		.of_cert = calloc(c->ncertificates, sizeof(*p->of_cert)),
	};
	if (p->terms == NULL || p->of_cert == NULL)
		return -NP_ENOMEM;
	p->terms[p->n++] = listener_terms(c);
	for (size_t i = 0; i < c->ncertificates; i++)
		plan_entry(p, c, i);
	x->rules = calloc(p->n, sizeof(*x->rules));
	if (x->rules == NULL)
		return -NP_ENOMEM;
	for (; code == 0 && x->nrules < p->n; x->nrules++)
		code = make_rules(x, &p->terms[x->nrules], &x->rules[x->nrules], err);
	return code;
}

void tls_plan_fini(struct tls_plan *p)
{
	for (unsigned i = 0; i < p->n; i++)
		tls_auth_fini(&p->terms[i].auth);
	free(p->terms);
	free(p->of_cert);
	*p = (struct tls_plan){.terms = NULL};
}

void tls_rules_free(struct tls_rules *r, unsigned n)
{
	for (unsigned i = 0; r != NULL && i < n; i++)
		tls_allow_free(r[i].allow);
	free(r);
}

/* ---- a context ---- */

bool tls_rules_alpn(const struct tls_rules *r, const unsigned char *in, unsigned nin, const unsigned char **out,
		    unsigned char *n)
{
	unsigned char *found;

	if (SSL_select_next_proto(&found, n, r->alpn.list, r->alpn.n, in, nin) != OPENSSL_NPN_NEGOTIATED)
		return false;
	*out = found;
	return true;
}

/* The listener's order counts. Without a common protocol the handshake fails (RFC 7301, 3.2). */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
		       const unsigned char *in, unsigned nin, void *arg)
{
	const struct tls_rules *r = OBJ_CAST(arg, tls_rules, TLS_RULES_MAGIC);
	struct tls *t = SSL_get_app_data(ssl);

	if (tls_rules_alpn(r, in, nin, out, n))
		return SSL_TLSEXT_ERR_OK;
	t->why = TLS_WHY_NO_ALPN;
	tls_said_alpn(t, in, nin);
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int tls_rules_use(SSL_CTX *ssl, struct tls_rules *r, const struct tls_terms *says)
{
	if (r->alpn.n > 0)
		SSL_CTX_set_alpn_select_cb(ssl, choose_alpn, r);
	return SSL_CTX_set_app_data(ssl, r) == 1 ? tls_auth_apply(ssl, says->client, &says->auth)
						 : -NP_ENOMEM;
}
