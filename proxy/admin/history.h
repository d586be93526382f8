/* history: the last ten minutes of the process, sixteen numbers a second, for whoever opens the dashboard after the
 * fact. Made on the admin worker from counts that are there anyway. */
#ifndef PROXY_ADMIN_HISTORY_H
#define PROXY_ADMIN_HISTORY_H

#include "proxy/admin/history_tbl.h"
#include "proxy/policy/inventory.h"

#define HISTORY_SECONDS 600
#define HISTORY_NONE    UINT64_MAX /* there was nothing to measure */

enum history_series {
#define X(series, ...) HISTORY_##series,
	HISTORY_TBL(X)
#undef X
	HISTORY_SERIES
};

/* The counts at one moment. Zero-initialise. */
struct history_counts {
	uint64_t v[HISTORY_SERIES]; /* gauges as they are, the others as totals */
	struct histogram connect, first_byte;
	int64_t cpu; /* ns */
};

/* Zero-initialise. */
struct history {
	uint64_t n; /* seconds noted so far */
	int64_t at[HISTORY_SECONDS]; /* wall clock, ns */
	uint64_t v[HISTORY_SECONDS][HISTORY_SERIES];
	struct history_counts before; /* of the second before */
	int64_t before_at;            /* monotonic; 0: none */
};

/* history_count: what inv's cells hold now, and the process's CPU time. *out is zero. */
void history_count(const struct inventory *inv, struct history_counts *out);

/* history_cpu: CPU time of the process so far, ns. */
int64_t history_cpu(void);

/* history_note: one more second; the first call only remembers. now: monotonic; wall: its time of day. */
void history_note(struct history *h, const struct history_counts *c, int64_t now, int64_t wall);

/* How many seconds there are, and the row of the ith of them, the oldest first. */
unsigned history_length(const struct history *h);
unsigned history_row(const struct history *h, unsigned i);

const char *history_word(enum history_series s);
const char *history_unit(enum history_series s);

#endif
