#include "proxy/policy/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* ---- the registry -------------------------------------------------------------------------------- */

int registry_init(struct registry *b, unsigned nworkers)
{
	*b = (struct registry){.nworkers = nworkers, .servers = server_registry_new()};
	list_init(&b->listeners);
	list_init(&b->rings);
	list_init(&b->staples);
	return b->servers != NULL ? 0 : -NP_ENOMEM;
}

void registry_fini(struct registry *b)
{
	CHECK(b->snapshots == 0 && list_empty(&b->listeners), "a snapshot outlived the process");
	registry_tls_fini(b);
	b->servers = server_registry_free(b->servers);
}

struct listener_counts *listener_counts_get(struct registry *b, const char *name)
{
	struct listener_counts *counts;

	list_for_each(it, &b->listeners) {
		counts = list_entry(it, struct listener_counts, link);
		if (strcmp(counts->name, name) == 0) {
			counts->snapshots++;
			return counts;
		}
	}
	counts = calloc(1, sizeof(*counts) + b->nworkers * sizeof(counts->handshakes[0]));
	if (counts == NULL)
		return NULL;
	counts->name = strdup(name);
	if (counts->name == NULL) {
		free(counts);
		return NULL;
	}
	counts->snapshots = 1;
	limit_set(&counts->limit, UINT32_MAX);
	counts->handshakes_most = UINT32_MAX;
	list_push_back(&b->listeners, &counts->link);
	return counts;
}

void listener_counts_put(struct listener_counts *counts)
{
	if (counts == NULL || --counts->snapshots > 0)
		return;
	list_remove(&counts->link);
	free(counts->name);
	free(counts);
}

/* ---- upstreams ------------------------------------------------------------------------------- */

/* The same words, in the same order: balance.c and config.h each own their enumeration. */
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
	}
	CHECK(false, "config_balance has a value of its own");
}

static void spec_of(const struct config_upstream *c, struct server_spec *servers, struct upstream_spec *spec)
{
	for (size_t i = 0; i < c->nservers; i++) {
		const struct config_server *s = &c->servers[i];

		servers[i] = (struct server_spec){
			.addr = s->addr,
			.text = s->text,
			.weight = (uint32_t)s->weight,
			.max_connections = s->max_connections == CONFIG_OFF ? 0 : (uint32_t)s->max_connections,
			.backup = s->backup,
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
	};
}

static struct shared_upstream *shared_find(const struct snapshot *prev, const struct upstream_spec *spec)
{
	for (unsigned i = 0; prev != NULL && i < prev->nupstreams; i++)
		if (upstream_same(prev->upstreams[i]->u, spec))
			return prev->upstreams[i];
	return NULL;
}

static struct shared_upstream *shared_new(struct registry *b, const struct upstream_spec *spec)
{
	struct shared_upstream *sh = calloc(1, sizeof(*sh));

	if (sh == NULL)
		return NULL;
	sh->u = upstream_new(spec, b->servers);
	if (sh->u != NULL)
		return sh;
	free(sh);
	return NULL;
}

static struct shared_upstream *shared_get(struct registry *b, const struct config_upstream *c,
					  const struct snapshot *prev)
{
	struct server_spec *servers = calloc(c->nservers + 1, sizeof(*servers));
	struct upstream_spec spec;
	struct shared_upstream *sh;

	if (servers == NULL)
		return NULL;
	spec_of(c, servers, &spec);
	sh = shared_find(prev, &spec);
	if (sh == NULL)
		sh = shared_new(b, &spec);
	if (sh != NULL)
		sh->snapshots++;
	free(servers);
	return sh;
}

static void shared_put(struct shared_upstream *sh)
{
	if (sh == NULL || --sh->snapshots > 0)
		return;
	upstream_free(sh->u);
	free(sh);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

/* Handshakes under way, of all workers together. */
static uint32_t handshakes_of(const struct config_listener *c, uint32_t max)
{
	if (c->tls == NULL)
		return UINT32_MAX;
	if (c->tls->max_handshakes != CONFIG_AUTO)
		return (uint32_t)c->tls->max_handshakes;
	if (c->max_connections < max)
		max = (uint32_t)c->max_connections;
	return max / 4 > 0 ? max / 4 : 1;
}

static uint32_t share_of(uint32_t n, unsigned workers)
{
	return n / workers + (n % workers != 0);
}

/* Counts of listeners belong to their names, so the newest generation's bound holds for all. */
void snapshot_enact(struct snapshot *s, uint32_t max)
{
	s->generation = ++s->registry->generation;
	for (unsigned i = 0; i < s->nlisteners; i++) {
		const struct config_listener *c = &s->config->listeners[i];
		struct listener_counts *counts = s->listeners[i].counts;

		limit_set(&counts->limit,
			  c->max_connections == CONFIG_OFF ? UINT32_MAX : (uint32_t)c->max_connections);
		__atomic_store_n(&counts->handshakes_most, share_of(handshakes_of(c, max), s->registry->nworkers),
				 __ATOMIC_RELAXED);
	}
	tickets_enact(s);
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static int fill(struct snapshot *s, const struct snapshot *prev, struct text *why)
{
	const struct config *c = s->config;
	int err = 0;

	s->upstreams = calloc(c->nupstreams + 1, sizeof(struct shared_upstream *));
	s->targets = calloc(c->nupstreams + 1, sizeof(*s->targets));
	s->listeners = calloc(c->nlisteners + 1, sizeof(*s->listeners));
	s->use = aligned_alloc(_Alignof(struct snapshot_use), s->registry->nworkers * sizeof(*s->use));
	if (s->upstreams == NULL || s->targets == NULL || s->listeners == NULL || s->use == NULL)
		return -NP_ENOMEM;
	memset(s->use, 0, s->registry->nworkers * sizeof(*s->use));
	for (; s->nupstreams < c->nupstreams; s->nupstreams++) {
		struct shared_upstream *sh = shared_get(s->registry, &c->upstreams[s->nupstreams], prev);

		if (sh == NULL)
			return -NP_ENOMEM;
		s->upstreams[s->nupstreams] = sh;
	}
	for (; s->ntargets < c->nupstreams && err == 0; s->ntargets++)
		err = target_init(s, s->ntargets, why);
	for (; s->nlisteners < c->nlisteners && err == 0; s->nlisteners++)
		err = listener_init(s, s->nlisteners, why);
	return err;
}

int snapshot_new(struct registry *b, struct config *c, const struct snapshot *prev, struct snapshot **out,
		 struct text *why)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -NP_ENOMEM;
	s->registry = b;
	s->config = c;
	s->shares = b->nworkers;
	s->shutdown_delay = c->shutdown.delay;
	s->shutdown_timeout = c->shutdown.timeout;
	b->snapshots++;
	err = fill(s, prev, why);
	contexts_end(b);
	if (err != 0) {
		s->config = NULL; /* still the caller's */
		snapshot_free(s);
		return err;
	}
	*out = s;
	return 0;
}

struct snapshot *snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return NULL;
	for (unsigned i = 0; i < s->nlisteners; i++)
		listener_fini(s, &s->listeners[i]);
	for (unsigned i = 0; i < s->ntargets; i++)
		target_fini(s, &s->targets[i]);
	for (unsigned i = 0; i < s->nupstreams; i++)
		shared_put(s->upstreams[i]);
	if (s->generation == 0)
		registry_forget_tickets(s->registry);
	s->registry->snapshots--;
	free(s->use);
	free(s->listeners);
	free(s->targets);
	free(s->upstreams);
	config_free(s->config);
	free(s);
	return NULL;
}

static void on_retire(struct np_msg *m)
{
	snapshot_free(container_of(m, struct snapshot, retire));
}

void snapshot_drop(struct snapshot *s, unsigned worker)
{
	CHECK(s->use[worker].count > 0, "a snapshot is dropped more often than it was held");
	if (--s->use[worker].count > 0)
		return;
	if (__atomic_sub_fetch(&s->shares, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	s->retire.fn = on_retire;
	np_post(s->registry->control, &s->retire);
}
