/* health: the thread, from start to stop, and its turn. */
#include "proxy/health/health.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/health/checks.h"
#include "proxy/health/lesson.h"
#include "proxy/health/panic.h"
#include "proxy/health/probe.h"
#include "proxy/upstream/waiter.h"

#define TURN NP_S

/* Of the health thread, but for what control writes before it runs and reads after it has ended. */
struct health {
	struct np_worker *worker, *control; /* const */
	struct inventory_reader reader;
	struct probes probes;
	struct checks checks;
	unsigned arrived;     /* atomic: inventories */
	struct np_timer turn;
	bool turning;         /* turn is set */
	health_heard *heard;  /* const once inventories come */
	void *heard_arg;
	struct np_event told; /* to stop */
	struct np_msg order, ended;
	struct np_event gone; /* control's */
};

/* ---- on the health thread ---- */

/* Alone, a server has no neighbours to learn from, and none that could be dialled beside it. */
static bool teaches(const struct inventory_upstream *u)
{
	return u->listed && u->n > 1 && (u->judges || u->hedges);
}

/* Where nobody is judged, and nobody was left out before, the thread sleeps on. */
static bool anybody_judged(const struct inventory *inv)
{
	for (unsigned i = 0; i < inv->nupstreams; i++)
		if (teaches(&inv->upstreams[i]) || panic_is_watched(&inv->upstreams[i]))
			return true;
	for (unsigned i = 0; i < inv->nservers; i++)
		if (inv->servers[i].listed && server_inputs(server_now(inv->servers[i].server)).passive != SERVER_IN)
			return true;
	return false;
}

static void take_turn(struct np_timer *t)
{
	struct health *h = container_of(t, struct health, turn);
	struct inventory *inv = inventory_hold(&h->reader);
	int64_t now = np_nanotime();

	h->turning = anybody_judged(inv);
	if (h->turning)
		np_timer_set(t, now + TURN);
	for (unsigned i = 0; i < inv->nupstreams; i++)
		if (teaches(&inv->upstreams[i]))
			lesson_teach(inv, &inv->upstreams[i], now);
	for (unsigned i = 0; i < inv->nupstreams; i++)
		if (panic_is_watched(&inv->upstreams[i]))
			panic_look(inv, &inv->upstreams[i], now);
	for (unsigned i = 0; i < inv->nupstreams; i++)
		upstream_wake(inv->upstreams[i].live, now); /* a trial that is due by the clock */
	probes_turn(&h->probes, inv, now);
	inventory_drop(inv);
}

/* At once, and not with the next turn: what a server serves in the first second of its upstream counts. */
static void begin_lessons(const struct inventory *inv)
{
	int64_t now = np_nanotime();

	for (unsigned i = 0; i < inv->nupstreams; i++)
		if (teaches(&inv->upstreams[i]))
			lesson_begin(inv, &inv->upstreams[i], now);
}

static void on_inventory(struct inventory_reader *r)
{
	struct health *h = container_of(r, struct health, reader);

	if (h->checks.stopping)
		return;
	checks_sync(&h->checks, r->current);
	begin_lessons(r->current);
	__atomic_store_n(&h->arrived, h->arrived + 1, __ATOMIC_RELEASE);
	if (h->turning || !anybody_judged(r->current))
		return;
	h->turning = true;
	np_timer_set(&h->turn, np_nanotime() + TURN);
}

static void health_told_to_stop(struct np_msg *m)
{
	np_event_set(&container_of(m, struct health, order)->told);
}

/* The worker's first coroutine, and its last: so the end needs no stack that might not be had. */
static void health_main(void *arg)
{
	struct health *h = arg;

	np_event_wait(&h->told);
	np_timer_stop(&h->turn);
	checks_stop(&h->checks);
	probes_stop(&h->probes);
	np_post(h->control, &h->ended);
}

/* ---- between the two ---- */

/* A server by its name, from one thread to the other; on the heap, freed where it arrives. */
struct about {
	struct np_msg msg;
	struct health *h;
	bool down;
	char server[];
};

/* NULL: no memory. */
static struct about *about_new(struct health *h, const char *server, void (*fn)(struct np_msg *m))
{
	size_t n = strlen(server) + 1;
	struct about *a = malloc(sizeof(*a) + n);

	if (a == NULL)
		return NULL;
	*a = (struct about){.msg.fn = fn, .h = h};
	memcpy(a->server, server, n);
	return a;
}

/* On the control worker. */
static void verdict_arrived(struct np_msg *m)
{
	struct about *a = container_of(m, struct about, msg);

	a->h->heard(a->h->heard_arg, a->server, a->down);
	free(a);
}

/* On the health thread. Without memory nobody hears: connections live on, as without the key. */
static void tell_verdict(struct checks *c, const struct server *s, bool down)
{
	struct health *h = container_of(c, struct health, checks);
	struct about *a = h->heard != NULL ? about_new(h, s->name, verdict_arrived) : NULL;

	if (a == NULL)
		return;
	a->down = down;
	np_post(h->control, &a->msg);
}

/* On the health thread. */
static void forget_arrived(struct np_msg *m)
{
	struct about *a = container_of(m, struct about, msg);

	checks_forget(&a->h->checks, a->server);
	free(a);
}

/* ---- on the control thread ---- */

void health_tells(struct health *h, health_heard *fn, void *arg)
{
	h->heard = fn;
	h->heard_arg = arg;
}

bool health_forget(struct health *h, const char *server)
{
	struct about *a = h != NULL ? about_new(h, server, forget_arrived) : NULL;

	if (a != NULL)
		np_post(h->worker, &a->msg);
	return a != NULL || h == NULL;
}

/* On the stack of the caller, who waits. */
struct recalled {
	struct np_msg msg;
	struct health *h;
	struct np_worker *control;
	const char *server;
	enum server_check verdict;
	int64_t since;
	struct np_event done;
};

/* Back on the control thread. */
static void recall_done(struct np_msg *m)
{
	np_event_set(&container_of(m, struct recalled, msg)->done);
}

/* On the health thread. */
static void recall_arrived(struct np_msg *m)
{
	struct recalled *r = container_of(m, struct recalled, msg);

	checks_recall(&r->h->checks, r->server, r->verdict, r->since);
	m->fn = recall_done;
	np_post(r->control, m);
}

void health_recall(struct health *h, const char *server, enum server_check verdict, int64_t since)
{
	struct recalled r = {
		.msg.fn = recall_arrived,
		.h = h,
		.control = np_self(),
		.server = server,
		.verdict = verdict,
		.since = since,
	};

	if (h == NULL)
		return;
	np_post(h->worker, &r.msg);
	np_event_wait(&r.done);
}

static void health_has_ended(struct np_msg *m)
{
	np_event_set(&container_of(m, struct health, ended)->gone);
}

int health_start(struct health **out, unsigned probes, unsigned checks)
{
	struct health *h = calloc(1, sizeof(*h));
	struct np_worker_opts o = {.name = "health", .id = HEALTH_WORKER, .cpu = -1, .main = health_main, .arg = h};
	int err;

	*out = NULL;
	if (h == NULL)
		return -NP_ENOMEM;
	h->control = np_self();
	h->turn.fn = take_turn;
	h->order.fn = health_told_to_stop;
	h->ended.fn = health_has_ended;
	list_init(&h->probes.running);
	h->probes.most = probes;
	checks_init(&h->checks, &h->reader, checks);
	h->checks.tell = tell_verdict;
	err = np_worker_start(&h->worker, &o);
	if (err != 0) {
		free(h);
		return err;
	}
	h->reader = (struct inventory_reader){.worker = h->worker, .arrived = on_inventory};
	*out = h;
	return 0;
}

struct np_worker *health_worker(const struct health *h)
{
	return h->worker;
}

struct inventory_reader *health_reader(struct health *h)
{
	return &h->reader;
}

/* The count of arrivals is stored after what they began. */
bool health_has_tried(const struct health *h, unsigned of)
{
	return h == NULL || (__atomic_load_n(&h->arrived, __ATOMIC_ACQUIRE) >= of &&
			     __atomic_load_n(&h->checks.untried, __ATOMIC_ACQUIRE) == 0);
}

void health_stop(struct health *h)
{
	if (h == NULL)
		return;
	np_post(h->worker, &h->order);
	np_event_wait(&h->gone);
}

void health_free(struct health *h)
{
	if (h == NULL)
		return;
	np_worker_stop(h->worker);
	np_worker_join(h->worker);
	free(h);
}
