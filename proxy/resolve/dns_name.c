/* From sets to servers: tiers, weights, and the hosts behind a service. */
#include "proxy/resolve/dns_name.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

void dns_name_init(struct dns_name *d, const char *name, bool srv, enum dns_family family, uint16_t port)
{
	*d = (struct dns_name){.family = family, .port = port};
	dns_set_init(&d->set, name, srv, family);
}

/* Who asks for it must not come back with an answer. */
static void end_set(struct dns_set *s, void (*forget)(struct dns_set *s))
{
	if (s->asking) {
		forget(s);
		s->asking = false;
	}
	dns_set_fini(s);
}

void dns_name_fini(struct dns_name *d, void (*forget)(struct dns_set *s))
{
	end_set(&d->set, forget);
	for (unsigned i = 0; i < d->ntargets; i++) {
		end_set(d->targets[i], forget);
		free(d->targets[i]);
	}
	free(d->targets);
	d->targets = NULL;
	d->ntargets = 0;
}

/* ---- the hosts of a service ---- */

static struct dns_set *target_find(const struct dns_name *d, const char *host)
{
	for (unsigned i = 0; i < d->ntargets; i++)
		if (strcmp(d->targets[i]->name, host) == 0)
			return d->targets[i];
	return NULL;
}

static bool is_target(const struct dns_name *d, const char *host)
{
	for (unsigned i = 0; i < d->set.n; i++)
		if (strcmp(d->set.members[i].record.target, host) == 0)
			return true;
	return false;
}

static void forget_unnamed(struct dns_name *d, void (*forget)(struct dns_set *s))
{
	unsigned kept = 0;

	for (unsigned i = 0; i < d->ntargets; i++) {
		struct dns_set *t = d->targets[i];

		if (is_target(d, t->name)) {
			d->targets[kept++] = t;
			continue;
		}
		end_set(t, forget);
		free(t);
	}
	d->ntargets = kept;
}

/* There are as many targets as services at most, and so as many as DNS_MEMBERS. */
int dns_name_follow(struct dns_name *d, void (*forget)(struct dns_set *s))
{
	forget_unnamed(d, forget);
	if (!d->set.srv)
		return 0;
	if (d->targets == NULL)
		d->targets = calloc(DNS_MEMBERS, sizeof(struct dns_set *));
	if (d->targets == NULL)
		return -NP_ENOMEM;
	for (unsigned i = 0; i < d->set.n; i++) {
		const char *host = d->set.members[i].record.target;
		struct dns_set *t;

		if (strcmp(host, ".") == 0 || target_find(d, host) != NULL)
			continue;
		t = malloc(sizeof(*t));
		if (t == NULL)
			return -NP_ENOMEM;
		dns_set_init(t, host, false, d->family);
		d->targets[d->ntargets++] = t;
	}
	return 0;
}

/* ---- asking ---- */

static bool set_is_due(const struct dns_set *s, int64_t now, int64_t *when)
{
	if (s->asking)
		return false;
	if (s->due <= now)
		return true;
	if (s->due < *when)
		*when = s->due;
	return false;
}

struct dns_set *dns_name_due(struct dns_name *d, int64_t now, int64_t *when)
{
	if (set_is_due(&d->set, now, when))
		return &d->set;
	for (unsigned i = 0; i < d->ntargets; i++)
		if (set_is_due(d->targets[i], now, when))
			return d->targets[i];
	return NULL;
}

void dns_name_hurry(struct dns_name *d, int64_t now)
{
	dns_set_hurry(&d->set, now);
	for (unsigned i = 0; i < d->ntargets; i++)
		dns_set_hurry(d->targets[i], now);
}

bool dns_name_answered(const struct dns_name *d)
{
	for (unsigned i = 0; i < d->ntargets; i++)
		if (!d->targets[i]->answered)
			return false;
	return d->set.answered;
}

/* ---- servers ---- */

static unsigned largest_weight(const struct dns_set *s)
{
	unsigned most = 0;

	for (unsigned i = 0; i < s->n; i++)
		if (s->members[i].record.weight > most)
			most = s->members[i].record.weight;
	return most;
}

/* At least 1: who said a small weight, beside a large one of another, still wants some. */
static uint16_t scaled_weight(unsigned weight, unsigned most)
{
	unsigned scaled = most > DNS_WEIGHT_MAX ? weight * DNS_WEIGHT_MAX / most : weight;

	return (uint16_t)(scaled > 0 ? scaled : 1);
}

struct servers {
	struct dns_server *out;
	unsigned n;
	bool cut;
};

/* Two services on one host and port are one server: that of the first tier. */
static void add_address(struct servers *to, const struct dns_server *s)
{
	for (unsigned i = 0; i < to->n; i++)
		if (np_addr_equal(&to->out[i].addr, &s->addr))
			return;
	if (to->n == DNS_MEMBERS) {
		to->cut = true;
		return;
	}
	to->out[to->n++] = *s;
}

/* All addresses of a set, with the port, tier and weight of `like`. */
static void add_hosts(struct servers *to, const struct dns_set *s, uint16_t port, const struct dns_server *like)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct dns_server server = *like;

		dns_record_addr(&s->members[i].record, port, &server.addr);
		server.leaving |= s->members[i].unseen > 0;
		add_address(to, &server);
	}
}

/* The services of one priority, those with weight or those behind. */
static void add_tier(struct servers *to, const struct dns_name *d, unsigned priority, bool behind, uint16_t tier)
{
	unsigned most = largest_weight(&d->set);

	for (unsigned i = 0; i < d->set.n; i++) {
		const struct dns_member *m = &d->set.members[i];
		struct dns_server like = {.tier = tier, .leaving = m->unseen > 0};
		const struct dns_set *hosts;

		if (m->record.priority != priority || (m->record.weight == 0) != behind)
			continue;
		hosts = target_find(d, m->record.target); /* last: a walk, and an answer may have 256 priorities */
		like.weight = scaled_weight(m->record.weight, most);
		if (hosts != NULL)
			add_hosts(to, hosts, m->record.port, &like);
	}
}

/* Those of weight 0 stand behind the others of their priority; if all have it, they are its only tier. Members stand by
 * priority, so a new one begins where it differs from the one before. */
static void add_services(struct servers *to, const struct dns_name *d)
{
	uint16_t tier = 0;

	for (unsigned i = 0; i < d->set.n; i++) {
		unsigned priority = d->set.members[i].record.priority;

		if (i > 0 && d->set.members[i - 1].record.priority == priority)
			continue;
		for (int behind = 0; behind < 2; behind++) {
			unsigned before = to->n;

			add_tier(to, d, priority, behind != 0, tier);
			tier = (uint16_t)(tier + (to->n > before));
		}
	}
}

unsigned dns_name_servers(const struct dns_name *d, struct dns_server *out, bool *cut)
{
	struct servers to = {.out = out};
	const struct dns_server like = {.weight = 1};

	if (d->set.srv)
		add_services(&to, d);
	else
		add_hosts(&to, &d->set, d->port, &like);
	*cut |= to.cut;
	return to.n;
}
