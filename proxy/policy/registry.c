/* registry: state that survives reloads, found again by name. */
#include "proxy/policy/registry.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/metrics/listener_stats.h"
#include "proxy/policy/inventory.h"
#include "proxy/policy/limit_watch.h"
#include "proxy/policy/snapshot.h"
#include "proxy/policy/snapshot_tls.h"
#include "proxy/policy/source.h"
#include "proxy/upstream/server.h"

int registry_init(struct registry *r, unsigned nworkers)
{
	DCHECK(nworkers > 0, "a process has a worker");
	*r = (struct registry){.nworkers = nworkers, .servers = server_registry_new(nworkers)};
	list_init(&r->listeners);
	list_init(&r->tickets);
	list_init(&r->contexts);
	list_init(&r->staples);
	list_init(&r->retired);
	list_init(&r->returned);
	r->gone = listener_stats_new(1);
	return r->servers != NULL && r->gone != NULL ? 0 : -NP_ENOMEM;
}

void registry_fini(struct registry *r)
{
	CHECK(r->inventories == 0, "an inventory outlived the process");
	CHECK(r->snapshots == 0 && list_empty(&r->listeners), "a snapshot outlived the process");
	registry_tls_fini(r);
	r->servers = server_registry_free(r->servers);
	r->sources = source_table_free(r->sources);
	free(r->gone);
}

void registry_lend(struct registry *r)
{
	r->lent = true;
}

void registry_reclaim(struct registry *r)
{
	r->lent = false;
	list_for_each_safe(it, &r->retired) {
		list_remove(it);
		snapshot_free(list_entry(it, struct snapshot, retired));
	}
	list_for_each_safe(it, &r->returned) {
		list_remove(it);
		inventory_free(list_entry(it, struct inventory, returned));
	}
}

static struct listener_counts *listener_counts_free(struct listener_counts *counts)
{
	struct limit_words connections = {.key = "max_connections", .listener = counts->name},
			   handshakes = {.key = "tls.max_handshakes", .listener = counts->name};

	limit_close(&counts->limit, &connections);
	limit_close(&counts->handshakes_limit, &handshakes);
	free(counts->stats);
	free(counts->name);
	free(counts);
	return NULL;
}

static struct listener_counts *listener_counts_new(const char *name, unsigned nworkers)
{
	struct listener_counts *counts =
		calloc(1, sizeof(*counts) + nworkers * sizeof(counts->on[0]));

	if (counts == NULL)
		return NULL;
	for (unsigned i = 0; i < nworkers; i++) {
		list_init(&counts->on[i].alone);
		list_init(&counts->on[i].many);
	}
	counts->name = strdup(name);
	counts->stats = listener_stats_new(nworkers);
	return counts->name != NULL && counts->stats != NULL ? counts : listener_counts_free(counts);
}

static void listener_counts_sweep(struct listener_counts *counts)
{
	if (counts->snapshots + counts->lists > 0)
		return;
	list_remove(&counts->link);
	listener_counts_free(counts);
}

struct listener_counts *listener_counts_get(struct registry *r, const char *name)
{
	struct listener_counts *counts;

	list_for_each(it, &r->listeners) {
		counts = list_entry(it, struct listener_counts, link);
		if (!counts->retired && strcmp(counts->name, name) == 0) {
			DCHECK(counts->snapshots + counts->lists > 0, "counts that nobody has are freed");
			counts->snapshots++;
			return counts;
		}
	}
	counts = listener_counts_new(name, r->nworkers);
	if (counts == NULL)
		return NULL;
	counts->id = ++r->listener_id;
	counts->snapshots = 1;
	list_push_back(&r->listeners, &counts->link);
	return counts;
}

void listener_counts_put(struct listener_counts *counts)
{
	if (counts == NULL)
		return;
	DCHECK(counts->snapshots > 0, "counts are put more often than they were got");
	if (--counts->snapshots > 0)
		return;
	/* Every place is held by a connection, and a connection holds its snapshot. */
	DCHECK(limit_used(&counts->limit) == counts->limit.held,
	       "a connection outlived the snapshots of its listener");
	listener_counts_sweep(counts);
}

void listener_counts_hold(struct listener_counts *counts)
{
	counts->lists++;
}

void listener_counts_drop(struct listener_counts *counts)
{
	DCHECK(counts->lists > 0, "an inventory drops what it holds");
	counts->lists--;
	listener_counts_sweep(counts);
}

/* No snapshot has it, so no connection: what its workers counted is there since the last of them was
 * posted back. */
bool listener_counts_retire(struct registry *r, struct listener_counts *counts)
{
	if (counts->retired || counts->snapshots > 0)
		return counts->retired;
	listener_stats_sum(r->gone, counts->stats, r->nworkers);
	counts->retired = true;
	return true;
}
