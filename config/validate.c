/* validate: listeners and upstreams as such, and the order of the parts. Works on the model
 * alone; every place comes from the origins that decode noted. */
#include "config/validate.h"

#include <string.h>

#include "config/units.h"
#include "config/validate_check.h"
#include "config/validate_control.h"
#include "config/validate_dns.h"
#include "config/validate_keys.h"
#include "config/validate_log.h"
#include "config/validate_loop.h"
#include "config/validate_route.h"
#include "config/validate_tls.h"
#include "config/validate_upstream.h"

#define BIND "listeners[].bind[]."
#define KEEPALIVE_TIME (195 * UNITS_S) /* proxy/conn/relay_age.h */

/* ---- nothing twice ---- */

static void note_first(struct diag *d, struct config_pos first)
{
	diag_note(d, "the first is at %s", diag_place(d, first).text);
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
static const struct config_bind *v4_wildcard_at(const struct config *c, int port)
{
	for (size_t i = 0; i < c->nlisteners && port != 0; i++) {
		const struct config_listener *l = &c->listeners[i];

		for (size_t j = 0; j < l->nbind; j++) {
			const struct np_addr *a = &l->bind[j].addr;

			if (a->u.sa.sa_family == AF_INET && a->u.in4.sin_addr.s_addr == htonl(INADDR_ANY) &&
			    np_addr_port(&a->u.sa) == port)
				return &l->bind[j];
		}
	}
	return NULL;
}

/* Only equal addresses clash: 127.0.0.1:80 beside :80 is allowed, and the kernel prefers the
 * narrower one. Port 0 is another port each time. */
static bool clash(const struct np_addr *a, const struct np_addr *b)
{
	return np_addr_equal(a, b) && (np_addr_is_unix(a) || np_addr_is_named(a) || np_addr_port(&a->u.sa) != 0);
}

/* "[::]:P" beside "0.0.0.0:P" can only mean IPv6 alone: the two together are what other programs
 * write for both families. ":P" names both families itself, so it stays what it is. */
static void settle_families(struct config *c)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		struct config_listener *l = &c->listeners[i];

		for (size_t j = 0; j < l->nbind; j++)
			if (is_v6_wildcard(&l->bind[j].addr) && l->bind[j].text[0] == '[' &&
			    v4_wildcard_at(c, np_addr_port(&l->bind[j].addr.u.sa)) != NULL)
				l->bind[j].addr.v6_alone = true;
	}
}

/* The first address of the file that clashes with this one and stands before it, of this
 * listener or another. NULL: none. */
static const struct config_bind *bound_before(const struct config *c, size_t listener, size_t bind)
{
	const struct config_bind *b = &c->listeners[listener].bind[bind];

	for (size_t i = 0; i <= listener; i++) {
		const struct config_listener *l = &c->listeners[i];
		size_t n = i == listener ? bind : l->nbind;

		for (size_t j = 0; j < n; j++)
			if (l->bind[j].text != NULL && b->text != NULL && clash(&l->bind[j].addr, &b->addr))
				return &l->bind[j];
	}
	return NULL;
}

/* Three or four digits of octal, and nothing that a socket's file cannot have. */
static bool is_mode(const char *text)
{
	size_t n = strspn(text, "01234567");

	return text[n] == '\0' && (n == 3 || (n == 4 && text[0] == '0'));
}

/* user, user:group or :group. Whether they exist is the machine's affair. */
static bool is_owner(const char *text)
{
	const char *colon = strchr(text, ':');

	return text[0] != '\0' && (colon == NULL || (colon[1] != '\0' && strchr(colon + 1, ':') == NULL));
}

/* Only a Unix socket with a path has a file. */
static void check_socket_file(struct diag *d, struct config_bind *b)
{
	bool file = np_addr_is_unix(&b->addr) && !np_addr_is_abstract(&b->addr);

	if (b->mode != NULL && !is_mode(b->mode))
		diag_error(d, DIAG_NUMBER, validate_origin(BIND "mode", b),
		           "\"mode\" cannot be \"%.100s\": write three octal digits, as in \"660\" or \"0660\"",
		           b->mode);
	if (b->owner != NULL && !is_owner(b->owner))
		diag_error(d, DIAG_TEXT, validate_origin(BIND "owner", b),
		           "\"owner\" cannot be \"%.100s\": write user, user:group or :group", b->owner);
	if (b->text != NULL && !file && (b->mode != NULL || b->owner != NULL))
		diag_error(d, DIAG_CONFLICT, validate_origin(b->mode != NULL ? BIND "mode" : BIND "owner", b),
		           "\"mode\" and \"owner\" are for a Unix socket's file, and %s has none", b->text);
}

/* One address can be bound once; the kernel would say so only at the start. */
static void check_bind(struct diag *d, const struct config *c, size_t listener)
{
	const struct config_listener *l = &c->listeners[listener];

	for (size_t j = 0; j < l->nbind; j++) {
		const struct config_bind *first = bound_before(c, listener, j);
		struct config_bind *b = &l->bind[j];

		validate_values(d, KEY_BIND_AT, b);
		if (first != NULL) {
			diag_error(d, DIAG_BOUND_TWICE, b->origin[0], "the address %s is already bound", b->text);
			note_first(d, first->origin[0]);
		}
		if (b->text != NULL && b->addr.u.sa.sa_family != AF_UNIX && !np_addr_is_named(&b->addr) &&
		    np_addr_port(&b->addr.u.sa) == 0)
			diag_warn(d, DIAG_ANY_PORT, b->origin[0],
			          "port 0: the kernel chooses one, anew at each start");
		check_socket_file(d, b);
	}
}

/* Which of the two weights counts would be a guess. */
static void check_service(struct diag *d, struct config_server *s)
{
	struct config_pos weight = validate_origin("upstreams[].servers[].weight", s);

	if (!s->srv || !pos_known(weight))
		return;
	diag_error(d, DIAG_CONFLICT, weight,
	           "\"weight\" cannot stand beside %.80s: SRV records have weights of their own", s->text);
	diag_help(d, "leave it out, or name the hosts one by one");
}

/* A server twice would get twice the share: that is what weight is for. */
static void check_servers(struct diag *d, struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		struct config_server *s = &u->servers[i];

		validate_values(d, KEY_SERVER, s);
		if (s->backup && s->priority > 0)
			diag_error(d, DIAG_CONFLICT, validate_origin("upstreams[].servers[].priority", s),
			           "\"backup: true\" is priority 1: write one of the two");
		check_service(d, s);
		for (size_t j = 0; j < i && s->text != NULL; j++) {
			if (u->servers[j].text == NULL || !config_server_same(&u->servers[j], s))
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

/* Ports of protocols whose servers speak first. */
static const char *speaks_first(int port)
{
	static const struct {
		int port;
		const char *protocol;
	} known[] = {
		{21, "FTP"}, {22, "SSH"}, {25, "SMTP"}, {110, "POP3"}, {119, "NNTP"}, {143, "IMAP"}, {465, "SMTP"},
		{587, "SMTP"}, {873, "rsync"}, {3306, "MySQL"}, {5900, "VNC"},
	};

	for (size_t i = 0; i < array_len(known); i++)
		if (known[i].port == port)
			return known[i].protocol;
	return NULL;
}

/* The first server of an upstream that will wait for a client who waits for it. */
static bool doubt_server(struct diag *d, struct config_listener *l, const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++) {
		const struct config_server *s = &u->servers[i];
		const char *protocol = speaks_first(s->host != NULL ? s->port : np_addr_port(&s->addr.u.sa));

		if (protocol == NULL)
			continue;
		diag_warn(d, DIAG_WAITS, validate_origin("listeners[].connect", l),
			  "clients of %.80s wait for ever: by its port it is %s, whose servers speak first",
			  s->text, protocol);
		return true;
	}
	return false;
}

/* Where TLS ends here the handshake comes before the dial anyway, and behind it the client may wait. */
static void doubt_connect(struct diag *d, const struct config *c, struct config_listener *l)
{
	if (l->connect != CONFIG_CONNECT_FIRST_BYTE)
		return;
	if (l->tls != NULL) {
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].connect", l),
			  "connect has no effect with tls: a ClientHello comes first");
		return;
	}
	if (l->upstream < c->nupstreams && doubt_server(d, l, &c->upstreams[l->upstream]))
		return;
	for (size_t i = 0; i < l->nroutes; i++)
		if (l->routes[i].upstream < c->nupstreams && doubt_server(d, l, &c->upstreams[l->routes[i].upstream]))
			return;
}

/* Ages and silences that do not go together. */
static void doubt_timeouts(struct diag *d, struct config_listener *l)
{
	struct config_pos idle = validate_origin("listeners[].timeouts.idle", l);
	struct config_pos policy = validate_origin("listeners[].timeouts.idle_policy", l);

	if (l->timeouts.idle != CONFIG_OFF && l->timeouts.lifetime < l->timeouts.idle && pos_known(idle))
		diag_warn(d, DIAG_SHORT_TIMER, idle,
		          "timeouts.idle is longer than timeouts.lifetime, which ends the connection first");
	if (l->timeouts.idle_policy == CONFIG_IDLE_POLICY_ALIVE && l->timeouts.idle == CONFIG_OFF)
		diag_warn(d, DIAG_NO_EFFECT, policy, "idle_policy has no effect: timeouts.idle is off");
	else if (l->timeouts.idle_policy == CONFIG_IDLE_POLICY_ALIVE && l->timeouts.idle < KEEPALIVE_TIME)
		diag_warn(d, DIAG_SHORT_TIMER, policy,
		          "timeouts.idle is shorter than the 195s in which keepalive finds that a peer is gone, so "
		          "idle_policy: alive keeps it for up to 195s more");
	if (l->timeouts.lifetime_jitter > 0 && l->timeouts.lifetime == CONFIG_OFF)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].timeouts.lifetime_jitter", l),
		          "lifetime_jitter has no effect: timeouts.lifetime is off");
}

/* Who connects to a Unix socket has no address. */
static void doubt_sources(struct diag *d, struct config_listener *l)
{
	const struct config_source *s = &l->per_source;
	bool limits = s->connections != CONFIG_OFF || s->rate != CONFIG_OFF;
	struct config_pos at = validate_origin(s->rate == CONFIG_OFF ? "listeners[].per_source.connections" :
							     "listeners[].per_source.rate", l);

	if (s->rate == CONFIG_OFF && s->burst != CONFIG_AUTO)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].per_source.burst", l),
			  "per_source.burst has no effect without per_source.rate");
	for (size_t i = 0; limits && i < l->nbind; i++) {
		const struct config_bind *b = &l->bind[i];
		const struct config_proxy_in *in = b->proxy_protocol != NULL ? &b->proxy_protocol->in :
									     &l->proxy_protocol;

		if (b->text == NULL || !np_addr_is_unix(&b->addr) || in->accept == CONFIG_PROXY_IN_REQUIRED)
			continue;
		diag_warn(d, DIAG_NO_EFFECT, at,
			  "per_source has no effect at %.120s: its clients have no address without a PROXY header",
			  b->text);
	}
}

/* Settings that another setting makes pointless. Warnings, because a generated file may write
 * every key. */
static void doubt_listener(struct diag *d, const struct config *c, struct config_listener *l)
{
	int64_t all = c->limits.max_connections;

	if (l->max_connections == CONFIG_OFF && l->tls == NULL && l->rate == CONFIG_OFF &&
	    l->at_limit == CONFIG_AT_LIMIT_WAIT)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].at_limit", l),
		          "at_limit has no effect without max_connections, rate or tls");
	if (l->max_connections != CONFIG_OFF && all != CONFIG_AUTO && l->max_connections > all)
		diag_warn(d, DIAG_NO_EFFECT, validate_origin("listeners[].max_connections", l),
		          "max_connections has no effect: limits.max_connections is lower and is reached first");
	doubt_connect(d, c, l);
	doubt_timeouts(d, l);
	doubt_sources(d, l);
}

/* Upstreams first: a listener's references resolve to their indexes. */
int validate_run(struct config *c, struct diag *d)
{
	bool all_resolve = c->nlisteners > 0; /* without listeners nothing is used, and that is reported already */

	validate_values(d, KEY_TOP, c);
	validate_control(d, c);
	validate_dns(d, c);
	validate_log(d, c);
	settle_families(c);
	for (size_t i = 0; i < c->nupstreams; i++) {
		validate_values(d, KEY_UPSTREAM, &c->upstreams[i]);
		check_upstream_names(d, c, i);
		check_servers(d, &c->upstreams[i]);
		validate_upstream_tls(d, &c->upstreams[i]);
		validate_checks(d, &c->upstreams[i]);
		validate_upstream(d, c, &c->upstreams[i]);
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
	return validate_loops(d, c);
}
