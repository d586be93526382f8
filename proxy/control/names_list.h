/* names_list: the servers of an upstream out of its configuration and of what DNS says now: the configured list in its
 * order, with the addresses of a name in the name's place. Pure, but for a look at this machine's own addresses.
 *
 * An address stands once in an upstream, where it is met first. Some are no servers, whoever says so in DNS, and are
 * left out: 0.0.0.0, those of groups, port 0, and those at which we listen ourselves (E66): a connection there would
 * come back to us until descriptors end. */
#ifndef PROXY_CONTROL_NAMES_LIST_H
#define PROXY_CONTROL_NAMES_LIST_H

#include "proxy/resolve/dns_name.h"
#include "proxy/upstream/upstream.h"

struct config;
struct config_server;
struct config_upstream;

/* Which addresses were left out, and why. */
struct names_left_out {
	unsigned n;
	const struct config_server *of; /* the name that has the first of them */
	struct np_addr first;
	const char *why; /* static */
};

struct names_list {
	struct server_spec *specs; /* owned: free(3); texts are NULL, or the configuration's */
	unsigned n;
	bool cut;                  /* a name has more than DNS_MEMBERS addresses */
	struct names_left_out left_out;
};

/* names_list_make: the servers of c->upstreams[i]. find: what is known of a name; NULL: nothing. Options of the file
 * hold for each address of a name, but a service's weights are those of its records, and the tiers of its records come
 * on top of its priority. Texts, zones and left_out.of are the configuration's.
 *   Returns  0 or -NP_ENOMEM.   Owns  list->specs. */
must_use int names_list_make(struct names_list *list, const struct config *c, size_t i,
			     const struct dns_name *(*find)(void *arg, const struct config_server *s), void *arg);

/* names_bring_servers: is one of its configured servers a name? */
bool names_bring_servers(const struct config_upstream *u);

/* names_list_same: are these the members of u, in this order? */
bool names_list_same(const struct names_list *list, const struct upstream *u);

#endif
