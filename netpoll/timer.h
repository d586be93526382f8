/* timer: one worker's two kinds of time.
 *
 *   heap    the precise few (np_timer_set: back-off, retry, sleep): to the nanosecond, a few ns to
 *           set among few
 *   wheel   the many deadlines of descriptors: to the tick, O(1), and moving one later costs
 *           nothing at all
 *
 * Why two: a deadline is set for every read and nearly never fires, so setting must be free and
 * firing may be late by a tick; a retry is set once and must not be. Everything here belongs to
 * the owner worker, and nothing can fail. */
#ifndef NETPOLL_TIMER_H
#define NETPOLL_TIMER_H

#include "netpoll/base.h"
#include "netpoll/netpoll.h"

/* ---- heap ------------------------------------------------------------------------------------ */

struct heap {
	struct np_timer *root;
	/* root of those set while heap_run runs: they wait for the next run */
	struct np_timer *fresh;
	bool running;
};

void heap_init(struct heap *h);
/* Set t, or move it if it is set. A time in the past fires in the next heap_run. */
void heap_set(struct heap *h, struct np_timer *t, int64_t when);
/* True: it was set, and will not fire now. */
bool heap_stop(struct heap *h, struct np_timer *t);
int64_t heap_next(const struct heap *h); /* INT64_MAX when there is none */
/* heap_run: fire what is due at now, earliest first (equal times in no order).
 *   Returns  how many fired.
 *   Calls    fn of each, no longer set by then: it may set, stop or free any timer, its own too. */
int heap_run(struct heap *h, int64_t now);

/* ---- wheel ----------------------------------------------------------------------------------- */

#define WHEEL_TICK_BITS 22 /* 4.2 ms */
#define WHEEL_TICK      (INT64_C(1) << WHEEL_TICK_BITS)
#define WHEEL_LEVELS    4 /* 1.07 s, 4.6 min, 19.5 h, 208 days; what is further is looked at again then */
#define WHEEL_SLOTS     256
#define WHEEL_PAST      (WHEEL_LEVELS * WHEEL_SLOTS) /* armed in the past: for the next run */
#define WHEEL_FIRING    (WHEEL_PAST + 1)             /* what wheel_run has in hand */
#define WHEEL_LAST      (WHEEL_PAST + 2)             /* due in the tick that is not over: the end of a run */

/* One id's link, 8 bytes within its owner. Both words are references, so that zero is "not armed":
 *   next   0 the end; else id + 1
 *   prev   0 not armed; id + 1; or, in the first of a slot, WHEEL_HEAD | slot */
struct wheel_node {
	uint32_t next, prev;
};
#define WHEEL_HEAD   0x80000000u
#define WHEEL_MAX_ID (WHEEL_HEAD - 2)

struct wheel_ops {
	struct wheel_node *(*node)(void *ctx, uint32_t id);
	int64_t (*due)(void *ctx, uint32_t id); /* its deadline as of now; INT64_MAX for none */
	/* not armed by then; may arm and disarm any id, its own too */
	void (*fire)(void *ctx, uint32_t id);
};

/* The wheel keeps no deadline: ops->due is asked when an entry's slot comes up, and the entry
 * moves on if it says later. So a deadline that moves later is one store for its owner, and only
 * one that moves earlier is a wheel_arm. */
struct wheel {
	uint64_t tick; /* all slots up to here are done */
	int64_t  now;  /* of the last run */
	int64_t  next; /* what wheel_next answers, unless a slot has become empty since */
	bool     stale;
	const struct wheel_ops *ops;
	void    *ctx;
	uint32_t armed;
	bool     running;
	uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per slot that is not empty */
	uint32_t head[WHEEL_LAST + 1];
};

void wheel_init(struct wheel *w, int64_t now, const struct wheel_ops *ops, void *ctx);
/* wheel_arm: have id looked at once `when` has passed, at most a tick later; moves it if it is
 * armed. A time not after the last run's now fires in the next run; one out of reach is cut to
 * the furthest slot, where due decides. */
void wheel_arm(struct wheel *w, uint32_t id, int64_t when);
void wheel_disarm(struct wheel *w, uint32_t id); /* harmless if it is not armed */
bool wheel_armed(const struct wheel *w, uint32_t id);
/* When wheel_run next has something to do, at the latest; INT64_MAX if nothing is armed. Never
 * later than the earliest deadline rounded up to the tick; perhaps before, to move entries
 * nearer. */
int64_t wheel_find_next(struct wheel *w); /* its slow half */
static inline int64_t wheel_next(struct wheel *w)
{
	/* Asked in every turn of the loop, so remembered: looking costs hundreds of instructions. */
	return w->stale ? wheel_find_next(w) : w->next;
}
/* wheel_run: fire what is due at now, in the order of ticks. Slots that are empty cost nothing,
 * however far the clock jumped. Not from within fire. */
void wheel_run(struct wheel *w, int64_t now);

#endif
