/* Which certificates a client gets: from the names in them to the groups that serve them, and from
 * the name in the ClientHello to a group. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/ssl.h>

#include "netpoll/check.h"
#include "proxy/proto/hello.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_ctx_rules.h"
#include "proxy/tls/tls_ctx_size.h"
#include "proxy/tls/tls_priv.h"
#include "proxy/tls/tls_said.h"

/* ---- building ---- */

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(size_t *)arg;
	return 0;
}

struct naming {
	struct tls_ctx *x;
	const struct config_tls_in *c;
	const struct tls_plan *plan;
	struct text *err;
	int cert;
	uint32_t nsaid; /* names below it are said by the config: no certificate adds to them */
	struct tls_group
		*by_name; /* owned, by the name's number: certificates and rules, no SSL_CTX yet */
};

static const char *cert_path(const struct naming *n, int cert)
{
	return n->c->certificates[cert].cert;
}

static int other_settings(const struct naming *n, const char *name, const struct tls_group *g)
{
	int first = 0;

	while (g->cert[first] < 0)
		first++;
	text_problem(n->err, name, "it has other settings with ", -NP_EINVAL);
	text_str(n->err, cert_path(n, n->cert));
	text_str(n->err, " than with ");
	text_str(n->err, cert_path(n, g->cert[first]));
	return -NP_EINVAL;
}

/* The first certificate of each kind that has the name serves it. Names of a certificate are one
 * certificate's word, and those that the config says come before them. */
static int serve_name(struct naming *n, const char *name, bool said)
{
	uint16_t rules = said ? n->plan->of_cert[n->cert] : 0;
	uint32_t before = n->x->names.n;
	int id = name_set_add(&n->x->names, name);
	struct tls_group *g;
	int16_t *slot;

	if (id == -NP_EINVAL)
		return 0; /* not a host name, as an address in a DNS field: no client asks for it */
	if (id < 0)
		return id;
	g = &n->by_name[id];
	if ((uint32_t)id == before) {
		memset(g->cert, -1, sizeof(g->cert));
		g->rules = rules;
	}
	if (!said && (uint32_t)id < n->nsaid)
		return 0;
	if (g->rules != rules)
		return other_settings(n, name, g);
	slot = &g->cert[n->x->certs[n->cert].kind];
	if (*slot >= 0 && said)
		return tls_ctx_warn(n->x, name,
				    "%s is never shown for it: %s has a key of the same kind and comes first",
				    cert_path(n, n->cert), cert_path(n, *slot));
	if (*slot < 0)
		*slot = (int16_t)n->cert;
	return 0;
}

static int assign_name(void *arg, const char *name)
{
	return serve_name(arg, name, false);
}

/* ---- names that the config says ---- */

static int add_name(void *arg, const char *name)
{
	int id = name_set_add(arg, name);

	return id == -NP_EINVAL || id >= 0 ? 0 : id;
}

static int not_covered(const struct naming *n, const char *name)
{
	return tls_ctx_warn(n->x, name, "%s is not made out to it, so clients that verify it refuse it",
			    cert_path(n, n->cert));
}

/* Names with a star last, since asking for one adds it to the set. */
static int judge_names(const struct naming *n, struct name_set *own)
{
	const struct config_cert *f = &n->c->certificates[n->cert];
	int err = 0;

	for (size_t i = 0; err == 0 && i < f->nnames; i++)
		if (f->names[i].text[0] != '*' &&
		    name_set_find(own, f->names[i].text, strlen(f->names[i].text)) < 0)
			err = not_covered(n, f->names[i].text);
	for (size_t i = 0; err == 0 && i < f->nnames; i++) {
		uint32_t before = own->n;

		if (f->names[i].text[0] == '*' && name_set_add(own, f->names[i].text) == (int)before)
			err = not_covered(n, f->names[i].text);
	}
	return err;
}

/* Warns of names that the certificate does not have. */
static int doubt_coverage(const struct naming *n)
{
	const struct tls_cert *cert = &n->x->certs[n->cert];
	struct name_set own = {0};
	size_t most = n->c->certificates[n->cert].nnames;
	int err = tls_cert_names(cert, count_name, &most);

	if (err == 0)
		err = name_set_init(&own, most, NAME_ONE_LABEL);
	if (err == 0)
		err = tls_cert_names(cert, add_name, &own);
	if (err == 0)
		err = judge_names(n, &own);
	name_set_fini(&own);
	return err;
}

static int serve_said_names(struct naming *n)
{
	const struct config_cert *f = &n->c->certificates[n->cert];
	int err = f->nnames > 0 && n->x->worker->proves ? doubt_coverage(n) : 0;

	for (size_t i = 0; err == 0 && i < f->nnames; i++) {
		const char *name = f->names[i].text;

		if (name[0] != '*' && name_set_find(&n->x->refused, name, strlen(name)) >= 0)
			err = text_problem(n->err, name, "refuse_sni refuses it, so nobody is served by it",
					   -NP_EINVAL);
		else
			err = serve_name(n, name, true);
	}
	return err;
}

static int refuse_names(struct tls_ctx *x, const struct config_tls_in *c)
{
	int err = name_set_init(&x->refused, c->nrefuse_sni, NAME_ANY_DEPTH);

	for (size_t i = 0; err == 0 && i < c->nrefuse_sni; i++)
		err = add_name(&x->refused, c->refuse_sni[i].text);
	return err;
}

/* ---- groups ---- */

/* The group with these certificates and rules, made if there is none yet. Names for which both are
 * equal share one. */
static uint32_t group_with(struct tls_ctx *x, const int16_t cert[TLS_CERT_KINDS], uint16_t rules)
{
	for (unsigned i = 0; i < x->ngroups; i++)
		if (x->groups[i].rules == rules &&
		    memcmp(x->groups[i].cert, cert, sizeof(x->groups[i].cert)) == 0)
			return i;
	memcpy(x->groups[x->ngroups].cert, cert, sizeof(x->groups[0].cert));
	x->groups[x->ngroups].rules = rules;
	return x->ngroups++;
}

/* Makes groups[0]: the certificates of a name that the config's first one serves, with the
 * listener's rules. If that certificate serves no name, it forms a group alone. */
static void default_group(struct tls_ctx *x, const struct tls_group *by_name)
{
	int16_t alone[TLS_CERT_KINDS];

	memset(alone, -1, sizeof(alone));
	alone[x->certs[0].kind] = 0;
	for (uint32_t i = 0; i < x->names.n; i++)
		if (by_name[i].cert[x->certs[0].kind] == 0) {
			group_with(x, by_name[i].cert, 0);
			return;
		}
	group_with(x, alone, 0);
}

/* Those that the config says first, then those of the certificates of the other entries. */
static int serve_all(struct naming *n)
{
	int err = 0;

	for (; err == 0 && n->cert < (int)n->x->ncerts; n->cert++)
		err = serve_said_names(n);
	n->nsaid = n->x->names.n;
	for (n->cert = 0; err == 0 && n->cert < (int)n->x->ncerts; n->cert++)
		if (n->c->certificates[n->cert].nnames == 0)
			err = tls_cert_names(&n->x->certs[n->cert], assign_name, n);
	return err;
}

static int count_names(const struct tls_ctx *x, const struct config_tls_in *c, size_t *most)
{
	int err = 0;

	for (unsigned i = 0; i < x->ncerts && err == 0; i++)
		if (c->certificates[i].nnames > 0)
			*most += c->certificates[i].nnames;
		else
			err = tls_cert_names(&x->certs[i], count_name, most);
	return err;
}

/* Routes and refuse_sni take a star at any depth. Two labels below a star clients refuse the certificate,
 * but its rules hold: or a client would get round them on its way to a route. */
static int list_below(struct tls_ctx *x, const struct config_tls_in *c, size_t most)
{
	int err = name_set_init(&x->below, most, NAME_ANY_DEPTH);

	x->star = calloc(most + 1, sizeof(*x->star));
	if (err != 0 || x->star == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < x->ncerts; i++)
		for (size_t j = 0; j < c->certificates[i].nnames; j++) {
			const char *name = c->certificates[i].names[j].text;
			int in_names = name[0] == '*' ? name_set_add(&x->names, name) : -NP_EINVAL;
			int id = in_names >= 0 ? name_set_add(&x->below, name) : -NP_EINVAL;

			if (id >= 0)
				x->star[id] = (uint32_t)in_names;
		}
	return 0;
}

int tls_ctx_name_groups(struct tls_ctx *x, const struct config_tls_in *c, const struct tls_plan *p,
			struct text *err)
{
	size_t most = 0;
	struct naming n = {.x = x, .c = c, .plan = p, .err = err};
	int code = count_names(x, c, &most);

	if (code == 0)
		code = name_set_init(&x->names, most, NAME_ONE_LABEL);
	if (code == 0)
		code = refuse_names(x, c);
	n.by_name = calloc(most + 1, sizeof(*n.by_name));
	x->group_of = calloc(most + 1, sizeof(*x->group_of));
	x->groups = calloc(most + 1, sizeof(*x->groups));
	if (n.by_name == NULL || x->group_of == NULL || x->groups == NULL)
		code = -NP_ENOMEM;
	if (code == 0)
		code = serve_all(&n);
	if (code == 0)
		code = list_below(x, c, most);
	if (code == 0)
		default_group(x, n.by_name);
	for (uint32_t i = 0; code == 0 && i < x->names.n; i++)
		x->group_of[i] = group_with(x, n.by_name[i].cert, n.by_name[i].rules);
	free(n.by_name);
	return code;
}

/* ---- the ClientHello ---- */

/* The name that the client asks for, by the parser that routes use too (hello.h). h->sent is the
 * name in lower case, of h->nsent bytes: 0 without one. A malformed extension gives no name here,
 * and OpenSSL refuses it a moment later. */
static void read_asked_name(SSL *ssl, struct hello *h)
{
	const unsigned char *body;
	size_t n;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &body, &n))
		hello_read_name(h, body, n);
	else
		hello_init(h, HELLO_MAX);
}

/* RFC 6066, 3: a session is not resumed under another name. OpenSSL sees to it in TLS 1.3; in TLS
 * 1.2 it would resume under the old name. */
bool tls_ctx_other_name(SSL *ssl, const SSL_SESSION *s)
{
	const char *had = SSL_SESSION_get0_hostname(s);
	struct hello h;

	if (SSL_SESSION_get_protocol_version(s) >= TLS1_3_VERSION)
		return false;
	read_asked_name(ssl, &h);
	if (had == NULL || h.name == HELLO_NAME_NONE)
		return had != NULL || h.name != HELLO_NAME_NONE;
	return strlen(had) != h.nsent || strncasecmp(had, h.sent, h.nsent) != 0;
}

/* OK acknowledges the name: then OpenSSL keeps it in the session, and SSL_get_servername returns it
 * for a resumed session too. */
int tls_ctx_servername(SSL *ssl, int *alert, void *arg)
{
	(void)alert;
	(void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL ? SSL_TLSEXT_ERR_OK
									  : SSL_TLSEXT_ERR_NOACK;
}

/* The newest version of the hello, for the log: supported_versions (RFC 8446, 4.2.1: a byte of
 * length, then versions), else the legacy field. GREASE and drafts have another first byte than 3.
 * */
static uint16_t newest_version(SSL *ssl)
{
	unsigned newest = SSL_client_hello_get0_legacy_version(ssl);
	const unsigned char *p;
	size_t n;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &p, &n))
		return (uint16_t)newest;
	newest = 0;
	for (size_t i = 1; i + 1 < n; i += 2)
		if (p[i] == 3 && 0x300u + p[i + 1] > newest)
			newest = 0x300u + p[i + 1];
	return (uint16_t)newest;
}

/* SSL_set_SSL_CTX brings certificates, the store to verify with, ALPN and the session id context, but
 * neither versions nor what a client is asked for. */
static void use_group(SSL *ssl, SSL_CTX *group)
{
	SSL_set_SSL_CTX(ssl, group);
	(void)!SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(group));
	(void)!SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(group));
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(group), SSL_CTX_get_verify_callback(group));
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(group));
}

static int refuse_name(struct tls *t, enum tls_failure code, const struct hello *h, int *alert)
{
	t->why = (uint8_t)code;
	tls_said_name(t, code, h->sent, h->nsent);
	if (t->refused == NULL && h->nsent > 0) /* SSL_get_servername does not know the name yet */
		t->refused = strndup(h->sent, h->nsent);
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_CLIENT_HELLO_ERROR;
}

/* The number of the name asked for, or -1. */
static int find_name(const struct tls_ctx *x, const char *name, size_t n)
{
	int id = n > 0 ? name_set_find(&x->names, name, n) : -1;
	int star = id < 0 && n > 0 && !x->strict ? name_set_find(&x->below, name, n) : -1;

	DCHECK(id < (int)x->names.n, "a name's number is that of a name of this context");
	return star >= 0 ? (int)x->star[star] : id;
}

enum tls_failure tls_ctx_group_of(const struct tls_ctx *x, const char *name, size_t n, uint32_t *group)
{
	int id;

	if (n > 0 && name_set_find(&x->refused, name, n) >= 0)
		return TLS_WHY_NAME_REFUSED;
	id = find_name(x, name, n);
	if (id < 0 && x->strict)
		return TLS_WHY_UNKNOWN_NAME;
	*group = id >= 0 ? x->group_of[id] : 0;
	return TLS_WHY_NONE;
}

/* Two hellos that ask for different rules (RFC 8446, 4.1.2 forbids it): those of the first were agreed on,
 * and routes would go by the name of the second. */
static int refuse_change(struct tls *t, int *alert)
{
	t->why = TLS_WHY_BROKEN;
	tls_said_words(t, "the client asked for another name in its second hello");
	*alert = SSL_AD_ILLEGAL_PARAMETER;
	return SSL_CLIENT_HELLO_ERROR;
}

/* Chooses the group by the name, before OpenSSL looks at anything else: tickets above all, since
 * they are judged by the group's rules. */
int tls_ctx_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = OBJ_CAST(SSL_get_app_data(ssl), tls, TLS_MAGIC);
	struct tls_ctx *x = OBJ_CAST(arg, tls_ctx, TLS_CTX_MAGIC);
	bool second = t->offered != 0;
	enum tls_failure why;
	uint32_t group;
	struct hello h;

	t->offered = newest_version(ssl);
	read_asked_name(ssl, &h);
	why = tls_ctx_group_of(x, h.sent, h.nsent, &group);
	if (why != TLS_WHY_NONE)
		return refuse_name(t, why, &h, alert);
	if (second && SSL_get_SSL_CTX(ssl) != x->groups[group].ssl)
		return refuse_change(t, alert);
	if (group != 0)
		use_group(ssl, x->groups[group].ssl);
	return SSL_CLIENT_HELLO_SUCCESS;
}
