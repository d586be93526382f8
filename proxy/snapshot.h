/* snapshot: one generation of the configuration as the workers see it: frozen fronts, limits and upstreams. A
 * connection keeps the snapshot it started with, so a reload never changes what is under way.
 *
 * Lifetime without a shared write per connection: each worker counts its own uses (its current snapshot is one, each
 * of its connections another) in a word of its own; the worker whose count ends gives up its share, and the last share
 * returns the snapshot to the control thread, which alone frees. */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H

#include "netpoll/netpoll.h"
#include "proxy/limit.h"
#include "proxy/upstream.h"

struct config;
struct config_listener;
struct snapshot;

/* What of a listener survives reloads: its name's count. Control thread owns; freed with the last snapshot of it. */
struct listener_live {
	struct list link;
	char *name;
	struct limit limit; /* atomics: any worker */
	unsigned snapshots; /* control thread */
};

/* An upstream and how many snapshots use it. Control thread. */
struct shared_upstream {
	struct upstream *u;
	unsigned snapshots;
};

/* One listener of one generation. Frozen. */
struct front {
	struct snapshot *snap;
	const char *name;
	struct upstream *upstream;
	struct listener_live *live;
	bool wait_at_limit;
	int backlog;
	int64_t idle, half_close, lifetime, linger; /* ns; INT64_MAX: off */
	const struct config_listener *config; /* its bind addresses */
};

struct snapshot {
	uint64_t generation;   /* 0 until enacted: a refused one has no number */
	struct config *config; /* owned; names and addresses point into it */
	struct front *fronts;
	unsigned nfronts;
	struct shared_upstream **upstreams; /* held: snapshots share those that did not change */
	unsigned nupstreams;
	int64_t shutdown_delay, shutdown_timeout;
	uint32_t shares;          /* atomic: workers that still use it */
	struct snapshot_use *use; /* one per worker, its owner's alone */
	struct snapshot_book *book;
	struct np_msg retire;     /* to the control worker, from whoever gave up the last share */
};

/* A line of its own per worker. */
struct snapshot_use {
	cache_aligned uint32_t count;
};

/* Everything that outlives a generation. Control thread. */
struct snapshot_book {
	struct server_book *servers;
	struct list listeners; /* of struct listener_live */
	unsigned nworkers;
	unsigned snapshots;    /* alive: the current one, and those that connections keep */
	uint64_t generation;   /* the latest enacted */
	struct np_worker *control; /* const once it runs: retired snapshots are posted here */
};

must_use int snapshot_book_init(struct snapshot_book *b, unsigned nworkers);
void snapshot_book_fini(struct snapshot_book *b); /* every snapshot must be gone */

/* snapshot_new: freeze a checked config. What did not change since prev (may be NULL) is taken over from it: upstream
 * objects with their place in the round, counts of servers and listeners.
 *   Returns  0 or -NP_ENOMEM: then c is still the caller's.
 *   Owns     c, with success.   Calls  control thread. */
must_use int snapshot_new(struct snapshot_book *b, struct config *c, const struct snapshot *prev,
			  struct snapshot **out);
/* It is the current generation from now on: it gets its number, and its bounds hold. Control thread. */
void snapshot_enact(struct snapshot *s);
/* Takes NULL, returns NULL. No share may be in use. Control thread. */
struct snapshot *snapshot_free(struct snapshot *s);

/* Each worker calls hold once per use and drop at its end; the drop that ends the last use of the last worker posts the
 * snapshot to the control thread, which frees it. A worker that adopts it late has its share reserved from the start.
 */
static inline void snapshot_hold(struct snapshot *s, unsigned worker)
{
	s->use[worker].count++;
}

void snapshot_drop(struct snapshot *s, unsigned worker);

#endif
