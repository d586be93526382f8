/* shard: what one worker owns: its counters, its scratch, its live connections. Fields belong to the
 * owner worker unless they say otherwise; others ask by message (shard_call). */
#ifndef PROXY_CONN_SHARD_H
#define PROXY_CONN_SHARD_H

#include "netpoll/netpoll.h"
#include "proxy/log/access_log.h"
#include "proxy/log/log.h"
#include "proxy/policy/snapshot.h"
#include "proxy/metrics/stats.h"

#define SHARD_SOURCES 1024 /* buckets in which sources of handshakes are counted */
#define SHARD_SCRATCH (64 * 1024) /* the largest read; a connection owns no buffer unless a write was cut short */

struct shard {
	struct stats stats;            /* read by others */
	struct np_worker *worker;      /* const once started */
	unsigned id;                   /* const: the worker's number */
	struct log_ring *log;          /* NULL: access log off */
	char *scratch;                 /* const; empty between two runs of any G */
	struct list conns;             /* live connections */
	struct list handshakes;        /* of struct pending, the oldest first */
	struct list stale;             /* those that had their time, in the same order */
	uint32_t handshakes_of[SHARD_SOURCES]; /* how many of both by source */
	uint32_t stale_of[SHARD_SOURCES];      /* how many of the stale */
	uint64_t source_seed;          /* const: nobody outside can know which sources share a bucket */
	struct shard *all;             /* const: every shard of the process, this one among them */
	unsigned nall;                 /* const */
	uint32_t nconns;               /* atomic: live ones, and those on their way from other shards */
	uint64_t random;               /* xorshift state */
	struct limit *limit;           /* the process's; atomics */
	struct log_site connect_site, memory_site; /* rate limits of this worker's warnings */
	int64_t wall_minus_mono;       /* wall clock = monotonic + this; refreshed now and then */
	int64_t wall_checked;
};

must_use int shard_init(struct shard *s, unsigned id, struct limit *limit);
void shard_fini(struct shard *s);

uint64_t shard_random(struct shard *s);
/* The wall clock at a monotonic instant, ns since 1970; follows jumps of the wall clock within a second. */
int64_t shard_wall(struct shard *s, int64_t mono);

/* shard_call: run fn(s, arg) on the shard's worker, outside any coroutine, and wait until it has. From a coroutine of
 * the control worker. Parks. */
void shard_call(struct shard *s, void (*fn)(struct shard *s, void *arg), void *arg);

#endif
