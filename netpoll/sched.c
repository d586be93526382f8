/* The scheduler of one worker: run queue, park, ready, the coroutines' begin and end. */
#include "netpoll/g.h"

/* The one mutable file-scope variable of a worker: which scheduler this thread runs. */
static __thread struct sched *self;

struct sched *sched_self(void)
{
	return self;
}

void sched_enter(struct sched *s)
{
	CHECK(self == NULL, "a thread runs one worker at a time");
	self = s;
	ctx_init_thread(&s->ctx);
}

void sched_leave(void)
{
	self = NULL;
}

int sched_init(struct sched *s, uint16_t id)
{
	*s = (struct sched){.id = id};
	g_list_init(&s->runq);
	return stack_pool_init(&s->stacks, STACK_SIZE);
}

void sched_fini(struct sched *s)
{
	CHECK(s->coros == 0, "a scheduler ends after its last coroutine");
	stack_pool_fini(&s->stacks);
}

struct np_g *np_current(void)
{
	return self != NULL ? self->cur : NULL;
}

/* ---- queue ----------------------------------------------------------------------------------- */

static void enqueue(struct sched *s, struct np_g *g)
{
	g->state = G_QUEUED;
	g_list_push(&s->runq, g);
	RELAXED_SET(s->queued, s->queued + 1);
}

/* Rare: a task that something readied in the very turn in which it ends. */
static void dequeue(struct sched *s, struct np_g *g)
{
	struct np_g **at = &s->runq.head;

	while (*at != g)
		at = &(*at)->link;
	*at = g->link;
	for (at = &s->runq.head; *at != NULL; at = &(*at)->link)
		;
	s->runq.tail = at;
	RELAXED_SET(s->queued, s->queued - 1);
}

/* Inline, for link-time optimisation: once an event. */
inline void np_ready(struct np_g *g)
{
	OBJ_CHECK(g, G_MAGIC);
	DCHECK_OWNER(g);
	if (g->state == G_QUEUED)
		return;
	CHECK(g->state == G_IDLE, "ready: only what waits can be made runnable");
	enqueue(self, g);
}

static void run_task(struct sched *s, struct np_g *g)
{
	g->state = G_IDLE; /* before fn, which may free it or make it ready again */
	g->type->fn(g);
	s->cur = NULL;
}

/* A coroutine cannot free the stack it stands on, so the scheduler does. co is on that stack:
 * stack_put last. */
static void coro_free(struct sched *s, struct coro *co)
{
	struct stack *stack = co->stack;

	ctx_fini(&co->ctx);
	stack_put(&s->stacks, stack);
	RELAXED_SET(s->coros, s->coros - 1);
}

void sched_abandon(struct sched *s)
{
	struct np_g *g;

	while ((g = g_list_pop(&s->runq)) != NULL) {
		/* no ctx_fini: it never ran */
		stack_put(&s->stacks, container_of(g, struct coro, g)->stack);
		RELAXED_SET(s->coros, s->coros - 1);
	}
}

static void run_coro(struct sched *s, struct np_g *g)
{
	struct coro *co = container_of(g, struct coro, g);

	g->state = G_RUNNING;
	ctx_switch(&s->ctx, &co->ctx);
	s->cur = NULL;
	if (g->state == G_DEAD)
		coro_free(s, co);
}

bool sched_run_one(struct sched *s)
{
	struct np_g *g = g_list_pop(&s->runq);

	if (g == NULL)
		return false;
	OBJ_CHECK(g, G_MAGIC);
	RELAXED_SET(s->queued, s->queued - 1);
	RELAXED_SET(s->runs, s->runs + 1);
	RELAXED_SET(s->running, g->type->name);
	s->cur = g;
	if (g->kind == G_TASK)
		run_task(s, g);
	else
		run_coro(s, g);
	RELAXED_SET(s->running, NULL);
	return true;
}

/* ---- coroutines ------------------------------------------------------------------------------ */

static struct np_g *current_coro(struct sched *s)
{
	CHECK(s != NULL && s->cur != NULL && s->cur->kind == G_CORO, "only a coroutine may park");
	return s->cur;
}

bool sched_park(bool (*commit)(struct np_g *g, void *arg), void *arg)
{
	struct sched *s = self;
	struct np_g *g = current_coro(s);

	g->state = G_IDLE;
	if (!commit(g, arg)) {
		g->state = G_RUNNING;
		return false;
	}
	ctx_switch(&container_of(g, struct coro, g)->ctx, &s->ctx);
	return true;
}

static bool yield_commit(struct np_g *g, void *arg)
{
	enqueue(arg, g);
	return true;
}

void np_yield(void)
{
	sched_park(yield_commit, self);
}

static no_return void coro_entry(void *arg)
{
	struct coro *co = arg;

	OBJ_CHECK(&co->g, G_MAGIC);
	co->fn(co->arg);
	co->g.state = G_DEAD;
	ctx_exit(&co->ctx, &self->ctx);
}

int sched_go(struct sched *s, const char *name, void (*fn)(void *arg), void *arg)
{
	struct stack *stack = stack_get(&s->stacks);
	struct coro *co;
	size_t usable;

	if (stack == NULL)
		return -NP_ENOMEM;
	usable = (stack_size(stack) - sizeof(*co)) & ~(size_t)63;
	co = (void *)((char *)stack_lo(stack) + usable);
	*co = (struct coro){
		.g = {.magic = G_MAGIC, .kind = G_CORO, .state = G_IDLE, .owner = s->id, .type = &co->type},
		.stack = stack,
		.fn = fn,
		.arg = arg,
		.type = {.name = name},
	};
	ctx_init(&co->ctx, stack_lo(stack), usable, coro_entry, co);
	RELAXED_SET(s->coros, s->coros + 1);
	enqueue(s, &co->g);
	return 0;
}

int np_go(const char *name, void (*fn)(void *arg), void *arg)
{
	CHECK(self != NULL, "np_go: no worker runs on this thread");
	return sched_go(self, name, fn, arg);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

void np_task_init(struct np_g *g, const struct np_task_type *type)
{
	CHECK(self != NULL, "np_task_init: no worker runs on this thread");
	*g = (struct np_g){.magic = G_MAGIC, .kind = G_TASK, .state = G_IDLE, .owner = self->id, .type = type};
}

void np_task_fini(struct np_g *g)
{
	OBJ_CHECK(g, G_MAGIC);
	DCHECK_OWNER(g);
	CHECK(g->kind == G_TASK && g->state != G_DEAD, "a task ends once");
	if (g->state == G_QUEUED)
		dequeue(self, g);
	g->state = G_DEAD;
	g->magic = 0;
}

/* ---- one-shot event -------------------------------------------------------------------------- */

static bool event_commit(struct np_g *g, void *arg)
{
	struct np_event *e = arg;

	if (e->set)
		return false;
	g->link = e->waiters;
	e->waiters = g;
	return true;
}

void np_event_wait(struct np_event *e)
{
	sched_park(event_commit, e);
}

void np_event_set(struct np_event *e)
{
	struct np_g *g = e->waiters;

	e->set = true;
	e->waiters = NULL;
	while (g != NULL) {
		struct np_g *next = g->link;

		np_ready(g);
		g = next;
	}
}
