/* validate_route: the references of a listener and its routes, and the routes that an earlier
 * one leaves nothing to. */
#include "config/validate_route.h"

#include <stdio.h>
#include <string.h>

#include "config/text/word.h"
#include "config/validate_keys.h"

#define ROUTE_TLS "listeners[].routes[].tls"

/* ---- references ---- */

/* A name of an upstream, and the part of the file that refers to it. */
struct reference {
	const char       *name;
	struct config_pos at;
	char              who[128]; /* `listener "web"` */
};

/* The nearest name that is defined is suggested, with its place: it may be the definition that
 * is misspelled. */
static void report_undefined(struct diag *d, const struct config *c, const struct reference *r)
{
	struct word_search s;

	/* An upstream whose own name could not be read may be the one: that is reported, and the
	 * reference is mended with it. */
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].name == NULL)
			return;
	diag_error(d, DIAG_UNDEFINED, r->at, "upstream \"%.80s\" is not defined (referenced by %s)", r->name, r->who);
	word_search_init(&s, r->name);
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].name != NULL)
			word_search_try(&s, c->upstreams[i].name);
	diag_suggest(d, s.best);
	for (size_t i = 0; i < c->nupstreams && s.best != NULL; i++)
		if (c->upstreams[i].name == s.best) {
			struct config_pos at = validate_origin("upstreams[].name", &c->upstreams[i]);

			diag_note(d, "\"%s\" is defined at %s", s.best, diag_place(d, at).text);
		}
}

/* Returns whether it is defined; then *upstream is its index. Without any upstream the missing
 * section is the problem, not each reference to it. */
static bool resolve(struct diag *d, const struct config *c, const struct reference *r, size_t *upstream)
{
	*upstream = CONFIG_NO_UPSTREAM;
	if (r->name == NULL || c->nupstreams == 0)
		return false;
	for (size_t i = 0; i < c->nupstreams; i++) {
		if (c->upstreams[i].name == NULL || strcmp(c->upstreams[i].name, r->name) != 0)
			continue;
		*upstream = i;
		return true;
	}
	report_undefined(d, c, r);
	return false;
}

/* The upstream of connections that no route takes. */
static bool resolve_default(struct diag *d, const struct config *c, struct config_listener *l)
{
	struct reference r = {.name = l->upstream_name, .at = validate_origin("listeners[].upstream", l)};

	l->upstream = CONFIG_NO_UPSTREAM;
	/* Beside routes the key may be left out; written and unreadable is another matter. */
	if (l->upstream_name == NULL && l->nroutes > 0 && !pos_known(r.at))
		return true;
	snprintf(r.who, sizeof(r.who), "listener \"%.80s\"", l->name == NULL ? "" : l->name);
	return resolve(d, c, &r, &l->upstream);
}

/* A route has no name: it is counted, as an operator counts them in the file. */
static bool resolve_route(struct diag *d, const struct config *c, const struct config_listener *l, size_t i)
{
	struct config_route *route = &l->routes[i];
	struct reference r = {.name = route->upstream_name,
	                      .at = validate_origin("listeners[].routes[].upstream", route)};

	snprintf(r.who, sizeof(r.who), "route %zu of listener \"%.80s\"", i + 1, l->name == NULL ? "" : l->name);
	return resolve(d, c, &r, &route->upstream);
}

/* ---- routes that none can match ---- */

/* Conditions are asked for as written, not as decoded: a list whose every element was refused is
 * a condition still. */
static bool asks_for_hello(struct config_route *r)
{
	return validate_is_written("listeners[].routes[].sni", r) ||
	       validate_is_written("listeners[].routes[].alpn", r);
}

static bool takes_everything(struct config_route *r)
{
	bool refused = validate_is_written(ROUTE_TLS, r) && r->ntls == 0;

	return !asks_for_hello(r) && !validate_is_written("listeners[].routes[].source", r) &&
	       config_route_opens_any(r) && !refused;
}

/* The first route that leaves nothing to what stands behind it, or NULL. */
static struct config_route *last_taker(const struct config_listener *l)
{
	for (size_t i = 0; i < l->nroutes; i++)
		if (takes_everything(&l->routes[i]))
			return &l->routes[i];
	return NULL;
}

/* Is the version one that a client can agree on with the TLS that ends here? */
static bool ends_here(const struct config_tls_in *t, unsigned version)
{
	if (version < CONFIG_OPENING_1_2)
		return false;
	return t->min_version <= version - CONFIG_OPENING_1_2 && version - CONFIG_OPENING_1_2 <= t->max_version;
}

/* none with TLS that ends here, or with a condition on the ClientHello, can never hold; nor can a
 * version that is not spoken. */
static void doubt_word(struct diag *d, const struct config_listener *l, struct config_route *r,
		       const struct config_word *w)
{
	bool version = w->word >= CONFIG_OPENING_1_0;

	if (version && config_route_names(r, CONFIG_OPENING_ONLY))
		diag_warn(d, DIAG_NO_EFFECT, w->written.at, "\"%s\" has no effect: only includes it", w->written.text);
	else if (w->word != CONFIG_OPENING_ANY && config_route_names(r, CONFIG_OPENING_ANY))
		diag_warn(d, DIAG_NO_EFFECT, w->written.at, "\"%s\" has no effect: any includes it", w->written.text);
	else if (w->word == CONFIG_OPENING_NONE && l->tls != NULL)
		diag_warn(d, DIAG_UNREACHABLE, w->written.at,
		          "no connection comes to this route: TLS ends at this listener, "
		          "which refuses a client without it");
	else if (w->word == CONFIG_OPENING_NONE && asks_for_hello(r))
		diag_warn(d, DIAG_UNREACHABLE, w->written.at,
		          "no connection comes to this route: a client without TLS sends neither sni nor alpn");
	else if (version && l->tls != NULL && !ends_here(l->tls, w->word))
		diag_warn(d, DIAG_UNREACHABLE, w->written.at,
		          "TLS ends here, and %s is not within min_version and max_version", w->written.text);
}

static void doubt_route(struct diag *d, const struct config_listener *l, struct config_route *r)
{
	for (size_t i = 0; i < r->ntls; i++)
		doubt_word(d, l, r, &r->tls[i]);
}

/* A star among its names, and no other condition that a client with a name may fail. */
static bool takes_every_name(struct config_route *r)
{
	bool star = false;

	for (size_t i = 0; i < r->nsni; i++)
		star |= strcmp(r->sni[i].text, "*") == 0;
	return star && (config_route_opens_any(r) || config_route_names(r, CONFIG_OPENING_ONLY)) &&
	       !validate_is_written("listeners[].routes[].alpn", r) &&
	       !validate_is_written("listeners[].routes[].source", r);
}

/* Names behind the star are dead. One warning for each. */
static void doubt_sni(struct diag *d, struct config_listener *l)
{
	struct config_route *taker = NULL;

	for (size_t i = 0; i < l->nroutes; i++) {
		struct config_route *r = &l->routes[i];

		if (takes_everything(r))
			return; /* doubt_order has said all about those behind it */
		if (taker != NULL && validate_is_written("listeners[].routes[].sni", r)) {
			diag_warn(d, DIAG_UNREACHABLE, r->at, "no connection comes to this route");
			diag_note(d, "the one at %s takes every name", diag_place(d, taker->at).text);
		}
		if (taker == NULL && takes_every_name(r))
			taker = r;
	}
}

/* Everything behind a route without conditions is dead: routes, and the listener's upstream. */
static void doubt_order(struct diag *d, struct config_listener *l)
{
	struct config_route *taker = last_taker(l);
	struct config_pos upstream = validate_origin("listeners[].upstream", l);

	if (taker == NULL)
		return;
	for (struct config_route *r = taker + 1; r < l->routes + l->nroutes; r++) {
		diag_warn(d, DIAG_UNREACHABLE, r->at, "no connection comes to this route");
		diag_note(d, "the route at %s takes them all", diag_place(d, taker->at).text);
	}
	if (!pos_known(upstream))
		return;
	diag_warn(d, DIAG_UNREACHABLE, upstream, "no connection is left for this upstream");
	diag_note(d, "the route at %s takes them all", diag_place(d, taker->at).text);
}

/* One warning is enough: both keys of preread are useless for the same reason. */
static void doubt_preread(struct diag *d, struct config_listener *l)
{
	static const char *const keys[] = {"listeners[].preread.timeout", "listeners[].preread.on_timeout",
		"listeners[].preread.silence", "listeners[].preread.max_bytes"};

	for (size_t i = 0; i < l->nroutes; i++)
		if (asks_for_hello(&l->routes[i]) || !config_route_opens_any(&l->routes[i]))
			return;
	for (size_t i = 0; i < array_len(keys); i++) {
		if (!validate_is_chosen(keys[i], l))
			continue;
		diag_warn(d, DIAG_NO_EFFECT, validate_origin(keys[i], l),
		          "preread has no effect without a route by sni, alpn or tls");
		return;
	}
}

/* A silence that the timeout overtakes is none. */
static void doubt_silence(struct diag *d, struct config_listener *l)
{
	if (l->preread.silence != CONFIG_OFF && l->preread.silence >= l->preread.timeout)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].preread.silence", l),
			"silence has no effect: preread.timeout passes before it");
}

/* Does any route come before this one, or the default, that goes to the same upstream? */
static bool met_before(const struct config_listener *l, size_t i)
{
	size_t upstream = i < l->nroutes ? l->routes[i].upstream : l->upstream;

	for (size_t j = 0; j < i; j++)
		if (l->routes[j].upstream == upstream)
			return true;
	return false;
}

/* Names are learnt where TLS ends, or where a route looks at the hello. */
static bool learns_names(const struct config_listener *l)
{
	bool hello = l->tls != NULL;

	for (size_t i = 0; i < l->nroutes; i++)
		hello |= asks_for_hello(&l->routes[i]) || !config_route_opens_any(&l->routes[i]);
	return hello;
}

/* A balance by names that are never seen would be round robin, with no word about it. */
static void check_hash_on_sni(struct diag *d, struct config *c, struct config_listener *l, size_t upstream)
{
	struct config_upstream *u = upstream != CONFIG_NO_UPSTREAM ? &c->upstreams[upstream] : NULL;

	if (u != NULL && config_hash_on(u) == 1 && !learns_names(l))
		diag_error(d, DIAG_CONFLICT, validate_origin("upstreams[].hash_on", u),
		           "listener \"%.63s\" learns no name of its clients to hash on: TLS does not end there, and "
		           "no route reads a hello", l->name == NULL ? "" : l->name);
}

/* `client` asks for what this listener never learns: then nothing is sent, with no word about it. */
static void doubt_client_words(struct diag *d, struct config *c, struct config_listener *l, size_t upstream)
{
	struct config_tls_out *t = upstream != CONFIG_NO_UPSTREAM ? c->upstreams[upstream].tls : NULL;

	if (t == NULL)
		return;
	if (config_sni_is_clients(t) && !learns_names(l))
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].tls.sni", t),
		          "listener \"%.63s\" learns no name of its clients: TLS does not end there, and no "
		          "route reads a hello", l->name == NULL ? "" : l->name);
	if (config_alpn_is_clients(t) && (l->tls == NULL || l->tls->nalpn == 0))
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("upstreams[].tls.alpn", t),
		          "listener \"%.63s\" agrees on no protocol with its clients: it has no alpn",
		          l->name == NULL ? "" : l->name);
}

bool validate_routes(struct diag *d, struct config *c, struct config_listener *l)
{
	bool all = resolve_default(d, c, l);

	for (size_t i = 0; i < l->nroutes; i++) {
		validate_values(d, KEY_ROUTE, &l->routes[i]);
		all = resolve_route(d, c, l, i) && all;
		doubt_route(d, l, &l->routes[i]);
	}
	for (size_t i = 0; i <= l->nroutes; i++)
		if (!met_before(l, i)) {
			size_t upstream = i < l->nroutes ? l->routes[i].upstream : l->upstream;

			doubt_client_words(d, c, l, upstream);
			check_hash_on_sni(d, c, l, upstream);
		}
	doubt_order(d, l);
	doubt_sni(d, l);
	doubt_preread(d, l);
	doubt_silence(d, l);
	return all;
}
