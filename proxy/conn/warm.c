/* warm: which servers a worker keeps connections ready to, and that these are still the ones. What stands in a set, and
 * how it comes there: warm_set.c. */
#include "proxy/conn/warm_set.h"

#include <stdlib.h>

#include "proxy/upstream/upstream.h"

#define LOOK_EVERY    (250 * NP_MS)
#define FOUND_AT_ONCE 16 /* new servers of a list that are kept in one hold of its lock */

/* ---- sets ---- */

static struct warm_set *warm_set_of(const struct warm *all, const struct server *server)
{
	const struct list *bucket = &all->buckets[server->hash % WARM_BUCKETS];

	list_for_each(it, bucket) {
		struct warm_set *set = list_entry(it, struct warm_set, bucket);

		if (set->server == server)
			return set;
	}
	return NULL;
}

/* Its server has been kept for it.   Returns  false: no memory. */
static bool add_set(struct warm *all, const struct target *t, struct server *server, uint32_t weight)
{
	struct warm_set *set = calloc(1, sizeof(*set));

	if (set == NULL) {
		server_unkeep(server);
		return false;
	}
	*set = (struct warm_set){.all = all, .server = server, .target = t, .weight = weight, .pass = all->pass};
	list_init(&set->idle);
	list_push_back(&all->sets, &set->link);
	list_push_back(&all->buckets[server->hash % WARM_BUCKETS], &set->bucket);
	return true;
}

/* What a list of servers has that is new. */
struct found {
	struct warm *all;
	struct server *server[FOUND_AT_ONCE]; /* kept */
	uint32_t weight[FOUND_AT_ONCE];
	unsigned n;
	bool more;
};

/* Under the lock of the list. */
static void found_server(void *arg, struct server *server, uint32_t weight)
{
	struct found *f = arg;
	struct warm_set *set = warm_set_of(f->all, server);

	if (set != NULL) {
		set->pass = f->all->pass;
		set->weight = weight;
	} else if (f->n < FOUND_AT_ONCE) {
		server_keep(server);
		f->server[f->n] = server;
		f->weight[f->n++] = weight;
	} else {
		f->more = true;
	}
}

/* A set for each server of the list, and for no other of this upstream. */
static void sync_sets(struct warm *all, unsigned i)
{
	const struct target *t = &all->plan->snap->targets[i];
	uint64_t *round = &all->plan->round[i];
	struct found f = {.all = all};
	bool whole = true;

	all->pass++;
	do {
		f.n = 0;
		f.more = false;
		if (!upstream_each(t->upstream, round, found_server, &f))
			return;
		for (unsigned j = 0; j < f.n; j++)
			whole &= add_set(all, t, f.server[j], f.weight[j]);
		if (f.more || !whole)
			*round = 0;
	} while (f.more && whole);
	list_for_each_safe(it, &all->sets) {
		struct warm_set *set = list_entry(it, struct warm_set, link);

		if (whole && set->target == t && set->pass != all->pass)
			warm_set_drop(set);
	}
}

/* ---- looking ---- */

static void warm_look(struct np_timer *t)
{
	struct warm *all = container_of(t, struct warm, look);
	int64_t now = np_nanotime();

	all->held_up = false;
	for (unsigned i = 0; i < all->plan->snap->ntargets; i++)
		if (all->plan->snap->targets[i].warm > 0)
			sync_sets(all, i);
	list_for_each(it, &all->sets)
		warm_set_look(list_entry(it, struct warm_set, link), now);
	np_timer_set(&all->look, now + LOOK_EVERY);
}

/* ---- plans ---- */

static bool asks_for_any(const struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->ntargets; i++)
		if (snap->targets[i].warm > 0)
			return true;
	return false;
}

/* The target of this upstream's name. NULL: it keeps none. */
static const struct target *target_of(const struct snapshot *snap, const struct upstream_live *live)
{
	for (unsigned i = 0; i < snap->ntargets; i++)
		if (snap->targets[i].upstream->live == live && snap->targets[i].warm > 0)
			return &snap->targets[i];
	return NULL;
}

/* Is a connection that was dialled as a says one that b would dial? Contexts are shared while nothing of theirs has
 * changed. */
static bool speaks_alike(const struct target *a, const struct target *b)
{
	return a->header == b->header && a->tls == b->tls;
}

static void retarget_set(struct warm_set *set, const struct target *t)
{
	if (!speaks_alike(set->target, t)) {
		warm_set_close(set, 0);
		warm_set_give_up(set);
	}
	set->target = t;
}

/* The snapshot before is left by all sets before it is dropped. */
static void switch_plan(struct warm *all, struct warm_plan *plan)
{
	struct warm_plan *old = all->plan;

	all->plan = plan;
	list_for_each_safe(it, &all->sets) {
		struct warm_set *set = list_entry(it, struct warm_set, link);
		const struct target *t = plan != NULL ? target_of(plan->snap, set->server->live) : NULL;

		if (t != NULL)
			retarget_set(set, t);
		else
			warm_set_drop(set);
	}
	np_timer_stop(&all->look);
	if (plan != NULL)
		np_timer_set(&all->look, np_now());
	if (old != NULL)
		snapshot_drop(old->snap, all->shard->id);
	free(old);
}

/* NULL: no memory. */
static struct warm *warm_new(struct shard *s)
{
	struct warm *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->shard = s;
	all->look.fn = warm_look;
	list_init(&all->sets);
	list_init(&all->dials);
	for (size_t i = 0; i < WARM_BUCKETS; i++)
		list_init(&all->buckets[i]);
	return all;
}

/* On the worker. */
static void plan_arrived(struct np_msg *m)
{
	struct warm_plan *plan = container_of(m, struct warm_plan, msg);
	struct shard *s = plan->shard;
	bool any = asks_for_any(plan->snap);

	DCHECK_SHARD(s);
	if (s->warm == NULL && any)
		s->warm = warm_new(s);
	if (any && s->warm != NULL) {
		snapshot_hold(plan->snap, s->id);
		switch_plan(s->warm, plan);
		return;
	}
	if (s->warm != NULL)
		switch_plan(s->warm, NULL);
	free(plan);
}

int warm_serve(struct shard *s, struct snapshot *snap, unsigned most)
{
	struct warm_plan *plan = calloc(1, sizeof(*plan) + snap->ntargets * sizeof(plan->round[0]));

	if (plan == NULL)
		return -NP_ENOMEM;
	plan->msg.fn = plan_arrived;
	plan->shard = s;
	plan->snap = snap;
	plan->most = most;
	np_post(s->worker, &plan->msg);
	return 0;
}

void warm_end(struct shard *s, void *left)
{
	DCHECK_SHARD(s);
	if (s->warm == NULL)
		return;
	switch_plan(s->warm, NULL);
	*(unsigned *)left += s->warm->ndials;
}

void warm_free(struct warm *k)
{
	if (k == NULL)
		return;
	CHECK(list_empty(&k->sets) && k->ndials == 0, "what is kept ready ends before its worker");
	free(k);
}

/* ---- taking ---- */

bool warm_take(struct shard *s, const struct target *t, struct server *server, struct stream *out)
{
	struct warm_set *set = s->warm != NULL ? warm_set_of(s->warm, server) : NULL;
	bool taken;

	DCHECK_SHARD(s);
	if (set == NULL || !speaks_alike(set->target, t))
		return false;
	taken = warm_set_take(set, out);
	warm_set_fill(set);
	return taken;
}
