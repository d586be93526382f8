/* snapshot_listener: freezes one listener of the checked configuration: its rules, limits,
 * timeouts, trusted sources and TLS contexts. */
#include "proxy/policy/snapshot_listener.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/base/owner.h"
#include "proxy/policy/snapshot.h"
#include "proxy/policy/snapshot_contexts.h"
#include "proxy/policy/snapshot_tls.h"

#define RATE_TIME (60 * NP_S) /* of a rate in the config */

/* ---- rules ---- */

/* The rules as route.h wants them: lists of bare texts and networks, of the whole listener in one
 * block each. */
struct rules {
	struct route_rule *rule;
	const char **text;
	struct cidr *net;
};

/* Both copy a list to the end of its block and return where it begins there. */
static const char *const *copy_texts(struct rules *r, const struct config_text *list, size_t n)
{
	const char **first = r->text;

	for (size_t i = 0; i < n; i++)
		*r->text++ = list[i].text;
	return first;
}

static const struct cidr *copy_nets(struct rules *r, const struct config_cidr *list, size_t n)
{
	const struct cidr *first = r->net;

	for (size_t i = 0; i < n; i++)
		*r->net++ = list[i].net;
	return first;
}

static unsigned openings_of(const struct config_route *c)
{
	static const uint8_t bits[] = {
		[CONFIG_OPENING_ANY] = ROUTE_ANY,     [CONFIG_OPENING_ONLY] = ROUTE_TLS,
		[CONFIG_OPENING_NONE] = ROUTE_PLAIN,  [CONFIG_OPENING_1_0] = ROUTE_TLS_1_0,
		[CONFIG_OPENING_1_1] = ROUTE_TLS_1_1, [CONFIG_OPENING_1_2] = ROUTE_TLS_1_2,
		[CONFIG_OPENING_1_3] = ROUTE_TLS_1_3,
	};
	unsigned set = c->ntls == 0 ? ROUTE_ANY : 0;

	for (size_t i = 0; i < c->ntls; i++)
		set |= bits[c->tls[i].word];
	return set;
}

static struct route_rule rule_of(struct rules *r, const struct config_route *c)
{
	return (struct route_rule){
		.sni = copy_texts(r, c->sni, c->nsni),
		.nsni = c->nsni,
		.alpn = copy_texts(r, c->alpn, c->nalpn),
		.nalpn = c->nalpn,
		.source = copy_nets(r, c->source, c->nsource),
		.nsource = c->nsource,
		.openings = openings_of(c),
	};
}

/* Counts first, then fills: one block each for rules, texts and networks, freed when the table has
 * copied them. */
static int routes_of(const struct config_listener *c, struct route_table **out)
{
	size_t ntexts = 0, nnets = 0;
	struct rules all, r;
	int err = -NP_ENOMEM;

	for (size_t i = 0; i < c->nroutes; i++) {
		ntexts += c->routes[i].nsni + c->routes[i].nalpn;
		nnets += c->routes[i].nsource;
	}
	all.rule = calloc(c->nroutes, sizeof(*all.rule));
	all.text = calloc(ntexts + 1, sizeof(char *));
	all.net = calloc(nnets + 1, sizeof(*all.net));
	if (all.rule != NULL && all.text != NULL && all.net != NULL) {
		r = all;
		for (size_t i = 0; i < c->nroutes; i++)
			all.rule[i] = rule_of(&r, &c->routes[i]);
		err = route_table_new(all.rule, c->nroutes, out);
	}
	free(all.rule);
	free(all.text);
	free(all.net);
	return err;
}

/* The index of a rule is that of its target; the one behind the last is the default's. */
static int rules_init(struct snapshot *s, struct listener *l, const struct config_listener *c)
{
	l->targets = calloc(c->nroutes + 1, sizeof(struct target *));
	if (l->targets == NULL)
		return -NP_ENOMEM;
	for (; l->nrules < c->nroutes; l->nrules++)
		l->targets[l->nrules] = &s->targets[c->routes[l->nrules].upstream];
	if (c->upstream != CONFIG_NO_UPSTREAM)
		l->targets[l->nrules] = &s->targets[c->upstream];
	DCHECK(s->ntargets == s->config->nupstreams, "a listener is frozen after all targets");
	return c->nroutes > 0 ? routes_of(c, &l->routes) : 0;
}

/* Only then a handshake copies the client's certificate. */
static bool tells_cert(const struct listener *l, const struct config_listener *c)
{
	bool tells = false;

	if (c->tls == NULL || c->tls->client_auth.mode == CONFIG_CLIENT_AUTH_OFF)
		return false;
	for (unsigned i = 0; i <= l->nrules; i++)
		tells |= l->targets[i] != NULL && (l->targets[i]->want & PP_WANT_CLIENT_CERT);
	return tells;
}

/* ---- listeners ---- */

static int trusted_init(struct listener *l, const struct config_proxy_in *c)
{
	struct cidr *nets = calloc(c->ntrusted + 1, sizeof(*nets));
	int err;

	if (nets == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < c->ntrusted; i++)
		nets[i] = c->trusted[i].net;
	err = cidr_set_init(&l->trusted, nets, c->ntrusted);
	free(nets);
	return err;
}

static int header_init(struct listener *l, const struct config_proxy_in *c)
{
	l->wants_header = c->accept == CONFIG_PROXY_IN_REQUIRED;
	l->reads_untrusted = c->untrusted == CONFIG_UNTRUSTED_IGNORE;
	l->gate = l->wants_header ? NULL : l->acl;
	l->guarded = l->gate != NULL || l->rate_interval > 0;
	l->wants_preread = l->wants_header || l->wants_hello || l->wants_byte || l->sources != NULL;
	l->has_stages = l->wants_preread || l->config->tls != NULL || l->routes != NULL || l->download != 0 ||
			l->upload != 0;
	l->header_timeout = c->timeout;
	l->header_max = (uint32_t)c->max_bytes;
	return trusted_init(l, c);
}

/* Lists that did not change are the same table for both generations. */
static int acl_init(struct listener *l, const struct config_listener *c, const struct snapshot *prev, struct text *why)
{
	const struct acl_lists lists = {c->allow, c->deny, c->nallow, c->ndeny};
	struct acl *known = NULL;

	for (unsigned i = 0; prev != NULL && i < prev->nlisteners; i++)
		if (strcmp(prev->listeners[i].name, l->name) == 0)
			known = prev->listeners[i].acl;
	return acl_new(&lists, known, &l->acl, why);
}

/* ---- sources ---- */

static int exempt_init(struct source_rule *r, const struct config_source *c)
{
	struct cidr *nets = calloc(c->nexempt + 1, sizeof(*nets));
	int err;

	if (nets == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < c->nexempt; i++)
		nets[i] = c->exempt[i].net;
	err = cidr_set_init(&r->exempt, nets, c->nexempt);
	free(nets);
	return err;
}

/* In ns between two; 0: no limit. */
static int64_t interval_of(int64_t per_minute)
{
	return per_minute != CONFIG_OFF ? RATE_TIME / per_minute : 0;
}

/* What comes in a second, one at least: of a rate that is not off. */
static int64_t second_of(int64_t per_minute)
{
	return per_minute >= RATE_TIME / NP_S ? per_minute / (RATE_TIME / NP_S) : 1;
}

/* The table is made for the first generation that needs it, and is the process's from then on. */
static int sources_init(struct registry *r, struct listener *l, const struct config_source *c, uint32_t most)
{
	struct source_rule *rule;

	if (c->connections == CONFIG_OFF && c->rate == CONFIG_OFF)
		return 0;
	if (r->sources == NULL)
		r->sources = source_table_new(most);
	rule = calloc(1, sizeof(*rule));
	l->sources = rule;
	if (r->sources == NULL || rule == NULL)
		return -NP_ENOMEM;
	rule->table = r->sources;
	rule->listener = l->counts->id;
	rule->most = c->connections != CONFIG_OFF ? (uint32_t)c->connections : UINT32_MAX;
	rule->interval = interval_of(c->rate);
	rule->burst = rule->interval * (c->burst != CONFIG_AUTO ? c->burst : second_of(c->rate));
	rule->v4 = (uint8_t)c->prefix.v4;
	rule->v6 = (uint8_t)c->prefix.v6;
	rule->action = (uint8_t)c->action;
	rule->dry_run = c->dry_run;
	return exempt_init(rule, c);
}

/* What becomes of a client that sends nothing. A route with tls: none is written for clients without a
 * ClientHello, and one that waits for the server is such a client. */
static bool silent_passes(const struct config_listener *c)
{
	bool none = false;

	for (size_t i = 0; i < c->nroutes; i++)
		none |= config_route_names(&c->routes[i], CONFIG_OPENING_NONE);
	return c->preread.on_timeout == CONFIG_ON_TIMEOUT_DEFAULT ||
		(c->preread.on_timeout == CONFIG_ON_TIMEOUT_AUTO && none);
}

/* ---- addresses ---- */

/* The same listener, but for its PROXY header: everything else is borrowed from it. */
static int own_header(struct listener_at *at, const struct listener *l, const struct config_proxy_in *c)
{
	struct listener *own = malloc(sizeof(*own));

	if (own == NULL)
		return -NP_ENOMEM;
	*own = *l;
	own->trusted = (struct cidr_set){0};
	at->listener = own;
	return header_init(own, c);
}

static int address_init(struct listener *l, struct listener_at *at, const struct config_bind *c, struct text *why)
{
	const char *problem = c->owner != NULL ? owner_find(c->owner, &at->owner) : NULL;

	at->listener = l;
	at->mode = c->mode != NULL ? (int)strtol(c->mode, NULL, 8) : 0;
	at->owned = c->owner != NULL;
	if (problem != NULL)
		return text_problem(why, c->owner, problem, -NP_EINVAL);
	return c->proxy_protocol != NULL ? own_header(at, l, &c->proxy_protocol->in) : 0;
}

/* Last: what an address has of its own is a copy of a listener that is complete. */
static int addresses_init(struct listener *l, const struct config_listener *c, struct text *why)
{
	int err = 0;

	l->at = calloc(c->nbind, sizeof(*l->at));
	if (l->at == NULL)
		return -NP_ENOMEM;
	for (size_t i = 0; i < c->nbind && err == 0; i++)
		err = address_init(l, &l->at[i], &c->bind[i], why);
	return err;
}

static void addresses_fini(struct listener *l)
{
	for (size_t i = 0; l->at != NULL && i < l->config->nbind; i++) {
		struct listener *own = l->at[i].listener;

		if (own == NULL || own == l)
			continue;
		cidr_set_fini(&own->trusted);
		free(own);
	}
	free(l->at);
}

const struct listener_at *listener_entry(const struct listener *l, const struct np_addr *a)
{
	for (size_t i = 0; l->at != NULL && i < l->config->nbind; i++)
		if (np_addr_equal(&l->config->bind[i].addr, a))
			return &l->at[i];
	return NULL;
}

/* NULL: there are several, or it is a wildcard, or a port that the kernel chooses. */
static const struct np_addr *only_address(const struct config_listener *c)
{
	const struct np_addr *a = &c->bind[0].addr;

	if (c->nbind > 1 || np_addr_port(&a->u.sa) == 0)
		return NULL;
	if (a->u.sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr) ? NULL : a;
	return a->u.in4.sin_addr.s_addr == htonl(INADDR_ANY) ? NULL : a;
}

/* ---- the listener ---- */

/* ns */
static int64_t spread_of(const struct config_listener *c)
{
	return c->timeouts.lifetime == CONFIG_OFF ? 0 : c->timeouts.lifetime / 100 * c->timeouts.lifetime_jitter;
}

static uint64_t rate_of(int64_t n)
{
	return n == CONFIG_OFF ? 0 : (uint64_t)n;
}

int listener_init(struct snapshot *s, unsigned i, const struct snapshot *prev, struct text *why)
{
	const struct config_listener *c = &s->config->listeners[i];
	struct listener *l = &s->listeners[i];
	struct tls_ticket_keys *keys;
	int err;

	DCHECK(i == s->nlisteners, "listeners are frozen in their order");
	*l = (struct listener){
		.snap = s,
		.name = c->name,
		.counts = listener_counts_get(s->registry, c->name),
		.hello_timeout = c->preread.timeout,
		.hello_silence = c->preread.silence,
		.silent_passes = silent_passes(c),
		.hello_max = (uint32_t)c->preread.max_bytes,
		.wait_at_limit = c->at_limit == CONFIG_AT_LIMIT_WAIT,
		.ends_at_fin = c->on_fin == CONFIG_ON_FIN_END,
		.skip_empty = s->config->log.skip_empty,
		.log_start = s->config->log.start,
		.log_tcp = s->config->log.tcp_info != CONFIG_TCP_INFO_OFF,
		.log_tcp_all = s->config->log.tcp_info == CONFIG_TCP_INFO_ALWAYS,
		.download = rate_of(c->download),
		.upload = rate_of(c->upload),
		.backlog = (int)c->backlog,
		.idle = c->timeouts.idle,
		.half_close = c->timeouts.half_close,
		.lifetime = c->timeouts.lifetime,
		.lifetime_spread = spread_of(c),
		.idle_alive = c->timeouts.idle_policy == CONFIG_IDLE_POLICY_ALIVE,
		.linger = c->timeouts.linger,
		.config = c,
		.only_at = only_address(c),
	};
	if (l->counts == NULL)
		return -NP_ENOMEM;
	err = rules_init(s, l, c);
	if (err == 0)
		err = acl_init(l, c, prev, why);
	l->rate = c->rate;
	l->rate_interval = interval_of(c->rate);
	l->rate_burst = l->rate_interval * second_of(c->rate);
	if (err == 0)
		err = sources_init(s->registry, l, &c->per_source, (uint32_t)s->config->limits.sources);
	if (err != 0)
		return err;
	l->starts_more = l->log_start || l->lifetime_spread != 0;
	l->keeps_cert = tells_cert(l, c);
	l->wants_byte = c->tls == NULL && c->connect == CONFIG_CONNECT_FIRST_BYTE; /* a handshake has its own */
	l->wants_hello = c->tls == NULL && l->routes != NULL && route_needs_hello(l->routes);
	err = header_init(l, &c->proxy_protocol);
	if (err != 0)
		return err;
	if (c->tls != NULL) {
		l->handshake_timeout = c->tls->handshake_timeout;
		err = tickets_get(s->registry, c->tls, &keys, why);
		if (err == 0)
			err = contexts_server(s->registry, c->tls, keys, &l->tls, why);
	}
	return err == 0 ? addresses_init(l, c, why) : err;
}

void listener_fini(struct listener *l)
{
	addresses_fini(l);
	l->tls = contexts_put(l->tls);
	cidr_set_fini(&l->trusted);
	acl_put(l->acl);
	if (l->sources != NULL)
		cidr_set_fini(&l->sources->exempt);
	free(l->sources);
	l->routes = route_table_free(l->routes);
	free(l->targets);
	listener_counts_put(l->counts);
}
