/* server_stats: the numbers of one server that one worker counts, written and read as those of
 * listener_stats. Connects that worked are the count of `connect`. */
#ifndef PROXY_METRICS_SERVER_STATS_H
#define PROXY_METRICS_SERVER_STATS_H

#include "proxy/metrics/histogram.h"
#include "proxy/metrics/stats.h"

/* Only counts and histograms of 64 bits, as listener_stats. */
struct server_stats {
	uint64_t bytes_in, bytes_out; /* from the client to it, and back */
	uint64_t refused, timeout, reset, failed; /* connects that did not work; failed: all others, TLS too */
	struct histogram connect;    /* from the dial on, of connects that worked */
	struct histogram first_byte; /* of the server, from the connect on */
	uint64_t early_ends, early_resets; /* of the server, before its first byte, and before the client's end */
	uint64_t replayed; /* connections that it ended before its first byte, and another server got (replay.h) */
	/* the latest accept of a connection that got a first byte: monotonic ns; a sum of it says nothing */
	uint64_t answered;
	uint64_t warm_wanted, warm_idle, warm_dials; /* now: connections made in advance (proxy/conn/warm.h) */
} cache_aligned;
_Static_assert(sizeof(struct server_stats) == 384, "a thousand servers and two workers take 0.75 MiB");

/* What became of a second dial beside a slow one. X(id, word) */
#define HEDGE_TBL(X)                                                                     \
	X(WON, "won")         /* it was first */                                         \
	X(LOST, "lost")       /* the first dial was, or the client went */               \
	X(FAILED, "failed")   /* its server did not take the connection */               \
	X(LIMITED, "limited") /* it was not made: too many were within 10 s, or too few descriptors are left */

enum hedge_result {
#define X(id, word) HEDGE_##id,
	HEDGE_TBL(X)
#undef X
	HEDGE_RESULTS
};

/* What became of a connection that its server ended before its first byte, where clients' bytes are kept (replay.h).
 * X(id, word) */
#define REPLAY_TBL(X)                                                                    \
	X(SENT, "sent")         /* another server has them */                            \
	X(FAILED, "failed")     /* no other server took the connection, or the client went meanwhile */ \
	X(TOO_LONG, "too_long") /* it was passed on: the client had sent more */         \
	X(LIMITED, "limited")   /* it was passed on: no retry, time or other server was left */

enum replay_result {
#define X(id, word) REPLAY_##id,
	REPLAY_TBL(X)
#undef X
	REPLAY_RESULTS
};

/* The numbers of one upstream that one worker counts, beside those of its servers. */
struct upstream_stats {
	uint64_t hedges[HEDGE_RESULTS];
	uint64_t replays[REPLAY_RESULTS];
	uint64_t retries; /* attempts after a failed one of the same connection */
	struct histogram queue_wait; /* of connections that waited for a slot, whether they got one or not */
} cache_aligned;

/* server_stats_new, upstream_stats_new: one zeroed cell for each of n workers.
 *   Returns  NULL: no memory.   Owns  the caller: free(3). */
must_use struct server_stats *server_stats_new(unsigned n);
must_use struct upstream_stats *upstream_stats_new(unsigned n);

/* server_stats_sum, upstream_stats_sum: add the cells of n workers to a total, which no other thread writes. Any
 * thread. */
void server_stats_sum(struct server_stats *total, const struct server_stats *cells, unsigned n);
void upstream_stats_sum(struct upstream_stats *total, const struct upstream_stats *cells, unsigned n);

#endif
