/* names_list: one pass over the configured servers. */
#include "proxy/control/names_list.h"

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "netpoll/err.h"

/* ---- addresses that are no servers ---- */

static const char *why_no_server_v4(const struct in_addr *a)
{
	uint32_t ip = ntohl(a->s_addr);

	if (ip == INADDR_ANY)
		return "it is no host's address";
	if (IN_MULTICAST(ip) || ip == INADDR_BROADCAST)
		return "it is the address of a group";
	return NULL;
}

static const char *why_no_server_v6(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_UNSPECIFIED(a))
		return "it is no host's address";
	return IN6_IS_ADDR_MULTICAST(a) ? "it is the address of a group" : NULL;
}

static bool is_wildcard(const struct np_addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in4.sin_addr.s_addr == htonl(INADDR_ANY);
	return a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

static bool same_host(const struct np_addr *a, const struct sockaddr *b)
{
	if (b == NULL || a->u.sa.sa_family != b->sa_family)
		return false;
	if (b->sa_family == AF_INET)
		return a->u.in4.sin_addr.s_addr == ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
	return b->sa_family == AF_INET6 &&
	       IN6_ARE_ADDR_EQUAL(&a->u.in6.sin6_addr, &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr);
}

/* All of 127.0.0.0/8, ::1, and what the interfaces have. Asked only of an address with the port of a listener at all
 * addresses. Where a sandbox tells of no interface, the rest is known. */
static bool is_this_machine(const struct np_addr *a)
{
	struct ifaddrs *all = NULL;
	bool found = a->u.sa.sa_family == AF_INET ? ntohl(a->u.in4.sin_addr.s_addr) >> 24 == 127 :
						    IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr) != 0;

	if (found || getifaddrs(&all) != 0)
		return found;
	for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next)
		found = same_host(a, i->ifa_addr);
	freeifaddrs(all);
	return found;
}

static bool is_ours(const struct config *c, const struct np_addr *a)
{
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].nbind; j++) {
			const struct np_addr *b = &c->listeners[i].bind[j].addr;

			if (np_addr_is_unix(b) || np_addr_port(&b->u.sa) != np_addr_port(&a->u.sa))
				continue;
			if (same_host(a, &b->u.sa) || (is_wildcard(b) && is_this_machine(a)))
				return true;
		}
	return false;
}

/* Returns NULL: it may be a server. */
static const char *why_no_server(const struct config *c, const struct np_addr *addr)
{
	struct np_addr a = *addr;
	const char *why;

	np_addr_unmap(&a); /* ::ffff:0.0.0.0 is 0.0.0.0 */
	why = a.u.sa.sa_family == AF_INET ? why_no_server_v4(&a.u.in4.sin_addr) :
					    why_no_server_v6(&a.u.in6.sin6_addr);
	if (why == NULL && np_addr_port(&a.u.sa) == 0)
		why = "it has no port";
	if (why == NULL && is_ours(c, &a))
		why = "a listener of this process has it";
	return why;
}

/* ---- the list under way ---- */

struct making {
	struct names_list *list;
	const struct config *config;
	uint32_t *slots;        /* open addressing: the number of a spec, and 1; 0: free */
	uint32_t mask;          /* of slots, a power of two less one */
	struct dns_server *now; /* room for what a name stands for */
};

/* Returns whether it is new, and then it has its slot: the spec that comes next. */
static bool note_address(struct making *m, const struct np_addr *a)
{
	uint64_t h = np_addr_hash_host(&a->u.sa, a->len, 0) + (uint64_t)np_addr_port(&a->u.sa) * 0x9e3779b97f4a7c15u;
	uint32_t i = (uint32_t)(h >> 20) & m->mask;

	for (; m->slots[i] != 0; i = (i + 1) & m->mask)
		if (np_addr_equal(&m->list->specs[m->slots[i] - 1].addr, a))
			return false;
	m->slots[i] = m->list->n + 1;
	return true;
}

/* Options of the configured server hold for each of its addresses. */
static void add_spec(struct making *m, const struct server_spec *spec)
{
	if (note_address(m, &spec->addr))
		m->list->specs[m->list->n++] = *spec;
}

static struct server_spec spec_like(const struct config_server *s)
{
	return (struct server_spec){
		.addr = s->addr,
		.text = s->host == NULL ? s->text : NULL,
		.weight = (uint32_t)s->weight,
		.max_connections = s->max_connections == CONFIG_OFF ? 0 : (uint32_t)s->max_connections,
		.priority = (uint32_t)config_server_priority(s),
		.zone = s->zone,
	};
}

static void set_port(struct np_addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.in4.sin_port = htons(port);
	else
		a->u.in6.sin6_port = htons(port);
}

static void note_left_out(struct making *m, const struct config_server *s, const struct np_addr *a, const char *why)
{
	struct names_left_out *out = &m->list->left_out;

	if (out->n++ > 0)
		return;
	out->of = s;
	out->first = *a;
	out->why = why;
}

/* A host is looked up once, whatever ports it has in the file, so the port is put in here. */
static void add_addresses_of(struct making *m, const struct config_server *s, const struct dns_name *d, uint32_t from)
{
	unsigned n = d != NULL ? dns_name_servers(d, m->now, &m->list->cut) : 0;

	for (unsigned i = 0; i < n; i++) {
		struct server_spec spec = spec_like(s);
		const char *why;

		spec.addr = m->now[i].addr;
		spec.from = from;
		if (!s->srv)
			set_port(&spec.addr, s->port);
		if (s->srv)
			spec.weight = m->now[i].weight;
		spec.priority += m->now[i].tier; /* 0 of a host */
		why = why_no_server(m->config, &spec.addr);
		if (why == NULL)
			add_spec(m, &spec);
		else
			note_left_out(m, s, &spec.addr, why);
	}
}

/* How many servers there may be: one for each address of a host, and DNS_MEMBERS for a service. */
static size_t most_servers(const struct config_upstream *u,
			   const struct dns_name *(*find)(void *arg, const struct config_server *s), void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < u->nservers; i++) {
		const struct dns_name *d = u->servers[i].host != NULL ? find(arg, &u->servers[i]) : NULL;

		if (d != NULL)
			n += d->set.srv ? DNS_MEMBERS : d->set.n;
		else
			n++;
	}
	return n;
}

static bool making_init(struct making *m, size_t most)
{
	uint32_t size = 16;

	while (size < 2 * most)
		size *= 2;
	m->mask = size - 1;
	m->slots = calloc(size, sizeof(*m->slots));
	m->now = calloc(DNS_MEMBERS, sizeof(*m->now));
	m->list->specs = calloc(most + 1, sizeof(*m->list->specs));
	return m->slots != NULL && m->now != NULL && m->list->specs != NULL;
}

int names_list_make(struct names_list *list, const struct config *c, size_t i,
		    const struct dns_name *(*find)(void *arg, const struct config_server *s), void *arg)
{
	const struct config_upstream *u = &c->upstreams[i];
	struct making m = {.list = list, .config = c};
	bool made;

	*list = (struct names_list){0};
	made = making_init(&m, most_servers(u, find, arg));
	for (size_t j = 0; made && j < u->nservers; j++) {
		const struct config_server *s = &u->servers[j];
		struct server_spec spec = spec_like(s);

		if (s->host == NULL)
			add_spec(&m, &spec);
		else
			add_addresses_of(&m, s, find(arg, s), (uint32_t)j + 1);
	}
	free(m.slots);
	free(m.now);
	if (made)
		return 0;
	free(list->specs);
	list->specs = NULL;
	return -NP_ENOMEM;
}

bool names_bring_servers(const struct config_upstream *u)
{
	for (size_t i = 0; i < u->nservers; i++)
		if (u->servers[i].host != NULL)
			return true;
	return false;
}

static bool same_zone(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Members stand by tiers; their place is that in the list. */
bool names_list_same(const struct names_list *list, const struct upstream *u)
{
	if (u->members->n != list->n)
		return false;
	for (unsigned i = 0; i < list->n; i++) {
		const struct member *m = &u->members->at[i];
		const struct server_spec *s = &list->specs[m->place];

		if (!np_addr_equal(&m->server->addr, &s->addr) || m->weight != s->weight || m->from != s->from)
			return false;
		if (m->max_connections != s->max_connections || m->priority != s->priority ||
		    !same_zone(m->zone, s->zone))
			return false;
	}
	return true;
}
