/* g: the schedulable thing in its two forms, and the run queue of one worker. Port of the parts of
 * runtime/proc.go that a worker which never shares its Gs still needs: gopark, goready, gosched,
 * the run queue.
 *
 *   state       a coroutine                            a task
 *   G_IDLE      parked; its waker holds its pointer    waiting for np_ready; may be freed
 *   G_QUEUED    in the run queue                       in the run queue
 *   G_RUNNING   on the core (never: idle again before fn is called, so fn may free it)
 *   G_DEAD      ended, stack not yet put back          after np_task_fini
 *
 *   IDLE -> QUEUED   np_ready, np_go          RUNNING -> IDLE    sched_park
 *   QUEUED -> RUNNING (IDLE)  sched_run_one   RUNNING -> QUEUED  np_yield        RUNNING -> DEAD  fn returned
 * Ready on a queued G does nothing: one G may stand in several places and be readied by each of
 * them. */
#ifndef NETPOLL_G_H
#define NETPOLL_G_H

#include "netpoll/check.h"
#include "netpoll/ctx.h"
#include "netpoll/netpoll.h"

#define G_MAGIC 0x47a51c3eu

enum g_kind { G_CORO, G_TASK };
enum g_state { G_IDLE, G_QUEUED, G_RUNNING, G_DEAD };

/* A coroutine lives at the top of its own stack: no allocation of its own, and the first line it
 * touches is warm. */
struct coro {
	struct np_g g;
	struct ctx ctx;
	struct stack *stack;
	void (*fn)(void *arg);
	void *arg;
	struct np_task_type type; /* its name, for sysmon; no fn */
};

/* A first-in first-out chain of Gs through g->link. */
struct g_list {
	struct np_g *head, **tail;
};

static inline void g_list_init(struct g_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static inline void g_list_push(struct g_list *l, struct np_g *g)
{
	g->link = NULL;
	*l->tail = g;
	l->tail = &g->link;
}

static inline struct np_g *g_list_pop(struct g_list *l)
{
	struct np_g *g = l->head;

	if (g == NULL)
		return NULL;
	l->head = g->link;
	if (l->head == NULL)
		l->tail = &l->head;
	return g;
}

/* One worker's scheduler. All fields: owner worker; those marked relaxed are also read by others. */
struct sched {
	struct g_list runq;
	struct np_g *cur;
	struct ctx ctx;           /* the worker's own stack */
	struct stack_pool stacks;
	uint16_t id;              /* const after init */
	uint32_t coros;           /* alive; relaxed */
	uint32_t queued;          /* in runq; relaxed */
	uint64_t runs;            /* relaxed */
	const char *running;      /* name of the G on the core, for sysmon; relaxed */
};

/* Single writer: plain moves, but defined behaviour when another thread reads. */
#define RELAXED_SET(var, v) __atomic_store_n(&(var), (v), __ATOMIC_RELAXED)
#define RELAXED_GET(var)    __atomic_load_n(&(var), __ATOMIC_RELAXED)

must_use int sched_init(struct sched *s, uint16_t id);
void sched_fini(struct sched *s);
struct sched *sched_self(void);       /* of the worker this thread runs, NULL on others */
void sched_enter(struct sched *s);    /* this thread now runs s */
void sched_leave(void);
/* np_go on s */
must_use int sched_go(struct sched *s, const char *name, void (*fn)(void *arg), void *arg);
/* s never ran: drop the coroutine that waits for its first turn */
void sched_abandon(struct sched *s);
/* run the G at the head of the queue; false: the queue was empty */
bool sched_run_one(struct sched *s);

/* sched_park: suspend the running coroutine until np_ready. commit runs just before, with the G
 * about to be parked: it puts g where the waker will find it, or says false when there is nothing
 * to wait for and parking must not happen.
 *   Returns  whether it parked. */
bool sched_park(bool (*commit)(struct np_g *g, void *arg), void *arg);

/* The thread rule, executable. */
#define DCHECK_OWNER(g)                                                   \
	DCHECK(sched_self() != NULL && (g)->owner == sched_self()->id, \
	       "used by a worker that does not own it")

#endif
