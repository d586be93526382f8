/* dns_name: the servers that a name of the configuration stands for: the addresses of a host, or those of the targets
 * of a service, each with its tier and its weight. Pure, as dns_set is, of which it has one for the name and one for
 * each target.
 *
 * Priorities become tiers in their order, 0 for the first. A service of weight 0 beside others gets a tier of its own
 * behind them: so it is used only when they are not usable (RFC 2782). */
#ifndef PROXY_RESOLVE_DNS_NAME_H
#define PROXY_RESOLVE_DNS_NAME_H

#include "proxy/resolve/dns_set.h"

#define DNS_WEIGHT_MAX 256 /* larger ones are scaled down together */

struct dns_server {
	struct np_addr addr;
	uint16_t tier, weight; /* weight 1 to DNS_WEIGHT_MAX */
	bool leaving; /* the last answer lacked it; it stays until another one does */
};

struct dns_name {
	struct dns_set set; /* of the host or of the service */
	enum dns_family family; /* const: of the addresses */
	uint16_t port;          /* const: of a host */
	unsigned ntargets;
	struct dns_set **targets; /* owned, each: every host that a service names */
};

/* dns_name_init: a host, or with srv a service; nothing is known of it, and it is due. */
void dns_name_init(struct dns_name *d, const char *name, bool srv, enum dns_family family, uint16_t port);
/* dns_name_fini: forget(set) is called for each set that awaits an answer: none may come any more. */
void dns_name_fini(struct dns_name *d, void (*forget)(struct dns_set *s));

/* dns_name_due: a question that is due.   Returns  NULL: none before *when, which is only ever made less. */
struct dns_set *dns_name_due(struct dns_name *d, int64_t now, int64_t *when);
/* dns_name_follow: after an answer about a service: hosts that it names now are due, others are forgotten.
 *   Returns  0 or -NP_ENOMEM: some are left out until the next answer. */
must_use int dns_name_follow(struct dns_name *d, void (*forget)(struct dns_set *s));
void dns_name_hurry(struct dns_name *d, int64_t now);
bool dns_name_answered(const struct dns_name *d); /* every question that it needs has had an answer */

/* dns_name_servers: what it stands for now, each address once.
 *   Returns  how many of out[DNS_MEMBERS] are written; *cut (only ever set): there are more. */
unsigned dns_name_servers(const struct dns_name *d, struct dns_server *out, bool *cut);

#endif
