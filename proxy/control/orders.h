/* orders: what the admin worker asks of the control thread: a message there, and the same message back.
 *
 *   order_post -> arrives -> STATUS, EXPLAIN, OVERRIDES, SERVER, LEVEL: done at once, whatever the main coroutine
 *                        |   does; a SERVER's answer waits for the disk (state.h)
 *                        '-> queue -> the main coroutine's next event -> order_answer
 *
 * Each order is answered once, at the latest when the process ends. One that goes by another generation than the one in
 * force is answered when its turn comes, and not obeyed: a reload that stood before it in the queue counts. */
#ifndef PROXY_CONTROL_ORDERS_H
#define PROXY_CONTROL_ORDERS_H

#include "netpoll/netpoll.h"
#include "proxy/control/level.h"

struct explain_question;
struct override_row;
struct process;
struct server_change;

enum order_kind {
	ORDER_STATUS,
	ORDER_EXPLAIN, /* what would become of a connection (explain.h) */
	ORDER_OVERRIDES, /* what operators have said of servers, of those that are gone as well */
	ORDER_RELOAD,
	ORDER_PLAN,  /* what a reload of a text would change (plan.h) */
	ORDER_LOGS,  /* open them again */
	ORDER_SERVER, /* what an operator says of a server; it waits for no reload */
	ORDER_LEVEL, /* of the process log (level.h) */
	ORDER_UPGRADE, /* answered when another program serves, or does not (upgrade.h) */
	ORDER_DRAIN, /* answered when the last connection has ended */
};

#define ORDER_WHY 256
#define ORDER_CHANGES 320

/* Where the process stands. */
enum stage { STAGE_STARTING, STAGE_SERVING, STAGE_DRAINING, STAGE_ENDED };

/* The asker's until it is posted, and again once it is answered. */
struct order {
	struct np_msg msg;
	struct np_worker *asker;
	void (*answered)(struct order *o); /* on the asker's loop; may not park */
	struct process *p;
	struct list link; /* control thread */
	enum order_kind kind;
	bool conditional;  /* only while generation `match` is in force; else it comes back with -ESTALE */
	uint64_t match;
	struct server_change *change; /* SERVER: the asker's; it has the result as well */
	/* Of a LEVEL. Its answer stands in it as well: the asker may have left. */
	struct level_order level;
	int64_t delay, timeout; /* of a DRAIN, in ns; negative: what the configuration says */
	struct explain_question *question; /* of an EXPLAIN; owned */
	char *binary; /* of an UPGRADE: the program's path; owned; NULL: the one at our own path */
	char *plan; /* of a PLAN: the text, of nplan bytes; owned */
	size_t nplan;
	/* out: */
	int err;             /* 0; -NP_ECANCELED: the process ends; -NP_EINVAL: the configuration has errors; ... */
	bool restart;        /* RELOAD: some of it holds after a restart only */
	pid_t pid;           /* UPGRADE: who serves now */
	uint32_t moved;      /* UPGRADE: connections that the other process has now */
	uint32_t left;       /* UPGRADE: connections that stay with this process until they end */
	bool cut;            /* DRAIN: not every connection ended by itself */
	uint64_t generation;
	uint32_t max_connections;
	pid_t before;        /* the process from which this one has taken over, while that lives; 0: none */
	uint32_t before_conns; /* connections that it still has, as it said last */
	int64_t loaded_at;   /* wall clock, ns; when the generation came into force */
	char *text;          /* owned: what EXPLAIN or PLAN answers; NULL: nothing */
	struct override_row *rows; /* of OVERRIDES, owned: nrows of them */
	unsigned nrows;
	char *problems;      /* owned; JSON objects, separated by commas, of the last load if it was refused; or NULL */
	char why[ORDER_WHY]; /* of the last reload, if it was refused; of an UPGRADE: of this one */
	char changes[ORDER_CHANGES]; /* what the last one that was not refused has changed, in words; "": nothing */
};

/* order_post: p's control thread gets o.   Calls  any worker, while p's control thread runs. */
void order_post(struct process *p, struct order *o);

/* The rest is the control thread's. */

/* order_take: the oldest order that waits and holds in the generation in force; NULL: none. Those that do not hold are
 * answered. */
struct order *order_take(struct process *p);
/* order_answer: o goes back, with what holds now. */
void order_answer(struct order *o, int err);
/* orders_end: no order is obeyed any more; those that wait, and all that still come, are told so. */
void orders_end(struct process *p);
/* order_do: obey o where that needs no more than a moment or a reload: RELOAD, PLAN, LOGS.   Parks. */
void order_do(struct process *p, struct order *o);

#endif
