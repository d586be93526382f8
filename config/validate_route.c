/* validate_route: where a listener's connections go. */
#include <stdio.h>
#include <string.h>

#include "config/validate.h"
#include "config/text/word.h"

/* ---- references ------------------------------------------------------------------------------ */

/* A name of an upstream, and who says it. */
struct reference {
	const char       *name;
	struct config_pos at;
	char              who[128]; /* `listener "web"` */
};

static void undefined(struct diag *d, const struct config *c, const struct reference *r)
{
	struct word_search s;

	diag_error(d, DIAG_UNDEFINED, r->at, "upstream \"%.80s\" is not defined (referenced by %s)", r->name, r->who);
	word_search_init(&s, r->name);
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].name != NULL)
			word_search_try(&s, c->upstreams[i].name);
	diag_suggest(d, s.best);
	for (size_t i = 0; i < c->nupstreams && s.best != NULL; i++)
		if (c->upstreams[i].name == s.best) {
			struct config_pos at = validate_origin("upstreams[].name", &c->upstreams[i]);

			diag_note(d, "\"%s\" is defined at %u:%u", s.best, at.line, at.column);
		}
}

/* Connections that came in here and are sent here would come in again, without end. */
static void check_loop(struct diag *d, const struct config_listener *l, struct config_upstream *u)
{
	for (size_t i = 0; i < l->nbind; i++)
		for (size_t j = 0; j < u->nservers; j++) {
			struct config_server *s = &u->servers[j];

			if (s->text == NULL || !np_addr_equal(&l->bind[i], &s->addr))
				continue;
			diag_error(d, DIAG_LOOP, validate_origin("upstreams[].servers[].address", s),
			           "the server %s is the listener \"%.80s\" itself, which uses this upstream", s->text,
			           l->name == NULL ? "" : l->name);
			diag_note(d, "bound at %u:%u", l->bind_text[i].at.line, l->bind_text[i].at.column);
		}
}

/* Returns whether it is defined; then *upstream is its index. */
static bool resolve(struct diag *d, const struct config *c, const struct config_listener *l,
                    const struct reference *r, size_t *upstream)
{
	if (r->name == NULL || c->nupstreams == 0)
		return false;
	for (size_t i = 0; i < c->nupstreams; i++) {
		if (c->upstreams[i].name == NULL || strcmp(c->upstreams[i].name, r->name) != 0)
			continue;
		*upstream = i;
		check_loop(d, l, &c->upstreams[i]);
		return true;
	}
	undefined(d, c, r);
	return false;
}

static bool resolve_default(struct diag *d, const struct config *c, struct config_listener *l)
{
	struct reference r = {.name = l->upstream_name, .at = validate_origin("listeners[].upstream", l)};

	l->upstream = CONFIG_NO_UPSTREAM;
	if (l->upstream_name == NULL && l->nroutes > 0 && !pos_known(r.at))
		return true;
	snprintf(r.who, sizeof(r.who), "listener \"%.80s\"", l->name == NULL ? "" : l->name);
	return resolve(d, c, l, &r, &l->upstream);
}

static bool resolve_route(struct diag *d, const struct config *c, const struct config_listener *l, size_t i)
{
	struct config_route *route = &l->routes[i];
	struct reference r = {.name = route->upstream_name,
	                      .at = validate_origin("listeners[].routes[].upstream", route)};

	snprintf(r.who, sizeof(r.who), "route %zu of listener \"%.80s\"", i + 1, l->name == NULL ? "" : l->name);
	return resolve(d, c, l, &r, &route->upstream);
}

/* ---- routes that none can match -------------------------------------------------------------- */

static bool asks_for_hello(struct config_route *r)
{
	return validate_is_written("listeners[].routes[].sni", r) ||
	       validate_is_written("listeners[].routes[].alpn", r);
}

static bool takes_everything(struct config_route *r)
{
	return !asks_for_hello(r) && !validate_is_written("listeners[].routes[].source", r) &&
	       r->tls == CONFIG_OPENING_ANY;
}

/* The first route that leaves nothing to what stands behind it, or NULL. */
static struct config_route *last_taker(const struct config_listener *l)
{
	for (size_t i = 0; i < l->nroutes; i++)
		if (takes_everything(&l->routes[i]))
			return &l->routes[i];
	return NULL;
}

static void doubt_route(struct diag *d, const struct config_listener *l, struct config_route *r)
{
	struct config_pos at = validate_origin("listeners[].routes[].tls", r);

	if (r->tls != CONFIG_OPENING_NONE)
		return;
	if (l->tls != NULL)
		diag_warn(d, DIAG_UNREACHABLE, at, "TLS ends here, so a client without it comes to no route");
	else if (asks_for_hello(r))
		diag_warn(d, DIAG_UNREACHABLE, at, "a client without TLS sends neither sni nor alpn");
}

static void doubt_order(struct diag *d, struct config_listener *l)
{
	struct config_route *taker = last_taker(l);
	struct config_pos upstream = validate_origin("listeners[].upstream", l);

	if (taker == NULL)
		return;
	for (struct config_route *r = taker + 1; r < l->routes + l->nroutes; r++) {
		diag_warn(d, DIAG_UNREACHABLE, r->at, "no connection comes to this route");
		diag_note(d, "the one at %u:%u takes them all", taker->at.line, taker->at.column);
	}
	if (!pos_known(upstream))
		return;
	diag_warn(d, DIAG_UNREACHABLE, upstream, "no connection is left for this upstream");
	diag_note(d, "the route at %u:%u takes them all", taker->at.line, taker->at.column);
}

static void doubt_preread(struct diag *d, struct config_listener *l)
{
	static const char *const keys[] = {"listeners[].preread.timeout", "listeners[].preread.on_timeout",
		"listeners[].preread.silence", "listeners[].preread.max_bytes"};

	for (size_t i = 0; i < l->nroutes; i++)
		if (asks_for_hello(&l->routes[i]) || l->routes[i].tls != CONFIG_OPENING_ANY)
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

bool validate_routes(struct diag *d, const struct config *c, struct config_listener *l)
{
	bool all = resolve_default(d, c, l);

	for (size_t i = 0; i < l->nroutes; i++) {
		validate_values(d, KEY_ROUTE, &l->routes[i]);
		all = resolve_route(d, c, l, i) && all;
		doubt_route(d, l, &l->routes[i]);
	}
	doubt_order(d, l);
	doubt_preread(d, l);
	doubt_silence(d, l);
	return all;
}
