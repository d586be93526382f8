/* route: the rules of one listener, and which of them applies to a client.
 *
 * Rules are tried in their order: the first whose conditions all hold applies. A condition that is
 * not written holds for every client; of a list one element is enough. So the order of the rules
 * decides, not how specific a name is: a rule for "*.example.com" before one for "db.example.com"
 * takes that name too. (Where names alone choose, as with certificates, the most specific wins:
 * name_set.h.) A client to which no rule applies goes to the listener's default.
 *
 * Three conditions concern the client's first bytes: name, protocol, and whether it speaks TLS and
 * up to which version. The source is known before them. A server that speaks first works behind
 * rules of both kinds as long as the source decides: route_pick_early says so. */
#ifndef PROXY_POLICY_ROUTE_H
#define PROXY_POLICY_ROUTE_H

#include <sys/socket.h>

#include "config/cidr.h"
#include "netpoll/base.h"

#define ROUTE_NONE  (-1) /* no rule: the default */
#define ROUTE_HELLO (-2) /* of route_pick_early: it depends on the client's first bytes */

/* What a client's first bytes are: one bit of a client, any of them of a rule. Of a ClientHello it
 * is the newest version that it offers; where TLS ends here, the version that was agreed on. */
enum route_opening {
	ROUTE_PLAIN   = 1, /* no ClientHello, or no byte at all */
	ROUTE_TLS_OLD = 2, /* SSL, which no rule can name alone */
	ROUTE_TLS_1_0 = 4,
	ROUTE_TLS_1_1 = 8,
	ROUTE_TLS_1_2 = 16,
	ROUTE_TLS_1_3 = 32,
	ROUTE_TLS     = ROUTE_TLS_OLD | ROUTE_TLS_1_0 | ROUTE_TLS_1_1 | ROUTE_TLS_1_2 | ROUTE_TLS_1_3,
	ROUTE_ANY     = ROUTE_PLAIN | ROUTE_TLS,
};

/* One rule as it was written; the lists are copied. */
struct route_rule {
	const char *const *sni; /* patterns (name_set.h); one of them matches */
	const char *const *alpn; /* one of them is offered */
	const struct cidr *source; /* one of them holds the client */
	size_t nsni, nalpn, nsource; /* 0: no such condition */
	unsigned openings; /* bits of enum route_opening; 0: no such condition */
};

/* The facts about one client that rules ask for. All borrowed. */
struct route_facts {
	const struct sockaddr *source; /* from the PROXY header, where one is accepted */
	socklen_t source_len;
	bool tls; /* its first bytes are a ClientHello; else it has no name and no protocols */
	uint16_t version; /* with tls, as in its hello: 0x0304 for TLS 1.3 */
	const char *sni; /* valid (hello_sni), or NULL: matches no pattern */
	size_t nsni;
	const uint8_t *alpn; /* the protocols it offers, as struct hello keeps them */
	size_t nalpn;
};

/* route_facts_name: the name is the n bytes, if a route may be chosen by them: what is no host name counts as none. */
void route_facts_name(struct route_facts *f, const char *name, size_t n);

#define ROUTE_ALPN_ONE 257
/* route_facts_alpn: one protocol was agreed on, or none: "". list is memory for it, which f borrows. */
void route_facts_alpn(struct route_facts *f, const char *agreed, uint8_t list[ROUTE_ALPN_ONE]);

struct route_table;

/* route_table_new: freeze n rules, n >= 0. Any thread may pick from it then.
 *   Returns  0; -NP_ENOMEM; -NP_EINVAL: a pattern or a protocol that is none, which validation
 *            refuses before.
 *   Owns     *out, written on success only: route_table_free, which takes NULL and returns NULL. */
must_use int route_table_new(const struct route_rule *rules, size_t n, struct route_table **out);
struct route_table *route_table_free(struct route_table *t);

/* The index of the first rule that holds, or ROUTE_NONE. Names are found by hash: a thousand rules
 * with a name each cost what one does. Allocates nothing. */
int route_pick(const struct route_table *t, const struct route_facts *f);

/* The same before the client sent a byte: the rule, ROUTE_NONE, or ROUTE_HELLO when a rule about
 * the first bytes may come in front of what the source alone decides. */
int route_pick_early(const struct route_table *t, const struct sockaddr *source, socklen_t len);

/* Does any rule look at the first bytes? Without one preread has nothing to do on this listener. */
bool route_needs_hello(const struct route_table *t);

#endif
