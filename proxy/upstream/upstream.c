/* Upstreams: made from a checked configuration by the control thread, frozen but for what a pick
 * changes (balance.c), freed with the last generation that uses them. */
#include "proxy/upstream/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/hash.h"
#include "netpoll/netpoll.h"
#include "proxy/upstream/balance_gather.h"
#include "proxy/upstream/maglev.h"
#include "proxy/upstream/slow_start.h"
#include "proxy/upstream/waiter.h"

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
	for (unsigned i = 0; i < all->n; i++) {
		server_put(r, all->at[i].server);
		free(all->at[i].zone);
	}
	free(all->ready.at);
	free(all->scratch.at);
	free(all->tiers);
	free(all->table);
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
	m->place = all->n++;
	m->key = m->server->hash ^ u->seed;
	m->weight = spec->weight;
	m->max_connections = spec->max_connections;
	m->priority = spec->priority;
	m->from = spec->from;
	m->grade = m->weight > 0 ? GRADE_YES : GRADE_NO; /* as a word of 0 has it */
	m->share = m->weight * u->unit;
	m->most = m->max_connections;
	all->round = hash_bytes(hash_bytes(all->round, &m->server->hash, sizeof(m->server->hash)), &m->weight,
				sizeof(m->weight));
	if (spec->zone == NULL)
		return true;
	m->zone = strdup(spec->zone);
	return m->zone != NULL;
}

/* ---- tiers ---- */

/* Two members are of one tier if neither is to be used before the other. A member's number is the rank of its tier
 * among those that there are: priorities 0, 10 and 65535 are tiers 0, 1 and 2, and a list of servers that says neither
 * priority nor zone is one tier. */

/* Two zones of which neither may be said. */
static bool zone_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* A zone of another name, or none, is not the process's. */
static bool is_away(const struct upstream *u, const struct member *m)
{
	return u->zone != NULL && !zone_same(u->zone, m->zone);
}

/* Are the two of one tier?   Returns  as qsort wants it: less than 0 where a's is used first. */
static int compare_tiers(const struct upstream *u, const struct member *a, const struct member *b)
{
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return is_away(u, a) - is_away(u, b);
}

static int by_tier(const void *a, const void *b, void *u)
{
	const struct member *x = a, *y = b;
	int order = compare_tiers(u, x, y);

	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

/* Members of one tier stand side by side, so that a pick walks over them without asking. */
static void form_tiers(const struct upstream *u, struct members *all)
{
	qsort_r(all->at, all->n, sizeof(all->at[0]), by_tier, (void *)(uintptr_t)u);
	for (unsigned i = 0; i < all->n; i++) {
		if (i == 0 || compare_tiers(u, &all->at[i - 1], &all->at[i]) != 0)
			all->tiers[all->ntiers++].first = i;
		all->at[i].tier = all->ntiers - 1;
		all->tiers[all->ntiers - 1].end = i + 1;
		all->tiers[all->ntiers - 1].weight += all->at[i].weight;
	}
}

/* Of the first tier; where that has no weight, or more servers than a table's numbers, rendezvous does it alone.
 * Returns false: no memory. */
static bool build_table(const struct upstream *u, struct members *all)
{
	unsigned n = all->ntiers > 0 ? all->tiers[0].end : 0;

	if (u->balance != BALANCE_MAGLEV || n == 0 || all->tiers[0].weight == 0 || n >= UINT16_MAX)
		return true;
	all->table = maglev_build(all->at, n);
	return all->table != NULL;
}

/* Returns false: no memory. */
static bool make_pool(struct pool *p, const struct members *of, unsigned n)
{
	p->of = of;
	p->at = calloc(n + 1, sizeof(struct member *)); /* + 1: never of size 0 */
	return p->at != NULL;
}

static struct members *members_new(const struct upstream *u, const struct server_spec *servers, unsigned n)
{
	struct members *all = calloc(1, sizeof(*all) + n * sizeof(all->at[0]));

	if (all == NULL)
		return NULL;
	all->round = hash_bytes(HASH_START, &u->unit, sizeof(u->unit)); /* credits are in units */
	all->tiers = calloc(n + 1, sizeof(struct tier));
	if (all->tiers == NULL || !make_pool(&all->ready, all, n) || !make_pool(&all->scratch, all, n))
		return members_free(all, u->registry);
	for (unsigned i = 0; i < n; i++)
		if (servers[i].addr.len != 0 && !add_member(u, all, &servers[i]))
			return members_free(all, u->registry);
	form_tiers(u, all);
	if (!build_table(u, all))
		return members_free(all, u->registry);
	if (all->n > 0)
		__atomic_store_n(&u->live->had, 1, __ATOMIC_RELAXED);
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

const struct member *upstream_member(const struct upstream *u, const struct server *s)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (u->members->at[i].server == s)
			return &u->members->at[i];
	return NULL;
}

/* Of a name that has been picked of already: what it has now, and had not, is new to a warm upstream. */
static void mark_fresh(const struct members *old, struct members *new)
{
	for (unsigned i = 0; i < new->n; i++)
		new->at[i].fresh = old->n > 0 && !members_have(old, new->at[i].server);
}

static void note_fresh(const struct members *new)
{
	for (unsigned i = 0; i < new->n; i++)
		if (new->at[i].fresh)
			server_is_new(new->at[i].server);
}

int upstream_replace(struct upstream *u, const struct server_spec *servers, unsigned n)
{
	struct members *new = members_new(u, servers, n), *old = u->members;

	if (new == NULL)
		return -NP_ENOMEM;
	mark_fresh(old, new);
	pthread_mutex_lock(&u->live->lock);
	if (u->live->round != 0)
		note_fresh(new);
	if (u->live->round == old->round) {
		settle_credits(old, new);
		u->live->round = new->round;
	}
	u->members = new;
	pthread_mutex_unlock(&u->live->lock);
	upstream_wake(u->live, np_nanotime());
	members_free(old, u->registry);
	server_registry_sweep(u->registry);
	return 0;
}

/* ---- upstreams ---- */

/* The list as configured: upstream_same compares it, however often the addresses of its names change. */
static bool keep_list(struct upstream *u, const struct upstream_spec *spec)
{
	u->listed = calloc(spec->nservers + 1, sizeof(*u->listed)); /* + 1: never of size 0 */
	if (u->listed == NULL)
		return false;
	for (; u->nlisted < spec->nservers; u->nlisted++) {
		struct server_spec *to = &u->listed[u->nlisted];

		*to = spec->servers[u->nlisted];
		to->text = strdup(to->text);
		if (to->zone != NULL)
			to->zone = strdup(to->zone);
		if (to->text == NULL || (to->zone == NULL) != (spec->servers[u->nlisted].zone == NULL)) {
			u->nlisted++; /* free_list takes what there is */
			return false;
		}
	}
	return true;
}

static void free_list(struct upstream *u)
{
	for (unsigned i = 0; i < u->nlisted; i++) {
		free((void *)(uintptr_t)u->listed[i].text);
		free((void *)(uintptr_t)u->listed[i].zone);
	}
	free(u->listed);
}

/* Where the generation before did not have the key, nobody is young from its time: a reload begins nothing. */
static void begin_slow_start(const struct upstream *u)
{
	int64_t since = __atomic_load_n(&u->live->ramps, __ATOMIC_RELAXED);

	if (u->slow_start == 0)
		since = 0;
	else if (since == 0)
		since = np_nanotime();
	__atomic_store_n(&u->live->ramps, since, __ATOMIC_RELAXED);
}

struct upstream *upstream_new(const struct upstream_spec *spec, struct server_registry *registry)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	u->balance = spec->balance;
	u->retries = spec->retries;
	u->connect_timeout = spec->connect_timeout;
	u->retry_budget = spec->retry_budget;
	u->failover_below = spec->failover_below;
	u->panic = spec->panic;
	u->slow_start = balance_is_by_key(spec->balance) ? 0 : spec->slow_start;
	u->max_load = balance_is_by_key(spec->balance) ? spec->max_load : 0;
	u->unit = u->slow_start != 0 ? SLOW_START_UNIT : 1;
	u->passive = spec->passive;
	u->seed = spec->seed;
	u->hedge = spec->hedge;
	u->hedge_learns = spec->hedge_learns;
	u->queue_max = spec->queue_max;
	u->queue_timeout = spec->queue_timeout;
	u->registry = registry;
	u->name = strdup(spec->name);
	u->zone = spec->zone != NULL ? strdup(spec->zone) : NULL;
	u->live = server_registry_live(registry, spec->name);
	if (u->name != NULL && u->live != NULL && (u->zone != NULL || spec->zone == NULL) && keep_list(u, spec))
		u->members = members_new(u, spec->servers, spec->nservers);
	if (u->members == NULL)
		return upstream_free(u);
	begin_slow_start(u);
	return u;
}

struct upstream *upstream_free(struct upstream *u)
{
	if (u == NULL)
		return NULL;
	members_free(u->members, u->registry);
	server_registry_sweep(u->registry);
	upstream_live_put(u->live);
	free_list(u);
	free((void *)(uintptr_t)u->name);
	free((void *)(uintptr_t)u->zone);
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

bool upstream_hangs_alone(struct upstream *u, const struct server *s, int64_t accepted)
{
	unsigned nworkers = server_registry_workers(u->registry);
	bool answered = false;

	if (latest_answered(s, nworkers) > (uint64_t)accepted)
		return false;
	pthread_mutex_lock(&u->live->lock);
	for (unsigned i = 0; i < u->members->n && !answered; i++) {
		const struct server *other = u->members->at[i].server;

		answered = other != s && latest_answered(other, nworkers) > (uint64_t)accepted;
	}
	pthread_mutex_unlock(&u->live->lock);
	return answered;
}

bool upstream_each(struct upstream *u, uint64_t *round, upstream_each_fn *fn, void *arg)
{
	bool is_new;

	pthread_mutex_lock(&u->live->lock);
	is_new = u->members->round != *round;
	for (unsigned i = 0; is_new && i < u->members->n; i++)
		fn(arg, u->members->at[i].server, u->members->at[i].weight);
	*round = u->members->round;
	pthread_mutex_unlock(&u->live->lock);
	return is_new;
}

/* Two names are the same by their texts, two addresses however they are spelled. */
static bool listed_same(const struct server_spec *a, const struct server_spec *b)
{
	bool same = a->addr.len == 0 || b->addr.len == 0 ? a->addr.len == b->addr.len && strcmp(a->text, b->text) == 0 :
		    np_addr_equal(&a->addr, &b->addr);

	return same && a->weight == b->weight && a->max_connections == b->max_connections &&
	       a->priority == b->priority && zone_same(a->zone, b->zone);
}

bool upstream_same(const struct upstream *u, const struct upstream_spec *spec)
{
	if (strcmp(u->name, spec->name) != 0 || u->balance != spec->balance ||
		u->seed != spec->seed)
		return false;
	if (balance_is_by_key(u->balance) ? u->max_load != spec->max_load : u->slow_start != spec->slow_start)
		return false;
	if (u->failover_below != spec->failover_below || u->panic != spec->panic || !zone_same(u->zone, spec->zone))
		return false;
	if (u->connect_timeout != spec->connect_timeout || u->retry_budget != spec->retry_budget)
		return false;
	if (u->hedge != spec->hedge || u->hedge_learns != spec->hedge_learns)
		return false;
	if (u->queue_max != spec->queue_max || u->queue_timeout != spec->queue_timeout)
		return false;
	if (memcmp(&u->passive, &spec->passive, sizeof(u->passive)) != 0)
		return false;
	if (u->retries != spec->retries || u->nlisted != spec->nservers)
		return false;
	for (unsigned i = 0; i < u->nlisted; i++) {
		if (!listed_same(&u->listed[i], &spec->servers[i]))
			return false;
	}
	return true;
}
