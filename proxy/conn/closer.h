/* closer: end a chosen set of connections at a rate, each on its own worker: what a kill is, a drain, a server that
 * is taken out, a rebalance.
 *
 *   owner, a coroutine of any worker          each worker
 *   closer_run: every tick -- a share ------> counts what matches and marks what is there, then walks from the
 *               of what is due                oldest on: each is judged anew, and ended or passed over
 *               <-- what was ended, and rest
 *
 * Only connections that were there when the order reached their worker are touched. With patience those that are quiet
 * come first: a connection in the middle of something is passed over and looked at again, until the whole has taken as
 * long as it takes at its rate, and the patience besides. Then all of them end.
 *
 * The rate is a bucket: what is due by the clock, at most a tenth of a second of it, is divided among
 * the workers by how many each still has, and what one cannot use comes back. A look, a question to the
 * kernel and an end are paid from the budget of all walks (walk_pay), so no turn of a worker's loop has
 * more than WALK_TURN of them, whatever the rate.
 *
 * A worker that is stuck holds up its own connections alone, and the end of the order. Without an order
 * there is nothing in the path of data.
 *
 * An order may have a time instead of a rate, as a drain has: then what is due is what is left by the time that is
 * left. So the closes are spread evenly, and where nobody is quiet for a while fewer end now and more later. Those
 * that are never quiet end in the last tenth of the time. What is left is counted anew each second, since most
 * connections end by themselves. Each close is due up to a tenth of its distance earlier or later, so that two
 * proxies that drain do not keep step. */
#ifndef PROXY_CONN_CLOSER_H
#define PROXY_CONN_CLOSER_H

#include "proxy/conn/conn_filter.h"
#include "proxy/conn/walk.h"

#define CLOSER_RATE_MOST 1000000

/* Is nobody waiting on c for anything? Silent for a moment, no bytes on their way, and the server spoke last.
 * A client that has said nothing yet waits for nothing. Rejected: asking the kernel when bytes last came on
 * either leg. It counts in ms, so a fast answer is no later than its question. */
must_use bool conn_is_quiet(const struct conn *c, int64_t now);

/* What is to be done: at a rate, or over a time. Const while closer_run runs, but for the rate. */
struct closer_order {
	struct conn_filter filter; /* what is not known of a connection yet does not match: it is left alone */
	enum close_reason why;     /* conn_kill gets it; how both sides are closed is conn_end's to know */
	uint64_t rate;     /* a second, all workers together: 1 to CLOSER_RATE_MOST */
	int64_t patience;  /* with a rate; ns; 0: quiet or not is the same */
	int64_t over;      /* ns: all within this time, and no rate; 0: there is a rate */
	bool count_only;
};

/* What the owner asks of one worker. The worker's while `away`, else the owner's: the message that carries it there and
 * back is what orders their writes. */
struct closer_part {
	struct np_msg msg;
	struct closer *closer;
	struct shard *shard;
	bool away;
	bool forced;     /* in: quiet or not is the same */
	bool leave;      /* in: the cursor leaves the list, nothing more */
	bool restart;    /* in: the walk begins anew */
	uint64_t budget; /* in: how many may end; out: what is left of it */
	uint64_t ended;  /* out: this time */
	uint64_t left;   /* matching ones that are still to be ended, as far as is known */
	uint64_t passed; /* of this walk: matching ones that were passed over, or counted */
	bool marked, counted, walking, over; /* over: its walk came to the mark */
	bool known;      /* it was counted once: matched has it */
	bool dry;        /* the last walk found fewer quiet ones than were due */
	bool done;
	int64_t recount; /* the owner's: when it is counted anew */
	int64_t mark;    /* conn.accepted of the latest that was there */
	int64_t resumes; /* the owner's: when the next walk begins */
	struct walk walk;
};

/* On the heap. closer_new fills it; order and what it says are the caller's. */
struct closer {
	struct closer_order order;
	uint64_t matched, ended; /* so far: the owner's worker may look at any time */
	bool cut;                /* go_on said no before all was done */
	struct np_worker *owner;
	int64_t quiet_until;
	int64_t began;
	uint64_t credit;         /* connections that are due, times NP_S */
	uint64_t price;          /* of the next ones: NP_S, give or take a tenth */
	uint64_t seed;
	int64_t credited;        /* when that was counted */
	unsigned turn, nparts;
	struct closer_part parts[];
};

/* closer_new: for these shards; free(3) after closer_run.   Returns  NULL: no memory. */
must_use struct closer *closer_new(struct shard *shards, unsigned n);

/* closer_run: count, and unless order.count_only says so, end. go_on is asked each tick, on the owner's coroutine, and
 * may change the rate; false ends it early.
 *   Parks    until it is done.   Calls  a coroutine of any worker, while the shards' workers run. */
void closer_run(struct closer *k, bool (*go_on)(struct closer *k, void *arg), void *arg);

#endif
