/* upstream_live: what of an upstream outlives a reload, found again by name: its numbers, and the lock under which all
 * generations of it pick, so that they have one round. It lives as long as an upstream of its name, one of its servers,
 * or an inventory that has it.
 * Control thread, but for the workers' cells and what the lock protects. */
#ifndef PROXY_UPSTREAM_UPSTREAM_LIVE_H
#define PROXY_UPSTREAM_UPSTREAM_LIVE_H

#include <pthread.h>

#define HEDGE_SECONDS 10

#include "proxy/base/limit.h"
#include "proxy/metrics/server_stats.h"

struct upstream_doubt;

/* Who found every server full since the last walk over them (upstream_full.c). */
struct upstream_full {
	uint64_t walk;        /* its number; 0: there was none */
	uint64_t n;
	int64_t walked, last; /* when, and when the last of the n came; monotonic ns */
};

struct upstream_live {
	struct list link;     /* in the registry of servers */
	struct list servers;  /* of struct server, those that are leaving among them */
	unsigned refs;
	const char *name;     /* const after init; owned */
	int64_t panics;       /* the health thread's: since when, as it has told; 0: it does not */
	struct upstream_stats *stats; /* owned: one cell per worker, which writes it; any thread reads */
	struct server_stats gone; /* sum of its servers that are no more: so its totals never fall */
	uint32_t had;   /* atomic: an upstream of this name has had a server; 0: names that were never answered */
	uint32_t doubted; /* atomic: a connect to one of its servers failed since control looked (upstream_doubt.h) */
	struct upstream_doubt *doubt; /* atomic: who wants to know that; NULL: nobody; outlives all that points to it */

	/* Of those who wait for a slot (waiter.h): used is how many, atomic; it changes under the lock. Each release of
	 * a slot reads it, so it is not on the line that each pick writes. */
	struct limit queue cache_aligned;
	struct limit late; /* hits: who left the queue because timeouts.queue was over; `used` is not */
	uint32_t connects; /* that worked within the last 10 s; atomic: the health thread writes it */
	uint64_t changes;  /* of words of its servers, and 1; atomic: who changes one counts it afterwards */
	bool queue_acts; /* an episode of the queue's limit holds a reference; control thread */

	/* Of picks; protects what is below, server.credit of its servers, and each generation's members. Held for
	 * 0.1 us at three servers; its holder takes no second lock, allocates nothing and never parks. */
	pthread_mutex_t lock cache_aligned;
	unsigned out;   /* servers whose passive state is not in */
	bool gate;      /* nobody is given a slot: those who wait in the process before come first (waiter_hold) */
	uint32_t pass;  /* number of the last walk over who waits */
	int64_t ramps;  /* atomic: since when its generations have slow_start, monotonic ns; 0: the newest has not */
	uint64_t round; /* of members and weights (struct members): whose the credits are; 0: nobody has picked */
	struct list waiters; /* of struct waiter, the oldest first */
	struct upstream_full full;
	struct {
		int64_t second; /* of the clock; what is older than HEDGE_SECONDS does not count */
		uint32_t n;     /* hedges that were dialled in it */
	} hedges[HEDGE_SECONDS];
	uint64_t connected[HEDGE_SECONDS]; /* connects that worked, at each of the last turns; the health thread's */
	int64_t counted; /* the same: the last turn; 0: none was */
	unsigned turn;
};

/* upstream_live_get: the one of this name among all, made on first use.
 *   Returns  NULL: no memory.   Owns  a reference: upstream_live_put, which takes NULL. */
must_use struct upstream_live *upstream_live_get(struct list *all, const char *name, unsigned nworkers);
void upstream_live_put(struct upstream_live *live);

/* upstream_live_hedge: may one more connection be hedged? At most one of ten connects of the last 10 s, and 10 in any
 * case, so that a network that is slow for all gets no more than a tenth more SYNs. It is counted if it may.
 *   Calls  any thread; takes the lock. */
must_use bool upstream_live_hedge(struct upstream_live *live, int64_t now);
/* upstream_live_connects: so many connects have worked until now. The first call, and one after more than 10 s, count
 * none: they only begin.   Calls  the health thread, each second. */
void upstream_live_connects(struct upstream_live *live, uint64_t total, int64_t now);

/* How many wait for a slot. Any thread. In one order with all such loads and stores, or one who begins to wait
 * and one who gives a slot back could miss each other: waiter.c. On x86-64 it is a plain load. */
static inline uint32_t upstream_waiting(const struct upstream_live *live)
{
	return __atomic_load_n(&live->queue.used, __ATOMIC_SEQ_CST);
}

#endif
