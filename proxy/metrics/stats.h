/* stats: the numbers that one thread counts. Each worker, and the control thread, has a struct
 * stats of its own and is its only writer. Any thread may read it at any time: each number is
 * whole, but two numbers may be of different moments. Rejected: atomic counters that all threads
 * share. A locked add on a contended line costs more than the relay of a small read. */
#ifndef PROXY_METRICS_STATS_H
#define PROXY_METRICS_STATS_H

#include "netpoll/base.h"
#include "proxy/base/text.h"
#include "proxy/metrics/counter_tbl.h"

struct stats {
#define X(field, ...) uint64_t field;
	COUNTER_TBL(X)
#undef X
} cache_aligned; /* so that no two threads write to one cache line */

/* Bytes: the text of stats_write is always shorter. */
#define STATS_TEXT 16384

/* Only the owner may count. */
#define STAT_ADD(s, field, n) relaxed_add(&(s)->field, (n))
/* Any thread may read. */
#define STAT_GET(s, field) __atomic_load_n(&(s)->field, __ATOMIC_RELAXED)

/* stats_sum: add the numbers of one thread to a total, which the caller has zeroed before.
 *   Calls    any thread, at any time. */
void stats_sum(struct stats *total, const struct stats *one);

/* stats_write: append a total in the text format 0.0.4 of Prometheus. It writes every row,
 * zeros too: a series that appears with its first event hides that event from rate().
 * STATS_TEXT bytes are always enough. */
void stats_write(const struct stats *total, struct text *out);

#endif
