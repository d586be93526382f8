/* validate_tls: what TLS and the PROXY header need of each other's keys. Files are only named
 * here: a start loads them, and `check` tries them (proxy/cli/cli_check_tls.c), because this
 * layer has neither OpenSSL nor a disk. */
#include "config/validate_tls.h"

#include <stdio.h>
#include <string.h>

#include "config/units.h"
#include "config/validate_keys.h"

#define TLS_IN  "listeners[].tls."
#define TLS_OUT "upstreams[].tls."
#define PROXY   "listeners[].proxy_protocol."
#define PROXY_AT "listeners[].bind[].proxy_protocol."
#define TICKETS TLS_IN "session_tickets."
#define AUTH    TLS_IN "client_auth."
#define CERT    TLS_IN "certificates[]."
#define NAME_AUTH CERT "client_auth."

/* The key at `path` asks for another one, of the same struct, that is not there. */
static void missing_beside(struct diag *d, const char *path, const char *wanted, void *obj)
{
	diag_error(d, DIAG_MISSING, validate_origin(path, obj), "the key \"%s\" is missing beside \"%s\"",
	           key_name(key_find(wanted)), key_name(key_find(path)));
	validate_explain(d, wanted);
}

/* The first of the keys (numbers and texts; NULL ends them) that was chosen has no effect. */
static void no_effect(struct diag *d, const char *const *paths, void *obj, const char *why)
{
	for (; *paths != NULL; paths++) {
		if (!validate_is_chosen(*paths, obj))
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(*paths, obj), "\"%s\" has no effect: %s",
		          key_name(key_find(*paths)), why);
		return;
	}
}

/* ---- versions, on either side ---- */

/* The version keys of either side, so that one function judges both. */
struct versions {
	const char             *min, *max, *ciphers[2], *suites[2]; /* paths */
	enum config_tls_version oldest, newest;
	bool                    old, new; /* 1.2 and 1.3 are spoken, if only for some names */
	void                   *obj;
};

#define VERSIONS(above, tls) \
	{above "min_version", above "max_version", {above "ciphers"}, {above "ciphersuites"}, \
	 (tls)->min_version, (tls)->max_version, (tls)->min_version == CONFIG_TLS_VERSION_1_2, \
	 (tls)->max_version == CONFIG_TLS_VERSION_1_3, (tls)}

/* An empty span of versions is an error; a cipher list for a version outside the span is dead
 * text. */
static void check_versions(struct diag *d, const struct versions *v)
{
	const char *written = validate_is_written(v->min, v->obj) ? v->min : v->max;

	if (v->oldest > v->newest)
		diag_error(d, DIAG_CONFLICT, validate_origin(written, v->obj),
		           "min_version is newer than max_version: no version is left");
	else if (!v->old)
		no_effect(d, v->ciphers, v->obj, "TLS 1.2 is not spoken");
	else if (!v->new)
		no_effect(d, v->suites, v->obj, "TLS 1.3 is not spoken");
}

/* ---- listeners ---- */

static void widen_versions(struct versions *v, const struct config_tls_in *t)
{
	for (size_t i = 0; i < t->ncertificates; i++) {
		v->old |= t->certificates[i].min_version == CONFIG_NAME_VERSION_1_2;
		v->new |= t->certificates[i].max_version == CONFIG_NAME_VERSION_1_3;
	}
}

/* What clients are asked for, in the struct that obj is: a listener's, or those of some names. */
struct auth_in {
	const char                      *mode, *ca, *crl, *names, *allow; /* paths */
	enum key_scope_id                allow_scope;
	const struct config_client_auth *a;
	void                            *obj;
};

#define AUTH_IN(above, allow_scope, auth, obj) \
	{above "mode", above "ca", above "crl", above "names", above "allow", (allow_scope), (auth), (obj)}

/* Asked of the text: a list whose every element was refused has its own problem already. */
static bool names_anybody(enum key_scope_id scope, struct config_client_allow *a)
{
	const struct key_scope *s = &key_scopes[scope];

	for (size_t i = s->first; i < s->first + s->n; i++)
		if (pos_known(*key_origin(&key_rows[i], a)))
			return true;
	return false;
}

/* A list that lets nobody in, or one that nobody is held to, is not what was meant. */
static void check_allow(struct diag *d, const struct auth_in *in)
{
	struct config_client_allow *a = in->a->allow;

	if (a == NULL)
		return;
	if (in->a->mode == CONFIG_CLIENT_AUTH_OFF) {
		diag_error(d, DIAG_CONFLICT, validate_origin(in->allow, in->obj),
		           "\"allow\" needs client_auth.mode: required or optional beside it");
		validate_explain(d, in->mode);
	}
	if (!names_anybody(in->allow_scope, a)) {
		diag_error(d, DIAG_MISSING, validate_origin(in->allow, in->obj),
		           "\"allow\" lets nobody in: name a cn, ou, dns, uri, ip or spki");
		validate_explain(d, in->allow);
	}
	for (size_t i = 0; i < a->nuri; i++)
		if (strchr(a->uri[i].text, ':') == NULL)
			diag_error(d, DIAG_TEXT, a->uri[i].at,
			           "\"%.80s\" is no URI: a scheme and a colon come first", a->uri[i].text);
	for (size_t i = 0; i < a->nip; i++)
		if (a->ip[i].net.bits == CIDR_UNIX)
			diag_error(d, DIAG_NETWORK, a->ip[i].written.at,
			           "a certificate has no address of a Unix socket");
}

/* Without a ca no certificate can be verified, so a mode that asks for one, or a crl, would
 * refuse every client. */
static void check_client_auth(struct diag *d, const struct auth_in *in)
{
	if (!validate_is_written(in->ca, in->obj)) {
		if (in->a->mode != CONFIG_CLIENT_AUTH_OFF)
			missing_beside(d, in->mode, in->ca, in->obj);
		else if (in->a->crl != NULL)
			missing_beside(d, in->crl, in->ca, in->obj);
		else if (in->a->names != NULL)
			missing_beside(d, in->names, in->ca, in->obj);
	}
	check_allow(d, in);
}

/* Tickets that outlive their key cannot be opened: the shorter of the two lifetimes counts. */
static void doubt_tickets(struct diag *d, struct config_tls_in *t)
{
	static const char *const others[] = {TICKETS "keys", TICKETS "rotate", TICKETS "lifetime", NULL};
	struct config_pos lifetime = validate_origin(TICKETS "lifetime", t);

	if (!t->session_tickets.enabled)
		no_effect(d, others, t, "tickets are not enabled");
	else if (t->session_tickets.lifetime > t->session_tickets.rotate)
		diag_warn(d, DIAG_SHORT_TIMER, pos_known(lifetime) ? lifetime : validate_origin(TICKETS "rotate", t),
		          "a ticket may live longer than its key: rotate ends it before its lifetime");
}

static void check_cert(struct diag *d, struct config_cert *c)
{
	validate_values(d, KEY_CERT, c);
	if (c->ocsp_fetch && c->ocsp != NULL)
		diag_error(d, DIAG_CONFLICT, validate_origin(CERT "ocsp", c),
		           "\"ocsp\" and \"ocsp_fetch\" exclude each other: one answer is stapled");
	if (!c->ocsp_fetch && (c->ocsp_issuer != NULL || c->ocsp_cache != NULL))
		diag_error(d, DIAG_CONFLICT,
		           validate_origin(c->ocsp_issuer != NULL ? CERT "ocsp_issuer" : CERT "ocsp_cache", c),
		           "\"ocsp_issuer\" and \"ocsp_cache\" need \"ocsp_fetch: true\" beside them");
}

/* ---- names with settings of their own ---- */

/* Settings that no name has would hold for nobody. Asked of what was chosen: a dump writes auto. */
static void check_names_written(struct diag *d, struct config_cert *c)
{
	if (c->nnames > 0 || validate_is_written(CERT "names", c))
		return;
	if (validate_is_chosen(CERT "min_version", c))
		missing_beside(d, CERT "min_version", CERT "names", c);
	else if (validate_is_chosen(CERT "max_version", c))
		missing_beside(d, CERT "max_version", CERT "names", c);
	else if (validate_is_written(CERT "alpn", c))
		missing_beside(d, CERT "alpn", CERT "names", c);
	else if (c->client_auth != NULL)
		missing_beside(d, CERT "client_auth", CERT "names", c);
}

static void check_name_versions(struct diag *d, const struct config_tls_in *t, struct config_cert *c)
{
	const char *written = validate_is_written(CERT "min_version", c) ? CERT "min_version" : CERT "max_version";

	if (c->min_version == CONFIG_NAME_VERSION_AUTO && c->max_version == CONFIG_NAME_VERSION_AUTO)
		return;
	if (config_version(c->min_version, t->min_version) > config_version(c->max_version, t->max_version))
		diag_error(d, DIAG_CONFLICT, validate_origin(written, c),
		           "min_version is newer than max_version for these names: no version is left");
}

static void check_names(struct diag *d, const struct config_tls_in *t, struct config_cert *c)
{
	check_names_written(d, c);
	check_name_versions(d, t, c);
	for (size_t i = 0; i < c->nnames; i++)
		if (c->names[i].text[strlen(c->names[i].text) - 1] == '*')
			diag_error(d, DIAG_NAME, c->names[i].at,
			           "\"%.100s\" is no name of a certificate: a * stands for the first label alone",
			           c->names[i].text);
	if (c->client_auth != NULL) {
		const struct auth_in in = AUTH_IN(NAME_AUTH, KEY_NAME_ALLOW, &c->client_auth->auth, c->client_auth);

		validate_values(d, KEY_NAME_AUTH, c->client_auth);
		check_client_auth(d, &in);
	}
}

static bool asks_all(const struct config_tls_in *t, const struct config_cert *c)
{
	const struct config_client_auth *a = c->client_auth != NULL ? &c->client_auth->auth : &t->client_auth;

	return a->mode == CONFIG_CLIENT_AUTH_REQUIRED;
}

/* Can a client without a certificate get in by any name? Names that no certificate has get the
 * listener's rules. */
static bool lets_in_unknown(const struct config_tls_in *t)
{
	if (!t->strict_sni && t->client_auth.mode != CONFIG_CLIENT_AUTH_REQUIRED)
		return true;
	for (size_t i = 0; i < t->ncertificates; i++)
		if (!asks_all(t, &t->certificates[i]))
			return true;
	return false;
}

/* A name is the client's word. Where it does not decide where the connection goes, a name that asks
 * for certificates keeps nobody from the servers. */
static void doubt_names(struct diag *d, const struct config_listener *l)
{
	const struct config_tls_in *t = l->tls;

	for (size_t i = 0; i < l->nroutes; i++)
		if (l->routes[i].nsni > 0)
			return;
	for (size_t i = 0; i < t->ncertificates; i++) {
		struct config_cert *c = &t->certificates[i];

		if (c->client_auth == NULL || !asks_all(t, c) || !lets_in_unknown(t))
			continue;
		diag_warn(d, DIAG_UNVERIFIED, validate_origin(CERT "client_auth", c),
		          "a client without a certificate asks for another name and gets to the same servers: "
		          "no route has sni");
		diag_help(d, "ask for certificates at the listener too, or give each name a route of its own");
		return;
	}
}

static void check_tls_in(struct diag *d, struct config_tls_in *t)
{
	struct versions v = VERSIONS(TLS_IN, t);
	const struct auth_in auth = AUTH_IN(AUTH, KEY_CLIENT_ALLOW, &t->client_auth, t);

	widen_versions(&v, t);
	validate_values(d, KEY_TLS_IN, t);
	for (size_t i = 0; i < t->ncertificates; i++)
		check_cert(d, &t->certificates[i]);
	for (size_t i = 0; i < t->ncertificates; i++)
		check_names(d, t, &t->certificates[i]);
	check_versions(d, &v);
	check_client_auth(d, &auth);
	doubt_tickets(d, t);
}

/* A network of all addresses, of one family or both: every client may then write the header
 * itself. */
static bool is_everybody(const struct cidr *c)
{
	return c->bits == 0 || (c->bits == CIDR_V4_BITS && cidr_is_v4(c));
}

/* A header's keys, in the struct that obj is: a listener's, or those of one of its addresses. */
struct proxy_in {
	const char                   *accept, *trusted, *timeout, *others[5]; /* paths */
	const struct config_proxy_in *p;
	void                         *obj;
};

#define PROXY_IN(above, in, obj) \
	{above "accept", above "trusted", above "timeout", \
	 {above "trusted", above "untrusted", above "timeout", above "max_bytes"}, (in), (obj)}

/* A header that is required but trusted from nobody would turn every client away; one that is
 * off needs no settings. */
static void check_proxy_in(struct diag *d, const struct proxy_in *h)
{
	const struct config_proxy_in *p = h->p;

	if (p->accept == CONFIG_PROXY_IN_OFF) {
		no_effect(d, h->others, h->obj, "no PROXY header is accepted");
		return;
	}
	if (!validate_is_written(h->trusted, h->obj))
		missing_beside(d, h->accept, h->trusted, h->obj);
	for (size_t i = 0; i < p->ntrusted; i++)
		if (is_everybody(&p->trusted[i].net))
			diag_warn(d, DIAG_UNVERIFIED, p->trusted[i].written.at,
			          "any client may send a PROXY header, and so choose the address that it is known by");
	if (p->timeout < 3 * UNITS_S)
		diag_warn(d, DIAG_HASTY, validate_origin(h->timeout, h->obj),
		          "a client whose first packet is lost is closed: TCP takes up to 3s to send it again");
}

static void check_proxy_at(struct diag *d, struct config_bind_proxy *own)
{
	struct proxy_in h = PROXY_IN(PROXY_AT, &own->in, own);

	validate_values(d, KEY_BIND_PROXY, own);
	check_proxy_in(d, &h);
}

void validate_listener_tls(struct diag *d, struct config_listener *l)
{
	struct proxy_in h = PROXY_IN(PROXY, &l->proxy_protocol, l);

	check_proxy_in(d, &h);
	for (size_t i = 0; i < l->nbind; i++)
		if (l->bind[i].proxy_protocol != NULL)
			check_proxy_at(d, l->bind[i].proxy_protocol);
	if (l->tls == NULL)
		return;
	check_tls_in(d, l->tls);
	doubt_names(d, l);
}

/* ---- upstreams ---- */

/* A certificate and its key are one identity: half of it is an error, a password for no key is
 * dead text. */
static void check_identity(struct diag *d, struct config_tls_out *t)
{
	static const char *const password[] = {TLS_OUT "password_file", NULL};
	bool cert = validate_is_written(TLS_OUT "cert", t), key = validate_is_written(TLS_OUT "key", t);

	if (cert && !key)
		missing_beside(d, TLS_OUT "cert", TLS_OUT "key", t);
	if (key && !cert)
		missing_beside(d, TLS_OUT "key", TLS_OUT "cert", t);
	if (!key)
		no_effect(d, password, t, "there is no key");
}

/* The one host of all servers, where nothing else says which name to verify. Whoever answers for DNS may choose the
 * address, so the name is what must be right. NULL: they have several, or addresses, or services.
 * A dot at the end is of DNS alone: no certificate has it. */
const char *validate_only_host(const struct config_upstream *u)
{
	const char *host = u->nservers > 0 ? u->servers[0].host : NULL;

	for (size_t i = 0; i < u->nservers && host != NULL; i++) {
		const struct config_server *s = &u->servers[i];

		if (s->host == NULL || s->srv || strcmp(s->host, host) != 0)
			host = NULL;
	}
	return host != NULL && host[strlen(host) - 1] != '.' ? host : NULL;
}

/* A server behind a Unix socket has no address that a certificate could hold, and the address of a name proves
 * nothing. */
const struct config_server *validate_unnamed(const struct config_upstream *u)
{
	if (validate_only_host(u) != NULL)
		return NULL;
	for (size_t i = 0; i < u->nservers; i++) {
		const struct config_server *s = &u->servers[i];

		if (s->text != NULL && (s->host != NULL || np_addr_is_unix(&s->addr)))
			return s;
	}
	return NULL;
}

static void check_verified_name(struct diag *d, struct config_upstream *u)
{
	const struct config_server *unnamed = validate_unnamed(u);

	if (validate_is_written(TLS_OUT "name", u->tls) || validate_is_written(TLS_OUT "sni", u->tls))
		return;
	u->tls->name = validate_only_host(u);
	if (unnamed == NULL)
		return;
	diag_error(d, DIAG_MISSING, validate_origin("upstreams[].tls", u),
	           "the key \"name\" is missing in \"tls\": %.80s has no name to verify", unnamed->text);
	validate_explain(d, TLS_OUT "name");
}

/* Without verification any certificate will do, unless a pin names the key. */
static void check_verify(struct diag *d, struct config_upstream *u)
{
	static const char *const others[] = {TLS_OUT "ca", TLS_OUT "name", NULL};

	if (u->tls->verify) {
		check_verified_name(d, u);
		return;
	}
	if (!validate_is_written(TLS_OUT "pins", u->tls))
		diag_warn(d, DIAG_UNVERIFIED, validate_origin(TLS_OUT "verify", u->tls),
		          "anybody in between can be the server: verify is off and no key is pinned");
	no_effect(d, others, u->tls, "verify is off");
}

/* The client's protocol is one, so there is nothing to prefer beside it. */
static void check_protocols(struct diag *d, const struct config_tls_out *t)
{
	for (size_t i = 0; i < t->nalpn && t->nalpn > 1; i++)
		if (strcmp(t->alpn[i].text, CONFIG_CLIENT) == 0)
			diag_error(d, DIAG_CONFLICT, t->alpn[i].at,
			           "\"client\" stands alone: the one protocol of the client is offered");
}

static void check_tls_out(struct diag *d, struct config_upstream *u)
{
	struct versions v = VERSIONS(TLS_OUT, u->tls);
	struct config_pos timeout = validate_origin(TLS_OUT "handshake_timeout", u->tls);

	validate_values(d, KEY_TLS_OUT, u->tls);
	check_versions(d, &v);
	check_identity(d, u->tls);
	check_verify(d, u);
	check_protocols(d, u->tls);
	if (u->tls->handshake_timeout > u->retry_budget)
		diag_warn(d, DIAG_SHORT_TIMER,
		          pos_known(timeout) ? timeout : validate_origin("upstreams[].retry_budget", u),
		          "handshake_timeout is longer than retry_budget, which ends the attempt first");
}

/* The certificate has its place within the TLV of TLS. */
static void check_client_cert(struct diag *d, const struct config_upstream *u)
{
	const struct config_word *cert = NULL;

	for (size_t i = 0; i < u->ntlvs; i++) {
		if (u->tlvs[i].word == CONFIG_TLV_SSL)
			return;
		if (u->tlvs[i].word == CONFIG_TLV_CLIENT_CERT)
			cert = &u->tlvs[i];
	}
	if (cert != NULL)
		diag_error(d, DIAG_MISSING, cert->written.at,
		           "\"client_cert\" needs ssl beside it: it is a part of that TLV");
}

/* Version 1 is one line without TLVs. Two custom TLVs of one type would leave the choice to the
 * receiver. */
static void check_proxy_out(struct diag *d, struct config_upstream *u)
{
	static const char *const only_v2[] = {"upstreams[].tlvs", "upstreams[].custom_tlvs"};

	for (size_t i = 0; i < array_len(only_v2); i++)
		if (validate_is_written(only_v2[i], u) && u->proxy_protocol != CONFIG_PROXY_OUT_V2) {
			diag_error(d, DIAG_CONFLICT, validate_origin(only_v2[i], u),
			           "\"%s\" needs proxy_protocol: v2", key_name(key_find(only_v2[i])));
			validate_explain(d, "upstreams[].proxy_protocol");
		}
	check_client_cert(d, u);
	for (size_t i = 0; i < u->ncustom_tlvs; i++) {
		struct config_custom_tlv *t = &u->custom_tlvs[i];

		validate_values(d, KEY_CUSTOM_TLV, t);
		for (size_t j = 0; j < i; j++)
			if (u->custom_tlvs[j].type == t->type && t->type > 0)
				diag_error(d, DIAG_TWICE, validate_origin("upstreams[].custom_tlvs[].type", t),
				           "a TLV of type 0x%X is already there", (unsigned)t->type);
	}
}

void validate_upstream_tls(struct diag *d, struct config_upstream *u)
{
	check_proxy_out(d, u);
	if (u->tls != NULL)
		check_tls_out(d, u);
}
