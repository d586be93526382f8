/* stats: the numbers that one thread counts. Each worker, and the control thread, has a struct
 * stats of its own and is its only writer. Any thread may read it at any time: each number is
 * whole, but two numbers may be of different moments. Rejected: atomic counters that all threads
 * share. A locked add on a contended line costs more than the relay of a small read. */
#ifndef PROXY_METRICS_STATS_H
#define PROXY_METRICS_STATS_H

#include "netpoll/base.h"
#include "proxy/metrics/counter_tbl.h"

struct stats {
#define X(field, ...) uint64_t field;
	COUNTER_TBL(X)
#undef X
} cache_aligned; /* so that no two threads write to one cache line */

/* Only the owner may count. */
#define STAT_ADD(s, field, n) relaxed_add(&(s)->field, (n))
/* Any thread may read. */
#define STAT_GET(s, field) __atomic_load_n(&(s)->field, __ATOMIC_RELAXED)

/* A row of counter_tbl.h with its number. */
struct stats_row {
	const char *family, *label, *kind, *help; /* static */
	bool first;                               /* of its family */
	uint64_t value;
};

unsigned stats_rows(void);

/* stats_row: row i, summed over the numbers of n threads. Any thread, at any time. */
void stats_row(unsigned i, const struct stats *const *all, unsigned n, struct stats_row *out);

#endif
