/* check_tls: two blocks to one. */
#include "config/check_tls.h"

#include "config/decode.h"
#include "config/host.h"
#include "config/key.h"
#include "config/shape.h"
#include "config/validate_keys.h"
#include "config/validate_tls.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

struct check_speaker check_speaker_of(const struct config_upstream *u)
{
	struct config_check_send *send = u->health.send;
	struct config_check_http *http = u->health.http;
	struct config_check_tls *tls = u->health.tls;

	if (send != NULL)
		return (struct check_speaker){send, "upstreams[].health.send", &send->own, send->tls};
	if (http != NULL)
		return (struct check_speaker){http, "upstreams[].health.http", &http->own, http->tls};
	if (tls != NULL)
		return (struct check_speaker){tls, "upstreams[].health.tls", &tls->own, CONFIG_CHECK_TLS_ON};
	return (struct check_speaker){0};
}

bool check_speaks_tls(const struct config_upstream *u)
{
	struct check_speaker s = check_speaker_of(u);

	if (s.check == NULL || s.use == CONFIG_CHECK_TLS_OFF)
		return false;
	return s.use == CONFIG_CHECK_TLS_ON || u->tls != NULL;
}

/* The Host of a request is the name of whom it asks, as a browser has it. NULL: it is none that SNI can say. */
static const char *host_asked(const struct config_upstream *u)
{
	const char *host = u->health.http != NULL ? u->health.http->host : NULL;

	if (host == NULL || strcmp(host, CONFIG_CHECK_AUTO) == 0 || shape_is_ip(host))
		return NULL;
	return host_check(host, strlen(host)) == HOST_OK ? host : NULL;
}

bool check_has_written_name(const struct config_upstream *u)
{
	return u->tls != NULL && validate_is_written("upstreams[].tls.name", u->tls);
}

/* Where connections ask for what their client asked for, there is no client: the check says it as without a tls. */
const char *check_asked_name(const struct config_upstream *u)
{
	const struct check_speaker s = check_speaker_of(u);

	if (s.check != NULL && s.own->sni != NULL)
		return s.own->sni;
	if (u->tls != NULL && !config_sni_is_clients(u->tls))
		return u->tls->sni;
	return check_has_written_name(u) ? NULL : host_asked(u);
}

/* ---- the block ---- */

/* Where a problem of its files is told: at the check's own keys, as far as it has them. */
static void place_own(struct config_tls_out *t, const struct check_speaker *s)
{
	const struct config_key *ca = key_child(s->path, "ca");

	CHECK(ca != NULL, "each check that can speak TLS has a key ca");
	t->at = *(const struct config_pos *)((const char *)s->check + key_scopes[ca->scope].at);
	*key_origin(key_find("upstreams[].tls.ca"), t) = *key_origin(ca, s->check);
}

/* A protocol that is the client's has nobody who speaks it here. */
static void resolve_alpn(struct config_tls_out *t, const struct config_check_tls *own)
{
	if (config_alpn_is_clients(t))
		t->nalpn = 0;
	if (own == NULL || own->nalpn == 0)
		return;
	t->alpn = own->alpn;
	t->nalpn = own->nalpn;
}

/* A name that validation put into the block, the one host of all servers, is what connections verify because nothing
 * is asked for: it must not stand before what the check asks for (t->sni). NULL: that counts, or else the server's
 * address. A block that verifies nothing has no such name, although the check may verify. */
static const char *name_to_verify(const struct config_upstream *u, const struct config_tls_out *t)
{
	if (check_has_written_name(u))
		return u->tls->name;
	if (t->sni != NULL || (u->tls != NULL && !t->verify))
		return NULL;
	return validate_only_host(u);
}

static int resolve_one(struct config *c, struct config_upstream *u)
{
	const struct check_speaker s = check_speaker_of(u);
	struct config_tls_out *t = arena_alloc(&c->arena, sizeof(*t));
	int err = 0;

	if (t == NULL)
		return -NP_ENOMEM;
	if (u->tls != NULL)
		*t = *u->tls;
	else
		err = decode_defaults(&c->arena, KEY_TLS_OUT, t);
	if (err != 0)
		return err;
	t->sni = check_asked_name(u);
	t->verify = s.own->verify;
	t->name = name_to_verify(u, t);
	if (s.own->ca != NULL)
		t->ca = s.own->ca;
	if (s.own->ca != NULL || u->tls == NULL)
		place_own(t, &s);
	resolve_alpn(t, u->health.tls);
	u->health.speaks = t;
	return 0;
}

int check_tls_resolve(struct config *c)
{
	for (size_t i = 0; i < c->nupstreams; i++) {
		int err = check_speaks_tls(&c->upstreams[i]) ? resolve_one(c, &c->upstreams[i]) : 0;

		if (err != 0)
			return err;
	}
	return 0;
}
