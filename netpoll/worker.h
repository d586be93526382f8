/* worker: a thread per core with all that it owns: scheduler, timers, inbox, poller. Port of the
 * loop of runtime/proc.go (schedule, findRunnable) for a worker that neither steals nor is stolen
 * from.
 *
 *   turn:  due timers -> inbox -> up to RUNS_PER_POLL Gs -> poll
 *   poll:  does not block while Gs are runnable, so that busy Gs cannot starve I/O; else sleeps
 *          until the next timer
 *
 * The slices are set up in the order of the struct and torn down in reverse. */
#ifndef NETPOLL_WORKER_H
#define NETPOLL_WORKER_H

#include <pthread.h>

#include "netpoll/inbox.h"
#include "netpoll/poller.h"

#define WORKER_MAGIC 0x3a0c4e12u

/* Pipes for splicing (fd_splice.c), in the pool or lent to a relay. Owner worker. */
struct pipe_pool {
	struct np_pipe *idle; /* empty ones */
	unsigned nidle, low;  /* how many; the fewest since the last trim */
	struct np_timer trim;
	unsigned made, most;  /* in existence; how many may be */
	int64_t retry;        /* none could be had: not before this */
	/* closes them when the worker ends; set with the first pipe */
	void (*fini)(struct pipe_pool *pool);
};

struct np_worker {
	uint32_t magic;
	struct np_worker_opts opts;  /* const after start */
	struct sched sched;
	struct heap timers;
	struct netpoll np;
	struct pipe_pool pipes;
	bool stopping;               /* owner worker */
	uint64_t turns, polls;       /* owner worker, relaxed */
	pthread_t thread;
	clockid_t cpu_clock;         /* relaxed: of its thread; 0 before it runs */
	struct np_msg stop;          /* np_worker_stop posts it, once */
	uint32_t stop_posted;        /* atomic */
	size_t stack_deepest;        /* owner worker, relaxed */

	/* Written by other threads; away from what the loop writes. */
	cache_aligned struct inbox inbox;
	uint32_t asleep;             /* atomic: blocked in the poller, so a post must break it */
	int64_t silent;              /* atomic: np_worker_stats.silent; the watchdog writes */
};

#endif
