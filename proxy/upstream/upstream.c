/* Upstreams: made from a checked configuration by the control thread, frozen but for what a pick
 * changes (balance.c), freed with the last generation that uses them. */
#include "proxy/upstream/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

/* Adds the next member. nmembers counts those that hold a server, so upstream_free can undo any
 * part. */
static bool add_member(struct upstream *u, const struct server_spec *spec)
{
	struct member *m = &u->members[u->nmembers];

	CHECK(spec->weight <= UPSTREAM_WEIGHT_MAX, "validation bounds weights");
	m->server = server_get(u->registry, u->name, &spec->addr, spec->text);
	if (m->server == NULL)
		return false;
	m->key = m->server->hash ^ u->seed;
	m->weight = spec->weight;
	m->max_connections = spec->max_connections;
	m->backup = spec->backup;
	m->share = m->weight;
	m->most = m->max_connections;
	u->weight += m->weight;
	u->nmembers++;
	return true;
}

struct upstream *upstream_new(const struct upstream_spec *spec, struct server_registry *registry)
{
	struct upstream *u = calloc(1, sizeof(*u) + spec->nservers * sizeof(u->members[0]));

	if (u == NULL)
		return NULL;
	pthread_mutex_init(&u->lock, NULL);
	u->balance = spec->balance;
	u->retries = spec->retries;
	u->connect_timeout = spec->connect_timeout;
	u->retry_budget = spec->retry_budget;
	u->seed = spec->seed;
	u->registry = registry;
	u->name = strdup(spec->name);
	u->pool = calloc(spec->nservers + 1, sizeof(struct member *)); /* + 1: never of size 0 */
	u->live = server_registry_live(registry, spec->name);
	if (u->name == NULL || u->pool == NULL || u->live == NULL)
		return upstream_free(u);
	for (unsigned i = 0; i < spec->nservers; i++) {
		if (!add_member(u, &spec->servers[i]))
			return upstream_free(u);
	}
	return u;
}

struct upstream *upstream_free(struct upstream *u)
{
	if (u == NULL)
		return NULL;
	DCHECK(u->registry != NULL || u->nmembers == 0, "members are held through the registry");
	for (unsigned i = 0; i < u->nmembers; i++)
		server_put(u->registry, u->members[i].server);
	server_registry_sweep(u->registry);
	pthread_mutex_destroy(&u->lock);
	upstream_live_put(u->live);
	free(u->pool);
	free((void *)(uintptr_t)u->name);
	free(u);
	return NULL;
}

static bool member_same(const struct member *m, const struct server_spec *spec)
{
	return np_addr_equal(&m->server->addr, &spec->addr) && m->weight == spec->weight &&
	       m->max_connections == spec->max_connections && m->backup == spec->backup;
}

bool upstream_same(const struct upstream *u, const struct upstream_spec *spec)
{
	if (strcmp(u->name, spec->name) != 0 || u->balance != spec->balance ||
		u->seed != spec->seed)
		return false;
	if (u->connect_timeout != spec->connect_timeout || u->retry_budget != spec->retry_budget)
		return false;
	if (u->retries != spec->retries || u->nmembers != spec->nservers)
		return false;
	for (unsigned i = 0; i < u->nmembers; i++) {
		if (!member_same(&u->members[i], &spec->servers[i]))
			return false;
	}
	return true;
}
