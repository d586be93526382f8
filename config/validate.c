/* validate: listeners and upstreams as such, and the order of the parts. Works on the model
 * alone; every place comes from the origins that decode noted. */
#include "config/validate.h"

#include <string.h>

#include "config/validate_keys.h"
#include "config/validate_route.h"
#include "config/validate_tls.h"

/* ---- nothing twice ---- */

static void note_first(struct diag *d, struct config_pos first)
{
	diag_note(d, "the first is at %u:%u", first.line, first.column);
}

/* A second definition of a name is an error and not an override: which of the two counts would
 * be a guess. */
static void check_listener_names(struct diag *d, struct config *c, size_t i)
{
	struct config_listener *l = &c->listeners[i];

	for (size_t j = 0; j < i && l->name != NULL; j++) {
		struct config_listener *o = &c->listeners[j];

		if (o->name == NULL || strcmp(o->name, l->name) != 0)
			continue;
		diag_error(d, DIAG_NAME_TWICE, validate_origin("listeners[].name", l),
		           "a listener \"%s\" is already defined", l->name);
		note_first(d, validate_origin("listeners[].name", o));
		return;
	}
}

static void check_upstream_names(struct diag *d, struct config *c, size_t i)
{
	struct config_upstream *u = &c->upstreams[i];

	for (size_t j = 0; j < i && u->name != NULL; j++) {
		struct config_upstream *o = &c->upstreams[j];

		if (o->name == NULL || strcmp(o->name, u->name) != 0)
			continue;
		diag_error(d, DIAG_NAME_TWICE, validate_origin("upstreams[].name", u),
		           "an upstream \"%s\" is already defined", u->name);
		note_first(d, validate_origin("upstreams[].name", o));
		return;
	}
}

static bool is_v6_wildcard(const struct np_addr *a)
{
	return a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

/* Where the file binds the IPv4 wildcard of that port, in any listener; NULL: nowhere. Port 0 is
 * another port each time. */
static const struct config_text *v4_wildcard_at(const struct config *c, int port)
{
	for (size_t i = 0; i < c->nlisteners && port != 0; i++) {
		const struct config_listener *l = &c->listeners[i];

		for (size_t j = 0; j < l->nbind; j++) {
			const struct np_addr *a = &l->bind[j];

			if (a->u.sa.sa_family == AF_INET && a->u.in4.sin_addr.s_addr == htonl(INADDR_ANY) &&
			    np_addr_port(&a->u.sa) == port)
				return &l->bind_text[j];
		}
	}
	return NULL;
}

/* Only equal addresses clash: 127.0.0.1:80 beside :80 is allowed, and the kernel prefers the
 * narrower one. Port 0 is another port each time. */
static bool clash(const struct np_addr *a, const struct np_addr *b)
{
	return np_addr_equal(a, b) && (np_addr_is_unix(a) || np_addr_port(&a->u.sa) != 0);
}

/* "[::]:P" beside "0.0.0.0:P" can only mean IPv6 alone: the two together are what other programs
 * write for both families. ":P" names both families itself, so it stays what it is. */
static void settle_families(struct config *c)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		struct config_listener *l = &c->listeners[i];

		for (size_t j = 0; j < l->nbind; j++)
			if (l->bind_text[j].text[0] == '[' && is_v6_wildcard(&l->bind[j]) &&
			    v4_wildcard_at(c, np_addr_port(&l->bind[j].u.sa)) != NULL)
				l->bind[j].v6_alone = true;
	}
}

/* The first address of the file that clashes with this one and stands before it, of this
 * listener or another. NULL: none. */
static const struct config_text *bound_before(const struct config *c, size_t listener, size_t bind)
{
	const struct np_addr *a = &c->listeners[listener].bind[bind];

	for (size_t i = 0; i <= listener; i++) {
		const struct config_listener *l = &c->listeners[i];
		size_t n = i == listener ? bind : l->nbind;

		for (size_t j = 0; j < n; j++)
			if (clash(&l->bind[j], a))
				return &l->bind_text[j];
	}
	return NULL;
}

/* One address can be bound once; the kernel would say so only at the start. */
/* ":P" beside "0.0.0.0:P": both would take IPv4. */
static void check_both_families(struct diag *d, const struct config *c, const struct np_addr *a,
				const struct config_text *text)
{
	const struct config_text *v4;

	if (text->text[0] != ':' || !is_v6_wildcard(a))
		return;
	v4 = v4_wildcard_at(c, np_addr_port(&a->u.sa));
	if (v4 == NULL)
		return;
	diag_error(d, DIAG_BOUND_TWICE, text->at, "the address %s takes IPv4 too, and %s is already bound",
	           text->text, v4->text);
	diag_note(d, "the IPv4 one is at %u:%u", v4->at.line, v4->at.column);
	diag_help(d, "write \"[::]%s\" for IPv6 alone, or leave %s out", text->text, v4->text);
}

static void check_bind(struct diag *d, const struct config *c, size_t listener)
{
	const struct config_listener *l = &c->listeners[listener];

	for (size_t j = 0; j < l->nbind; j++) {
		const struct config_text *first = bound_before(c, listener, j), *text = &l->bind_text[j];

		check_both_families(d, c, &l->bind[j], text);

		if (first != NULL) {
			diag_error(d, DIAG_BOUND_TWICE, text->at, "the address %s is already bound", text->text);
			note_first(d, first->at);
		}
		if (!np_addr_is_unix(&l->bind[j]) && np_addr_port(&l->bind[j].u.sa) == 0)
			diag_warn(d, DIAG_ANY_PORT, text->at, "port 0: the kernel chooses one, anew at each start");
	}
}

/* A server twice would get twice the share: that is what weight is for. */
static void check_servers(struct diag *d, struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		struct config_server *s = &u->servers[i];

		validate_values(d, KEY_SERVER, s);
		for (size_t j = 0; j < i && s->text != NULL; j++) {
			if (u->servers[j].text == NULL || !np_addr_equal(&u->servers[j].addr, &s->addr))
				continue;
			diag_error(d, DIAG_SERVER_TWICE, validate_origin("upstreams[].servers[].address", s),
			           "the server %s is already in this upstream", s->text);
			note_first(d, validate_origin("upstreams[].servers[].address", &u->servers[j]));
			diag_help(d, "give it a weight instead");
			break;
		}
	}
}

/* ---- warnings: legal, and surely not meant ---- */

/* By its index, in a default or in a route. */
static bool is_used(const struct config *c, size_t upstream)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		const struct config_listener *l = &c->listeners[i];

		if (l->upstream == upstream)
			return true;
		for (size_t j = 0; j < l->nroutes; j++)
			if (l->routes[j].upstream == upstream)
				return true;
	}
	return false;
}

/* The caller asks only when each reference resolves: one that does not may have meant this
 * upstream. */
static void doubt_use(struct diag *d, const struct config *c, size_t upstream)
{
	struct config_upstream *u = &c->upstreams[upstream];

	if (u->name != NULL && !is_used(c, upstream))
		diag_warn(d, DIAG_UNUSED, validate_origin("upstreams[].name", u), "no listener uses upstream \"%.80s\"",
		          u->name);
}

/* Two slips that leave an upstream useless: nothing takes connections, or the timer of an
 * attempt can never fire. */
static void doubt_upstream(struct diag *d, struct config_upstream *u)
{
	bool takes = u->nservers == 0;
	struct config_pos connect;

	for (size_t i = 0; i < u->nservers; i++)
		takes = takes || u->servers[i].weight > 0;
	if (!takes)
		diag_warn(d, DIAG_NO_SERVER, validate_origin("upstreams[].servers", u),
		          "every server has weight 0: each connection will be refused");
	connect = validate_origin("upstreams[].timeouts.connect", u);
	if (u->timeouts.connect > u->retry_budget)
		diag_warn(d, DIAG_SHORT_TIMER,
		          pos_known(connect) ? connect : validate_origin("upstreams[].retry_budget", u),
		          "timeouts.connect is longer than retry_budget, which ends the attempt first");
}

/* Settings that another setting makes pointless. Warnings, because a generated file may write
 * every key. */
static void doubt_listener(struct diag *d, const struct config *c, struct config_listener *l)
{
	int64_t all = c->limits.max_connections;
	struct config_pos idle = validate_origin("listeners[].timeouts.idle", l);

	if (l->max_connections == CONFIG_OFF && l->at_limit == CONFIG_AT_LIMIT_WAIT)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].at_limit", l),
		          "at_limit has no effect without max_connections");
	if (l->max_connections != CONFIG_OFF && all != CONFIG_AUTO && l->max_connections > all)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].max_connections", l),
		          "limits.max_connections is lower and is reached first");
	if (l->timeouts.idle != CONFIG_OFF && l->timeouts.lifetime < l->timeouts.idle && pos_known(idle))
		diag_warn(d, DIAG_SHORT_TIMER, idle, "lifetime is shorter, so this is never reached");
}

/* Upstreams first: a listener's references resolve to their indexes. */
void validate_run(struct config *c, struct diag *d)
{
	bool all_resolve = c->nlisteners > 0; /* without listeners nothing is used, and that is reported already */

	validate_values(d, KEY_TOP, c);
	settle_families(c);
	for (size_t i = 0; i < c->nupstreams; i++) {
		validate_values(d, KEY_UPSTREAM, &c->upstreams[i]);
		check_upstream_names(d, c, i);
		check_servers(d, &c->upstreams[i]);
		validate_upstream_tls(d, &c->upstreams[i]);
		doubt_upstream(d, &c->upstreams[i]);
	}
	for (size_t i = 0; i < c->nlisteners; i++) {
		validate_values(d, KEY_LISTENER, &c->listeners[i]);
		check_listener_names(d, c, i);
		check_bind(d, c, i);
		all_resolve = validate_routes(d, c, &c->listeners[i]) && all_resolve;
		validate_listener_tls(d, &c->listeners[i]);
		doubt_listener(d, c, &c->listeners[i]);
	}
	for (size_t i = 0; i < c->nupstreams && all_resolve; i++)
		doubt_use(d, c, i);
}
