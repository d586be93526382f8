/* validate_loop: follows connections from listener to listener.
 *
 *   listener --rule--> upstream --server--> an address of this machine = a bind address of a listener
 *
 * A chain of such hops is a use (one listener routes by name, the next one ends TLS); a circle is a
 * mistake. It is an error where every choice of rules comes back, and a warning where a rule may lead
 * out, also because a TLS leg asks for another name.
 *
 * Rejected: to judge by the bytes which rule takes the second pass; names, sources and ends of TLS
 * change on the way, and a wrong error would refuse a file that works.
 * Rejected: every simple circle of the graph. There can be 2^n of them; one for each listener and
 * rule is enough to mend the file. */
#include "config/validate_loop.h"

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/validate_keys.h"
#include "netpoll/check.h"
#include "netpoll/err.h"

#define NAMES_SHOWN  160      /* bytes of the names of a circle */

/* A server of an upstream that is an address of this machine: connections to it arrive at `bind` of
 * `to`. A server has few of these, since each is another way to write one port. */
struct arrival {
	struct arrival *next; /* of the same upstream */
	struct config_server *server;
	struct config_listener *to;
	const struct config_bind *bind;
};

/* One step of a circle: from a listener to where its connections arrive. */
struct hop {
	struct config_listener *from;
	const struct arrival *by;
};

/* All memory is the config's arena's. */
struct search {
	struct diag *d;
	struct config *c;
	struct ifaddrs *own;       /* owned; NULL: the kernel does not tell */
	struct arrival **arrivals; /* of each upstream, in the order of the file */
	bool *caught;              /* of each listener: no choice of rules leads out of it */
	bool *seen, *followed;     /* of each listener and upstream: already met from this start */
	struct hop *path;
};

/* ---- is it this machine? ---- */

/* IPv4 in IPv6 form is IPv4; a wildcard as a destination is the loopback address. */
static struct in6_addr host_of(const struct sockaddr *sa)
{
	struct in6_addr a = IN6ADDR_ANY_INIT;
	uint32_t v4;

	if (sa->sa_family == AF_INET6)
		a = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	if (sa->sa_family == AF_INET) {
		v4 = ((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr;
		a.s6_addr[10] = a.s6_addr[11] = 0xff;
		memcpy(&a.s6_addr[12], &v4, sizeof(v4));
	}
	return a;
}

static bool is_any_v4(const struct in6_addr *a)
{
	static const uint8_t zero[4];

	return IN6_IS_ADDR_V4MAPPED(a) && memcmp(&a->s6_addr[12], zero, sizeof(zero)) == 0;
}

static struct in6_addr destination(const struct np_addr *server)
{
	struct in6_addr a = host_of(&server->u.sa);

	if (IN6_IS_ADDR_UNSPECIFIED(&a))
		return (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	if (is_any_v4(&a)) {
		a.s6_addr[12] = 127;
		a.s6_addr[15] = 1;
	}
	return a;
}

static bool is_own(const struct search *s, const struct in6_addr *a)
{
	if (IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127))
		return true;
	for (const struct ifaddrs *i = s->own; i != NULL; i = i->ifa_next) {
		struct in6_addr own;

		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6)
			continue;
		own = host_of(i->ifa_addr);
		if (IN6_ARE_ADDR_EQUAL(&own, a))
			return true;
	}
	return false;
}

/* Does a connection to the server arrive at this bind address? */
static bool arrives_at(const struct search *s, const struct np_addr *server, const struct np_addr *bind)
{
	struct in6_addr to, at;

	if (np_addr_is_unix(server) || np_addr_is_unix(bind))
		return np_addr_equal(server, bind);
	if (np_addr_port(&server->u.sa) != np_addr_port(&bind->u.sa))
		return false;
	to = destination(server);
	at = host_of(&bind->u.sa);
	if (IN6_ARE_ADDR_EQUAL(&to, &at))
		return true;
	if (is_any_v4(&at))
		return IN6_IS_ADDR_V4MAPPED(&to) && is_own(s, &to);
	if (!IN6_IS_ADDR_UNSPECIFIED(&at) || (bind->v6_alone && IN6_IS_ADDR_V4MAPPED(&to)))
		return false;
	return is_own(s, &to);
}

/* The bind address of `to` at which connections to the server arrive; NULL: none. */
static const struct config_bind *bind_of(const struct search *s, const struct config_server *server,
					 const struct config_listener *to)
{
	for (size_t i = 0; i < to->nbind; i++)
		if (to->bind[i].text != NULL && arrives_at(s, &server->addr, &to->bind[i].addr))
			return &to->bind[i];
	return NULL;
}

/* ---- can a connection leave? ---- */

static bool has_conditions(const struct config_route *r)
{
	return r->nsni > 0 || r->nalpn > 0 || r->nsource > 0 || !config_route_opens_any(r);
}

/* Does the next listener go on with a connection that comes by the upstream? It refuses one without
 * the PROXY header that it requires, and a handshake that is none: behind the end of TLS come plain
 * bytes, and behind a header that it does not expect comes the hello too late. */
static bool goes_on(const struct config_listener *from, const struct config_upstream *u,
		    const struct config_listener *to)
{
	bool sends = u->proxy_protocol != CONFIG_PROXY_OUT_OFF;
	bool requires = to->proxy_protocol.accept == CONFIG_PROXY_IN_REQUIRED;

	if (requires && !sends)
		return false;
	if (to->tls == NULL)
		return true;
	return sends == requires && (u->tls != NULL || from->tls == NULL);
}

/* Does some server of the upstream lead to a listener that no connection leaves? */
static bool is_caught_by(const struct search *s, const struct config_listener *l, size_t upstream)
{
	if (upstream == CONFIG_NO_UPSTREAM)
		return false;
	for (const struct arrival *a = s->arrivals[upstream]; a != NULL; a = a->next)
		if (s->caught[a->to - s->c->listeners] && goes_on(l, &s->c->upstreams[upstream], a->to))
			return true;
	return false;
}

/* By whichever rule. A listener without an upstream of its own closes what no route takes: that is a
 * way out. */
static bool is_caught(const struct search *s, const struct config_listener *l)
{
	for (size_t i = 0; i < l->nroutes; i++) {
		if (!is_caught_by(s, l, l->routes[i].upstream))
			return false;
		if (!has_conditions(&l->routes[i]))
			return true;
	}
	return is_caught_by(s, l, l->upstream);
}

/* Assume that no connection leaves any listener, and take back what is not true, until nothing
 * changes: the rest is what no choice of rules leaves. */
static void find_caught(struct search *s)
{
	bool changed = true;

	memset(s->caught, 1, s->c->nlisteners * sizeof(*s->caught));
	while (changed) {
		changed = false;
		for (size_t i = 0; i < s->c->nlisteners; i++) {
			if (!s->caught[i] || is_caught(s, &s->c->listeners[i]))
				continue;
			s->caught[i] = false;
			changed = true;
		}
	}
}

/* ---- words ---- */

static const char *name_of(const struct config_listener *l)
{
	return l->name != NULL ? l->name : "?";
}

/* "a -> b -> a" */
static void write_names(const struct hop *path, size_t n, char names[NAMES_SHOWN])
{
	size_t at = 0;

	for (size_t i = 0; i < n && at < NAMES_SHOWN; i++)
		at += (size_t)snprintf(names + at, NAMES_SHOWN - at, "%.63s -> ", name_of(path[i].from));
	if (at < NAMES_SHOWN)
		snprintf(names + at, NAMES_SHOWN - at, "%.63s", name_of(path[0].from));
}

static void report_circle(const struct search *s, size_t n)
{
	const struct arrival *last = s->path[n - 1].by;
	struct config_pos at = validate_origin("upstreams[].servers[].address", last->server);
	const char *name = name_of(last->to);
	char names[NAMES_SHOWN] = "";
	bool sure = s->caught[last->to - s->c->listeners];

	write_names(s->path, n, names);
	if (!sure)
		diag_warn(s->d, DIAG_LOOP_MAYBE, at, "the server %s may lead back to listener \"%.63s\": %s",
			  last->server->text, name, names);
	else if (n == 1)
		diag_error(s->d, DIAG_LOOP, at,
			   "the server %s is the listener \"%.80s\" itself, which uses this upstream",
			   last->server->text, name);
	else
		diag_error(s->d, DIAG_LOOP, at, "the server %s leads back to listener \"%.63s\": %s",
			   last->server->text, name, names);
	diag_note(s->d, "bound at %s", diag_place(s->d, last->bind->origin[0]).text);
	diag_help(s->d, sure ? "write the address of another server, or of another listener"
			     : "make sure that on its way a rule leads elsewhere");
}

/* ---- the search ---- */

static void follow(struct search *s, struct config_listener *l, size_t depth);

/* Each upstream once from each start: it leads to the same listeners whichever rule names it. A
 * listener before the start was the start of a search of its own. */
static void follow_upstream(struct search *s, struct config_listener *l, size_t upstream, size_t depth)
{
	if (upstream == CONFIG_NO_UPSTREAM || s->followed[upstream])
		return;
	s->followed[upstream] = true;
	for (const struct arrival *a = s->arrivals[upstream]; a != NULL; a = a->next) {
		size_t to = (size_t)(a->to - s->c->listeners);

		s->path[depth] = (struct hop){l, a};
		if (a->to == s->path[0].from)
			report_circle(s, depth + 1);
		if (a->to <= s->path[0].from || s->seen[to])
			continue;
		s->seen[to] = true;
		follow(s, a->to, depth + 1);
	}
}

/* Rules behind one that takes everything never take anything. */
static void follow(struct search *s, struct config_listener *l, size_t depth)
{
	DCHECK(depth < s->c->nlisteners, "a path longer than there are listeners");
	for (size_t i = 0; i < l->nroutes; i++) {
		follow_upstream(s, l, l->routes[i].upstream, depth);
		if (!has_conditions(&l->routes[i]))
			return;
	}
	follow_upstream(s, l, l->upstream, depth);
}

static void follow_all(struct search *s)
{
	for (size_t i = 0; i < s->c->nlisteners; i++) {
		memset(s->seen, 0, s->c->nlisteners * sizeof(*s->seen));
		memset(s->followed, 0, s->c->nupstreams * sizeof(*s->followed));
		follow(s, &s->c->listeners[i], 0);
	}
}

/* ---- where servers lead ---- */

static int note_arrivals(struct search *s, struct config_server *server, struct arrival ***tail)
{
	for (size_t i = 0; i < s->c->nlisteners; i++) {
		struct config_listener *l = &s->c->listeners[i];
		const struct config_bind *bind = bind_of(s, server, l);
		struct arrival *a;

		if (bind == NULL)
			continue;
		a = arena_alloc(&s->c->arena, sizeof(*a));
		if (a == NULL)
			return -NP_ENOMEM;
		*a = (struct arrival){.server = server, .to = l, .bind = bind};
		**tail = a;
		*tail = &a->next;
	}
	return 0;
}

/* All that the search takes memory for.   Returns  0 or -NP_ENOMEM. */
static int search_init(struct search *s)
{
	struct arena *arena = &s->c->arena;
	int err = 0;

	s->arrivals = arena_array(arena, s->c->nupstreams, sizeof(struct arrival *));
	s->followed = arena_array(arena, s->c->nupstreams, sizeof(*s->followed));
	s->seen = arena_array(arena, s->c->nlisteners, sizeof(*s->seen));
	s->caught = arena_array(arena, s->c->nlisteners, sizeof(*s->caught));
	s->path = arena_array(arena, s->c->nlisteners, sizeof(*s->path));
	if (s->arrivals == NULL || s->followed == NULL || s->seen == NULL || s->caught == NULL || s->path == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < s->c->nupstreams; i++) {
		struct config_upstream *u = &s->c->upstreams[i];
		struct arrival **tail = &s->arrivals[i];

		for (size_t j = 0; j < u->nservers && err == 0; j++)
			if (u->servers[j].text != NULL && u->servers[j].host == NULL)
				err = note_arrivals(s, &u->servers[j], &tail);
	}
	return err;
}

int validate_loops(struct diag *d, struct config *c)
{
	struct search s = {.d = d, .c = c};
	int err;

	if (c->nlisteners == 0 || c->nupstreams == 0)
		return 0;
	if (getifaddrs(&s.own) != 0)
		s.own = NULL; /* a sandbox: loopback addresses are known without it */
	err = search_init(&s);
	if (err == 0) {
		find_caught(&s);
		follow_all(&s);
	}
	if (s.own != NULL)
		freeifaddrs(s.own);
	return err;
}
