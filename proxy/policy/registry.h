/* registry: the state that survives a reload: the counts of servers and listeners, the workers'
 * part of TLS, contexts, ticket keys and stapled OCSP responses. One per process. The control thread owns it;
 * what workers may touch says so. */
#ifndef PROXY_POLICY_REGISTRY_H
#define PROXY_POLICY_REGISTRY_H

#include "netpoll/base.h"
#include "proxy/base/limit.h"

struct listener_stats;
struct np_worker;
struct server_registry;
struct source_table;
struct tls_worker;

struct registry {
	struct server_registry *servers; /* owned */
	struct list listeners; /* of struct listener_counts */
	struct list tickets; /* of struct ticket_entry (snapshot_tls.c); kept until the end */
	struct list contexts; /* of struct contexts (snapshot_contexts.c): those in use */
	struct list staples; /* of struct tls_staple: of the certificates in use */
	struct tls_worker **tls; /* owned: one per worker, and one for health; NULL until a generation speaks TLS */
	bool health_tls;         /* a check or a probe speaks TLS, or did: the last of tls is there */
	struct source_table *sources; /* owned; NULL until a generation limits sources; then until the end */
	uint32_t listener_id; /* the last one that was given */
	unsigned nworkers; /* const after init */
	unsigned snapshots; /* alive: the current one, and those that connections keep */
	bool looks_only;           /* const: of a trial (snapshot_trial.h): no file is written, nothing is logged */
	bool lent;                 /* a load has it: registry_lend */
	struct list retired;       /* of struct snapshot: to be freed when it is not lent any more */
	struct list returned;      /* of struct inventory: the same */
	unsigned inventories;      /* alive */
	struct listener_stats *gone; /* owned: sum of the listeners that are no more */
	uint64_t generation; /* the latest that was enacted */
	struct np_worker *control; /* const once it runs: retired snapshots are posted to it */
};

/* The handshakes of one listener on one worker, which owns it. */
struct handshakes_on {
	uint32_t count; /* under way; atomic: other workers read it */
	bool tries;     /* one that waits tries to have a place; others stand in the queues */
	struct list alone, many; /* of struct handshake: the only ones of their source, and the others */
};

/* The counts of one listener, kept by its name. Freed with the last snapshot that has a listener of
 * this name. */
struct listener_counts {
	struct list link; /* control thread */
	char *name; /* const, owned */
	struct limit limit; /* connections. atomic: any worker */
	int64_t rate_tat; /* when the bucket of the listener's rate is full again: monotonic ns. atomic: any worker */
	struct limit handshakes_limit; /* handshakes under way. atomic: any worker */
	uint32_t id; /* const: no other listener of the process has had it (source.h) */
	uint32_t sources_waiting; /* of per_source; atomic: any worker */
	uint32_t waiting_alone; /* for a place, and the only ones of their source. atomic: any worker */
	unsigned snapshots; /* control thread: that have a listener of this name */
	unsigned lists;     /* control thread: inventories that list it */
	bool retired;       /* control thread: its numbers are in registry.gone, and it is not found again */
	struct listener_stats *stats; /* owned: one cell per worker, which writes it; any thread reads */
	struct handshakes_on on[]; /* one per worker */
};

/* registry_init: an empty registry for so many workers.
 *   Returns  0 or -NP_ENOMEM; registry_fini may follow either.
 *   Calls    before there is a second thread. */
must_use int registry_init(struct registry *r, unsigned nworkers);

/* registry_fini: every snapshot must be gone (CHECK), and every worker's thread joined. */
void registry_fini(struct registry *r);

/* registry_lend: the thread of a load may use all of the registry from now on, and this thread does
 * not touch it, and frees no snapshot, until registry_reclaim. Lent twice without a reclaim between
 * is the same as once: a load that was refused since another one is late. A lock in its place would
 * be held while a disk hangs.
 *   Calls  control thread, both. */
void registry_lend(struct registry *r);
void registry_reclaim(struct registry *r);

/* listener_counts_get: the counts of this name, made on first use; one reference more.
 *   Returns  NULL: no memory.   Calls  control thread.   Owns  a reference: listener_counts_put,
 *            which takes NULL. */
must_use struct listener_counts *listener_counts_get(struct registry *r, const char *name);
void listener_counts_put(struct listener_counts *counts);

/* listener_counts_hold, listener_counts_drop: an inventory lists it, and does no more.   Calls
 * control thread. */
void listener_counts_hold(struct listener_counts *counts);
void listener_counts_drop(struct listener_counts *counts);

/* listener_counts_retire: what no snapshot has any more passes its numbers on to the registry, and a
 * listener of this name that comes later begins anew.
 *   Returns  whether it is, or was, retired.   Calls  control thread. */
bool listener_counts_retire(struct registry *r, struct listener_counts *counts);

#endif
