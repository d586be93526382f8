/* check_state: from the results of a server's checks to its verdict, and when the next one is due. Pure: it reads no
 * clock and draws no lot, so a test steps through it by a table.
 *
 *   unknown -- its first good or bad result --> up, down
 *   up   -- `fall` bad ones in a row --> down        a result that contradicts the verdict is followed by checks
 *   down -- `rise` good ones in a row --> up         at a quarter of the interval, until the verdict is sure again
 *
 * What this machine could not do, or did too late, proves nothing: it is no result, and the row stays as it is.
 * Source: the page of upstreams, E23 and E24; rise and fall are HAProxy's words, and the quarter is its fastinter. */
#ifndef PROXY_HEALTH_CHECK_STATE_H
#define PROXY_HEALTH_CHECK_STATE_H

#include "netpoll/base.h"
#include "proxy/policy/check_plan.h"
#include "proxy/upstream/server_state.h"

/* Zero-initialise; then check_state_begin. Times are monotonic, ns. */
struct check_state {
	enum server_check verdict;
	bool open;        /* the next result decides alone: there is no verdict yet, or it is of another check */
	unsigned against; /* results in a row that contradict the verdict */
	int64_t due;      /* of the next check */
	int64_t grid;     /* of the second one: so that those that began together spread; 0: that is past */
	int64_t since;    /* the verdict's */
};

/* One of so many checks that begin at the same time. */
struct check_place {
	unsigned nth, of;
};

/* What became of one check. */
struct check_outcome {
	bool proven;        /* it says something of the server */
	bool good;
	int64_t began, now;
	unsigned lot;       /* 16 random bits */
};

/* What an outcome has changed. from == to: nothing. */
struct check_change {
	enum server_check from, to;
	int64_t was; /* ns: how long `from` held */
};

/* check_state_begin: checks of a server begin, or begin anew as other ones; a verdict that it has stays until the first
 * result, which decides alone. Those that begin together are spread over their interval, but for the first of each:
 * these come soon, 10 ms apart, or closer where the interval has not so much room. */
void check_state_begin(struct check_state *s, const struct check_rules *rules, struct check_place p, int64_t now);

/* check_state_result: a check has ended. s->due becomes the next one's.   Returns  what changed. */
struct check_change check_state_result(struct check_state *s, const struct check_rules *rules,
				       const struct check_outcome *o);

/* check_state_recall: another process had this verdict, of then. What was found out here so far is one result. */
void check_state_recall(struct check_state *s, enum server_check verdict, int64_t since);

/* check_state_forget: unknown, until the next result, which is due at once: an operator says so. */
void check_state_forget(struct check_state *s, int64_t now);

#endif
