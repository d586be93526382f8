/* Freezes one upstream of the checked configuration: the object that balances, which generations
 * share as long as it does not change, and the target, which says how this generation speaks to it.
 */
#include "proxy/policy/snapshot_upstream.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/policy/snapshot.h"
#include "proxy/policy/snapshot_contexts.h"

/* ---- upstreams that snapshots share ---- */

/* One word each: balance.c and config.h each own their enumeration. */
static enum balance balance_of(enum config_balance b)
{
	switch (b) {
	case CONFIG_BALANCE_ROUND_ROBIN:
		return BALANCE_ROUND_ROBIN;
	case CONFIG_BALANCE_LEAST_CONN:
		return BALANCE_LEAST_CONN;
	case CONFIG_BALANCE_RANDOM_TWO:
		return BALANCE_RANDOM_TWO;
	case CONFIG_BALANCE_SOURCE_HASH:
		return BALANCE_SOURCE_HASH;
	case CONFIG_BALANCE_MAGLEV:
		return BALANCE_MAGLEV;
	}
	CHECK(false, "config_balance has a value of its own");
}

static int64_t answer_time(const struct config_upstream *c)
{
	int64_t answer = c->health.passive.answer;

	if (answer == CONFIG_AUTO)
		return PASSIVE_LEARNT;
	return answer != CONFIG_OFF ? answer : 0;
}

/* All 0 where nothing is judged: upstream_same compares the whole. */
static struct passive_rules passive_rules(const struct config_upstream *c)
{
	struct passive_rules rules = {0};

	if (c->health.passive.failures == CONFIG_OFF)
		return rules;
	rules.on = true;
	rules.early_end = c->health.passive.early_end;
	rules.probe = c->health.passive.probe;
	rules.failures = (unsigned)c->health.passive.failures;
	rules.within = c->health.passive.within;
	rules.out = c->health.passive.out;
	rules.max_out = c->health.passive.max_out;
	rules.answer = answer_time(c);
	return rules;
}

#define HEDGE_LEAST         (250 * NP_MS)
#define HEDGE_LEAST_OF_HASH NP_S /* one lost SYN must not move a key */

/* When a dial is slow before anything is known of the server's connects: a SYN that was lost is sent again after one
 * second, so whoever waits for less than that is helped by another server. 0: none is dialled beside it; a hedge is one
 * of the retries, so without those there is none. */
static int64_t hedge_time(const struct config_upstream *c)
{
	if (c->hedge != CONFIG_AUTO)
		return c->hedge != CONFIG_OFF && c->retries > 0 ? c->hedge : 0;
	if (c->retries == 0)
		return 0;
	return balance_is_by_key(balance_of(c->balance)) ? HEDGE_LEAST_OF_HASH : HEDGE_LEAST;
}

/* servers has room for c->nservers; zone is the process's. The spec borrows it and the config's texts; upstream_new
 * copies. */
static void spec_of(const struct config_upstream *c, const char *zone, struct server_spec *servers,
		    struct upstream_spec *spec)
{
	for (size_t i = 0; i < c->nservers; i++) {
		const struct config_server *s = &c->servers[i];

		servers[i] = (struct server_spec){
			.addr = s->addr,
			.text = s->text,
			.weight = (uint32_t)s->weight,
			.max_connections =
				s->max_connections == CONFIG_OFF ? 0 : (uint32_t)s->max_connections,
			.priority = (uint32_t)config_server_priority(s),
			.zone = s->zone,
		};
	}
	*spec = (struct upstream_spec){
		.name = c->name,
		.balance = balance_of(c->balance),
		.servers = servers,
		.nservers = (unsigned)c->nservers,
		.connect_timeout = c->timeouts.connect,
		.retry_budget = c->retry_budget,
		.retries = (unsigned)c->retries,
		.failover_below = (unsigned)c->failover_below,
		.max_load = c->max_load == CONFIG_OFF ? 0 : (unsigned)c->max_load,
		.slow_start = c->slow_start == CONFIG_OFF ? 0 : c->slow_start,
		.panic = c->panic == CONFIG_OFF ? 0 : (unsigned)c->panic,
		.zone = zone,
		.passive = passive_rules(c),
		.hedge = hedge_time(c),
		.hedge_learns = c->hedge == CONFIG_AUTO,
		.queue_max = c->queue.max != CONFIG_OFF ? (unsigned)c->queue.max : 0,
		.queue_timeout = c->timeouts.queue,
	};
}

/* An upstream with the same settings in the generation before. Connections of both then share its
 * counts and its place in the round; a new object would start to balance from nothing at each
 * reload. */
static struct shared_upstream *shared_upstream_find(const struct snapshot *prev,
						    const struct upstream_spec *spec)
{
	for (unsigned i = 0; prev != NULL && i < prev->nupstreams; i++)
		if (upstream_same(prev->upstreams[i]->u, spec))
			return prev->upstreams[i];
	return NULL;
}

static struct shared_upstream *shared_upstream_new(struct registry *r,
						   const struct upstream_spec *spec)
{
	struct shared_upstream *sh = calloc(1, sizeof(*sh));

	if (sh == NULL)
		return NULL;
	sh->u = upstream_new(spec, r->servers);
	if (sh->u != NULL)
		return sh;
	free(sh);
	return NULL;
}

struct shared_upstream *shared_upstream_get(struct registry *r, const struct config *config, size_t i,
					    const struct snapshot *prev)
{
	const struct config_upstream *c = &config->upstreams[i];
	struct server_spec *servers = calloc(c->nservers + 1, sizeof(*servers));
	struct upstream_spec spec;
	struct shared_upstream *sh;

	if (servers == NULL)
		return NULL;
	spec_of(c, config->zone, servers, &spec);
	sh = shared_upstream_find(prev, &spec);
	if (sh == NULL)
		sh = shared_upstream_new(r, &spec);
	if (sh != NULL)
		sh->snapshots++;
	free(servers);
	return sh;
}

void shared_upstream_put(struct shared_upstream *sh)
{
	if (sh == NULL)
		return;
	DCHECK(sh->snapshots > 0, "an upstream is put more often than it was got");
	if (--sh->snapshots > 0)
		return;
	upstream_free(sh->u);
	free(sh);
}

/* ---- targets ---- */

static uint8_t tlvs_wanted(const struct config_upstream *c)
{
	static const uint8_t bits[] = {
		[CONFIG_TLV_AUTHORITY] = PP_WANT_AUTHORITY,
		[CONFIG_TLV_ALPN] = PP_WANT_ALPN,
		[CONFIG_TLV_UNIQUE_ID] = PP_WANT_UNIQUE_ID,
		[CONFIG_TLV_SSL] = PP_WANT_SSL,
		[CONFIG_TLV_CLIENT_CERT] = PP_WANT_CLIENT_CERT,
		[CONFIG_TLV_CRC32C] = PP_WANT_CRC32C,
	};
	uint8_t want = 0;

	for (size_t i = 0; i < c->ntlvs; i++)
		want |= bits[c->tlvs[i].word];
	return want;
}

static uint8_t header_version(enum config_proxy_send send)
{
	if (send == CONFIG_PROXY_OUT_V1)
		return 1;
	return send == CONFIG_PROXY_OUT_V2 ? 2 : 0;
}

/* The values stay the config's: the snapshot owns both. */
static int customs_init(const struct config_upstream *c, struct target *t)
{
	t->customs = calloc(c->ncustom_tlvs + 1, sizeof(*t->customs));
	if (t->customs == NULL)
		return -NP_ENOMEM;
	for (; t->ncustoms < c->ncustom_tlvs; t->ncustoms++) {
		const struct config_custom_tlv *from = &c->custom_tlvs[t->ncustoms];
		struct pp_tlv *to = &t->customs[t->ncustoms];

		to->type = (uint8_t)from->type;
		to->value.p = (const uint8_t *)from->value; /* NULL: the received one's */
		to->value.n = from->value != NULL ? strlen(from->value) : 0;
	}
	return 0;
}

/* A probe agrees on TLS as a client's connection would. Alone, a server is never left out; how many
 * a name has is DNS's to say, at any time: by what is written, not by the members of the moment. Where the name is the
 * client's, there is none to verify, and a certificate that is good would not be believed: the port alone is probed. */
static bool probe_speaks_tls(const struct config_upstream *c, const struct upstream *u)
{
	bool several = c->nservers > 1 || (c->nservers == 1 && c->servers[0].host != NULL);

	return c->tls != NULL && u->passive.on && u->passive.probe && several && !config_sni_is_clients(c->tls);
}

/* There is no client whose protocol it could be. */
static int probe_context(struct registry *r, const struct config_upstream *c, struct target *t, struct text *why)
{
	struct config_tls_out own = *c->tls;

	if (config_alpn_is_clients(&own))
		own.nalpn = 0;
	return contexts_check(r, &own, &t->probe_tls, why);
}

/* What the health thread speaks TLS by. A check may, where connections do not (config/check_tls.h). */
static int health_contexts(struct registry *r, const struct config_upstream *c, struct target *t, struct text *why)
{
	int err = 0;

	if (c->health.speaks != NULL)
		err = contexts_check(r, c->health.speaks, &t->check_tls, why);
	if (err == 0 && probe_speaks_tls(c, t->upstream))
		err = probe_context(r, c, t, why);
	return err;
}

int target_init(struct snapshot *s, unsigned i, struct text *why)
{
	const struct config_upstream *c = &s->config->upstreams[i];
	struct target *t = &s->targets[i];
	int err = 0;

	DCHECK(i < s->nupstreams, "a target is frozen after its upstream was got");
	t->upstream = s->upstreams[i]->u;
	t->header = header_version(c->proxy_protocol);
	t->want = tlvs_wanted(c);
	if (c->replay != CONFIG_OFF && c->retries > 0) /* each is one of the retries */
		t->replay = (uint32_t)c->replay;
	t->hash_on = balance_is_by_key(t->upstream->balance) ? (uint8_t)config_hash_on(c) : TARGET_HASH_SOURCE;
	t->warm = c->warm.connections != CONFIG_OFF ? (uint32_t)c->warm.connections : 0;
	t->warm_age = c->warm.max_age;
	if (customs_init(c, t) != 0)
		return -NP_ENOMEM;
	if (c->tls != NULL) {
		t->handshake_timeout = c->tls->handshake_timeout;
		err = contexts_client(s->registry, c->tls, &t->tls, why);
	}
	return err == 0 ? health_contexts(s->registry, c, t, why) : err;
}

void target_fini(struct target *t)
{
	t->tls = contexts_put(t->tls);
	t->check_tls = contexts_put(t->check_tls);
	t->probe_tls = contexts_put(t->probe_tls);
	free(t->customs);
}
