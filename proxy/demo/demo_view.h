/* demo_view: what the demo shows: a live line, remarks between, the sum at the end. */
#ifndef PROXY_DEMO_DEMO_VIEW_H
#define PROXY_DEMO_DEMO_VIEW_H

#include "proxy/demo/demo_client.h"

#define DEMO_TICK   (200 * NP_MS)
#define DEMO_WINDOW 5 /* ticks that a shown rate or latency covers */

/* The counts at the end of one tick. */
struct demo_moment {
	int64_t at; /* np_nanotime */
	struct demo_counts n;
	struct demo_hist latency; /* of the tick that ended here */
};

struct demo_view {
	bool live, colour; /* live: one line, written over */
	unsigned ticks;
	struct demo_moment moments[DEMO_WINDOW + 1]; /* a ring, by tick */
	struct demo_hist all;
};

struct demo;

/* The head, before the first tick. */
void demo_view_open(struct demo_view *v, struct demo *d);
/* Once each DEMO_TICK. */
void demo_view_tick(struct demo_view *v, struct demo *d);
/* A remark on a line of its own. */
void demo_view_event(struct demo_view *v, const char *fmt, ...) printf_like(2, 3);
/* What came of it, after the last tick. */
void demo_view_sum(struct demo_view *v, struct demo *d);

#endif
