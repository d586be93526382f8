/* stats: what one thread counts. Each worker, and the control thread, has a struct stats of its own
 * and is its only writer; anybody may read it at any time and sees each number whole, though not
 * all of the same instant. Shared atomic counters were rejected: a locked add on a contended line
 * costs more than the relay of a small read. */
#ifndef PROXY_METRICS_STATS_H
#define PROXY_METRICS_STATS_H

#include "netpoll/base.h"
#include "proxy/base/text.h"
#include "proxy/base/close.h"
#include "proxy/metrics/counter_tbl.h"

struct stats {
#define X(field, ...) uint64_t field;
	COUNTER_TBL(X)
#undef X
	uint64_t closed[CLOSE_REASONS]; /* by reason, rejected ones included; [CLOSE_NONE] stays 0 */
} cache_aligned;

/* Room that stats_write never needs more than. */
#define STATS_TEXT 16384

/* For the owner alone. Relaxed load and store, so a plain mov each: no lock prefix, no fence. */
#define STAT_ADD(s, field, n)                                                                 \
	__atomic_store_n(&(s)->field, __atomic_load_n(&(s)->field, __ATOMIC_RELAXED) + (n),  \
			 __ATOMIC_RELAXED)
#define STAT_SUB(s, field, n)                                                                 \
	__atomic_store_n(&(s)->field, __atomic_load_n(&(s)->field, __ATOMIC_RELAXED) - (n),  \
			 __ATOMIC_RELAXED)
/* For anybody. */
#define STAT_GET(s, field) __atomic_load_n(&(s)->field, __ATOMIC_RELAXED)

/* stats_close: count the end of one connection. Owner only; once per connection, with its final
 * reason. */
void stats_close(struct stats *s, enum close_reason why);

/* stats_sum: add a thread's numbers to a total that the caller zeroed. Any thread, at any time. */
void stats_sum(struct stats *total, const struct stats *one);

/* stats_write: a total as Prometheus text 0.0.4, every reason and every row, zeros included: a
 * series that appears only with its first event hides that event from rate(). STATS_TEXT is always
 * enough room. */
void stats_write(const struct stats *total, struct text *out);

#endif
