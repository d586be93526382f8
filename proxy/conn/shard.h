/* shard: what one worker owns: its counters, its scratch, its live connections. Fields belong to
 * the owner worker unless they say otherwise; other threads ask by message (shard_call). */
#ifndef PROXY_CONN_SHARD_H
#define PROXY_CONN_SHARD_H

#include "netpoll/check.h"
#include "netpoll/netpoll.h"
#include "proxy/log/access_log.h"
#include "proxy/log/log.h"
#include "proxy/metrics/listener_stats.h"
#include "proxy/metrics/server_stats.h"
#include "proxy/metrics/stats.h"
#include "proxy/policy/snapshot.h"

/* A cursor in the list of connections (walk.h). */
struct walk {
	struct list link; /* in shard.walks */
	struct list *at;  /* the next connection; the list's head: there is none */
	struct shard *shard;
};

#define SHARD_SOURCES 1024 /* buckets in which the sources of handshakes are counted */
/* The largest read. A connection owns no buffer unless a write was cut short. */
#define SHARD_SCRATCH (64 * 1024)

struct trace_ear;
struct warm;

struct shard {
	struct stats stats;       /* other threads read them */
	struct np_worker *worker; /* const once started; NULL before */
	unsigned id;              /* const: the worker's number */
	struct log_ring *log;     /* NULL: access log off */
	char *scratch;            /* owned, const; empty between two runs of any G */
	struct list conns;        /* of struct conn: live connections, new ones at the back */
	struct list walks;        /* of struct walk: those under way */
	int64_t walk_turn;        /* of walk_pay: the turn, and what was spent in it */
	unsigned walk_spent;
	struct trace_ear *trace;  /* those who are told of new connections (conn_trace.h); NULL: nobody asks */
	struct walk tally;        /* of tally.h; linked while it is under way */
	int64_t tally_began;      /* the look under way, or the last one */
	int64_t tally_step;       /* ns from the look before it */
	struct np_msg tally_msg;  /* the poster's, until tally_asked is 0 again */
	uint32_t tally_asked;     /* atomic */
	int64_t tally_log;        /* log.periodic in ns, 0: off; the poster's, as tally_msg */
	int64_t log_every;        /* the same for the look under way */
	int64_t log_every_since;  /* the look at which it was first so */
	struct list handshakes;   /* of struct handshake, the oldest first */
	/* of struct handshake: those that had their time, the oldest first */
	struct list stale;
	uint32_t handshakes_of[SHARD_SOURCES]; /* how many of both lists by source */
	uint32_t stale_of[SHARD_SOURCES];      /* how many of the stale by source */
	uint32_t waiting_of[SHARD_SOURCES];    /* how many that wait for a place by source */
	/* const, secret, the same for all: no client can know which sources share a bucket */
	uint64_t source_seed;
	struct shard *all;        /* const: every shard of the process, this one among them */
	unsigned nall;            /* const */
	uint32_t nconns;          /* atomic: live ones, and those on their way from other shards */
	uint64_t random;          /* xorshift state */
	int64_t last_accepted;    /* conn.accepted of the latest: of two connections never the same */
	int64_t id_epoch;         /* const, as id_seed the same for all: wall clock less monotonic, for ids */
	uint64_t id_seed;
	struct warm *warm;        /* owned: connections kept ready (warm.h); NULL: none ever were */
	struct limit *limit;      /* borrowed: the process's; atomics */
	bool handing; /* another process has taken over: who finds no server here goes there (conn_aside.h) */
	struct limit_watch *watch; /* borrowed, const: who hears that a limit acts; NULL: nobody */
	/* conn_loop.c: a dial of ours that may come back; atomic, the owner writes */
	uint64_t loop_key;   /* 0: none is looked for */
	uint64_t loop_to;         /* atomic: the same of the server that was dialled */
	int64_t loop_until;  /* how long it is */
	uint32_t dials;      /* while places were scarce */
	uint32_t loop_said;  /* the first shard's: atomic, any worker */
	bool splice_off; /* this machine refuses splice or pipes: every direction is copied */
	int64_t wall_minus_mono;  /* wall clock = monotonic + this; refreshed now and then */
	int64_t wall_checked;     /* when it was refreshed; 0: never */
};

/* First line of each function that belongs to a shard's worker. A shard that no worker runs yet, as
 * in tests, belongs to the thread that made it. */
#define DCHECK_SHARD(s) \
	DCHECK((s)->worker == NULL || np_self() == (s)->worker, "a shard belongs to its worker")

/* shard_init: empty, with scratch and random numbers of its own.
 *   Returns  0 or -NP_ENOMEM.
 *   Calls    the control thread, before the worker runs. */
must_use int shard_init(struct shard *s, unsigned id, struct limit *limit);
/* shard_share: s takes over of the first shard what is the same for all.   Calls  as shard_init. */
void shard_share(struct shard *s, const struct shard *first);
void shard_fini(struct shard *s); /* the worker has been joined; no connection is left (CHECK) */

/* 64 random bits that are good for choosing and naming, not for secrets. Owner worker. */
uint64_t shard_random(struct shard *s);

/* The wall clock at a monotonic instant, ns since 1970; follows jumps of the wall clock within a
 * second. Owner worker. */
int64_t shard_wall(struct shard *s, int64_t mono);

/* shard_call: run fn(s, arg) on the shard's worker, outside any coroutine, and wait until it has.
 *   Calls  a coroutine of any worker; of a shard's, while it has a connection or an acceptor: until
 *          then no worker is stopped.   Parks. */
void shard_call(struct shard *s, void (*fn)(struct shard *s, void *arg), void *arg);

#endif
