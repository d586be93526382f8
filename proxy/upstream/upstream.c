/* Upstreams: made from a checked configuration by the control thread, frozen but for what a pick
 * changes (balance.c), freed with the last generation that uses them. */
#include "proxy/upstream/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"

/* ---- members ---- */

static bool members_have(const struct members *all, const struct server *s)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->at[i].server == s)
			return true;
	return false;
}

/* Their servers stay known while a slot of them is taken. */
static struct members *members_free(struct members *all, struct server_registry *r)
{
	if (all == NULL)
		return NULL;
	for (unsigned i = 0; i < all->n; i++)
		server_put(r, all->at[i].server);
	free(all->pool);
	free(all);
	return NULL;
}

/* Adds the next member. n counts those that hold a server, so members_free can undo any part. */
static bool add_member(const struct upstream *u, struct members *all, const struct server_spec *spec)
{
	struct member *m = &all->at[all->n];

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
	all->weight += m->weight;
	all->round = hash_bytes(hash_bytes(all->round, &m->server->hash, sizeof(m->server->hash)), &m->weight,
				sizeof(m->weight));
	all->n++;
	return true;
}

static struct members *members_new(const struct upstream *u, const struct server_spec *servers, unsigned n)
{
	struct members *all = calloc(1, sizeof(*all) + n * sizeof(all->at[0]));

	if (all == NULL)
		return NULL;
	all->round = HASH_START;
	all->pool = calloc(n + 1, sizeof(struct member *)); /* + 1: never of size 0 */
	if (all->pool == NULL)
		return members_free(all, u->registry);
	for (unsigned i = 0; i < n; i++)
		if (!add_member(u, all, &servers[i]))
			return members_free(all, u->registry);
	return all;
}

/* The credits of a round sum to 0, or its picks are not exact: what those who left were owed, the others pay. A server
 * that comes back later begins with 0, as a new one does. */
static void settle_credits(const struct members *old, const struct members *new)
{
	int64_t sum = 0, share;

	for (unsigned i = 0; i < old->n; i++)
		if (!members_have(new, old->at[i].server))
			old->at[i].server->credit = 0;
	for (unsigned i = 0; i < new->n; i++)
		sum += new->at[i].server->credit;
	share = new->n > 0 ? sum / (int64_t)new->n : 0;
	for (unsigned i = 0; i < new->n; i++)
		new->at[i].server->credit -= i > 0 ? share : sum - share * ((int64_t)new->n - 1);
}

int upstream_replace(struct upstream *u, const struct server_spec *servers, unsigned n)
{
	struct members *new = members_new(u, servers, n), *old = u->members;

	if (new == NULL)
		return -NP_ENOMEM;
	pthread_mutex_lock(&u->live->lock);
	if (u->live->round == old->round) {
		settle_credits(old, new);
		u->live->round = new->round;
	}
	u->members = new;
	pthread_mutex_unlock(&u->live->lock);
	members_free(old, u->registry);
	server_registry_sweep(u->registry);
	return 0;
}

/* ---- upstreams ---- */

struct upstream *upstream_new(const struct upstream_spec *spec, struct server_registry *registry)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->balance = spec->balance;
	u->retries = spec->retries;
	u->connect_timeout = spec->connect_timeout;
	u->retry_budget = spec->retry_budget;
	u->passive = spec->passive;
	u->seed = spec->seed;
	u->registry = registry;
	u->name = strdup(spec->name);
	u->live = server_registry_live(registry, spec->name);
	if (u->name != NULL && u->live != NULL)
		u->members = members_new(u, spec->servers, spec->nservers);
	return u->members != NULL ? u : upstream_free(u);
}

struct upstream *upstream_free(struct upstream *u)
{
	if (u == NULL)
		return NULL;
	members_free(u->members, u->registry);
	server_registry_sweep(u->registry);
	upstream_live_put(u->live);
	free((void *)(uintptr_t)u->name);
	free(u);
	return NULL;
}

/* The latest accept of a connection that it has given a byte. */
static uint64_t latest_answered(const struct server *s, unsigned nworkers)
{
	uint64_t latest = 0;

	for (unsigned i = 0; i < nworkers; i++)
		if (STAT_GET(&s->stats[i], answered) > latest)
			latest = STAT_GET(&s->stats[i], answered);
	return latest;
}

bool upstream_answered_since(struct upstream *u, const struct server *s, int64_t accepted)
{
	unsigned nworkers = server_registry_workers(u->registry);
	bool answered = false;

	pthread_mutex_lock(&u->live->lock);
	for (unsigned i = 0; i < u->members->n && !answered; i++) {
		const struct server *other = u->members->at[i].server;

		answered = other != s && latest_answered(other, nworkers) > (uint64_t)accepted;
	}
	pthread_mutex_unlock(&u->live->lock);
	return answered;
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
	if (memcmp(&u->passive, &spec->passive, sizeof(u->passive)) != 0)
		return false;
	if (u->retries != spec->retries || u->members->n != spec->nservers)
		return false;
	for (unsigned i = 0; i < u->members->n; i++) {
		if (!member_same(&u->members->at[i], &spec->servers[i]))
			return false;
	}
	return true;
}
