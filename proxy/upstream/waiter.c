/* waiter: one list under the upstream's lock, and one walk over it, from the oldest on, which picks for each as if it
 * had just come. Every way to a slot is a pick of balance.c, so tiers, weights, trials and servers tried in vain hold
 * for who waits as for anybody.
 *
 * A walk costs a pick or two, however many wait: where one who has tried no server finds none, nobody of its generation
 * will (what they may use is a part of that), and mostly all are of one generation. */
#include "proxy/upstream/waiter.h"

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "netpoll/netpoll.h"
#include "proxy/upstream/balance.h"

/* ---- the list, under the lock ---- */

static bool is_wide(const struct waiter *w)
{
	return w->args->ntried == 0;
}

/* Who came earlier stands before it: mostly that is everybody. */
static void line_up(struct upstream_live *live, struct waiter *w)
{
	struct list *at = &live->waiters;

	while (at->prev != &live->waiters && list_entry(at->prev, struct waiter, link)->since > w->since)
		at = at->prev;
	list_push_back(at, &w->link);
}

/* Before anybody looks for a slot: a release that comes after that look sees that somebody waits, and one that came
 * before it is seen by the look. */
static void enqueue_waiter(struct waiter *w)
{
	struct upstream_live *live = w->u->live;
	bool moved = w->anyway && live->queue.held > 0; /* it is among those that were held for the process before */
	uint32_t n = upstream_waiting(live) + !moved;

	live->queue.held -= moved;
	line_up(live, w);
	w->u->waiters++;
	w->u->wide += is_wide(w);
	__atomic_store_n(&live->queue.used, n, __ATOMIC_SEQ_CST);
	limit_note_high(&live->queue, n);
}

static void dequeue_waiter(struct waiter *w)
{
	struct upstream_live *live = w->u->live;

	DCHECK(w->u->waiters > 0 && upstream_waiting(live) > 0, "who waits is counted");
	list_remove(&w->link);
	w->u->waiters--;
	w->u->wide -= is_wide(w);
	__atomic_store_n(&live->queue.used, upstream_waiting(live) - 1, __ATOMIC_SEQ_CST);
}

/* ---- grants ---- */

/* It waits no longer: err is what its last pick said. */
static void answer_waiter(struct waiter *w, int err, struct list *answered)
{
	w->refused = err != 0;
	dequeue_waiter(w);
	list_push_back(answered, &w->link);
}

/* Slots to those who wait, the oldest first; who has got one, or never will, is in `granted`, to be woken without the
 * lock. A newcomer to an upstream without a usable server is closed at once, and so is who waits there (E13). */
static void grant_slots(struct upstream_live *live, int64_t now, struct list *granted)
{
	if (live->gate)
		return;
	live->pass++;
	list_for_each_safe(it, &live->waiters) {
		struct waiter *w = list_entry(it, struct waiter, link);
		int err;

		if (w->u->dry == live->pass)
			continue;
		w->args->now = now;
		err = balance_pick(w->u, w->args, &w->server);
		if (err != -NP_EAGAIN) {
			answer_waiter(w, err, granted);
			continue;
		}
		if (!is_wide(w))
			continue;
		if (w->u->waiters == upstream_waiting(live))
			return;
		w->u->dry = live->pass;
	}
}

/* In the order in which they came. One that is woken may be gone at once. */
static void wake_granted(struct list *granted)
{
	list_for_each_safe(it, granted) {
		struct waiter *w = list_entry(it, struct waiter, link);

		list_remove(&w->link);
		w->wake(w);
	}
}

void upstream_wake(struct upstream_live *live, int64_t now)
{
	struct list granted;

	if (likely(upstream_waiting(live) == 0))
		return;
	list_init(&granted);
	pthread_mutex_lock(&live->lock);
	grant_slots(live, now, &granted);
	pthread_mutex_unlock(&live->lock);
	wake_granted(&granted);
}

/* ---- another process takes over ---- */

void waiter_hold(struct upstream_live *live, uint32_t n, bool gate)
{
	pthread_mutex_lock(&live->lock);
	limit_hold(&live->queue, n);
	live->gate |= gate && n > 0;
	pthread_mutex_unlock(&live->lock);
}

void waiter_open(struct upstream_live *live)
{
	pthread_mutex_lock(&live->lock);
	live->gate = false;
	pthread_mutex_unlock(&live->lock);
	upstream_wake(live, np_nanotime());
}

/* ---- a reload ---- */

/* Mostly both lists have it at the same place. NULL: to has it no longer. */
static const struct member *same_server(const struct members *to, const struct member *m, unsigned i)
{
	if (i < to->n && to->at[i].server == m->server)
		return &to->at[i];
	for (unsigned j = 0; j < to->n; j++)
		if (to->at[j].server == m->server)
			return &to->at[j];
	return NULL;
}

static void take_limits(struct members *of, const struct members *from)
{
	for (unsigned i = 0; i < of->n; i++) {
		struct member *m = &of->at[i];
		const struct member *now = same_server(from, m, i);

		if (now == NULL)
			continue;
		m->max_connections = now->max_connections;
		m->most = server_most(m->seen, m->max_connections);
	}
	of->changes = 0; /* whom a pick may take is worked out anew */
}

void waiter_enact(struct upstream *u)
{
	struct upstream_live *live = u->live;
	const struct members *done = u->members; /* those who wait for one list mostly stand together */

	if (upstream_waiting(live) == 0)
		return;
	pthread_mutex_lock(&live->lock);
	list_for_each(it, &live->waiters) {
		struct members *of = list_entry(it, struct waiter, link)->u->members;

		if (of != done && of != u->members)
			take_limits(of, u->members);
		done = of;
	}
	pthread_mutex_unlock(&live->lock);
	upstream_wake(live, np_nanotime());
}

/* ---- newcomers ---- */

/* Does one wait who may use all that a newcomer of u may? Then the newcomer need not look. But a trial may be due,
 * and a young server may have room for one more, by the clock, which nobody announces. */
static bool is_behind(const struct upstream *u)
{
	return u->wide > 0 && u->live->out == 0 && u->slow_start == 0;
}

/* Who stands in the queue has its turn first. Then what is left is the newcomer's: those before it may not use it, for
 * they have tried that server in vain, or their generation does not have it. */
int waiter_pick_behind(struct upstream *u, struct pick_args *a, struct server **out)
{
	struct list granted;
	int err = -NP_EAGAIN;

	a->trial = false;
	list_init(&granted);
	pthread_mutex_lock(&u->live->lock);
	if (!a->hedge && !is_behind(u) && !(u->live->gate && u->queue_max > 0)) {
		grant_slots(u->live, a->now, &granted);
		err = balance_pick(u, a, out);
	}
	pthread_mutex_unlock(&u->live->lock);
	wake_granted(&granted);
	return err;
}

int waiter_join(struct waiter *w)
{
	struct upstream_live *live = w->u->live;
	struct list granted;
	int err = -NP_EAGAIN;
	bool behind;

	list_init(&w->link);
	list_init(&granted);
	pthread_mutex_lock(&live->lock);
	if (!w->anyway && upstream_waiting(live) >= w->u->queue_max) {
		pthread_mutex_unlock(&live->lock);
		return -NP_ENOBUFS;
	}
	behind = is_behind(w->u);
	enqueue_waiter(w);
	if (!behind)
		grant_slots(live, w->args->now, &granted);
	if (w->server != NULL || w->refused) {
		list_remove(&w->link); /* of the granted ones: it is here, and need not be woken */
		err = w->refused ? -NP_ENOENT : 0;
	}
	pthread_mutex_unlock(&live->lock);
	wake_granted(&granted);
	return err;
}

/* Under the lock either it stands in the queue, or it has its answer: nothing is between. */
bool waiter_leave(struct waiter *w)
{
	bool waits;

	pthread_mutex_lock(&w->u->live->lock);
	waits = w->server == NULL && !w->refused;
	if (waits)
		dequeue_waiter(w);
	pthread_mutex_unlock(&w->u->live->lock);
	return waits;
}
