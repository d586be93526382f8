/* TLS handshakes under way: one count for all workers, so no place stands free while a client is
 * turned away. At the limit a newcomer has the place of one that yields (conn_yield.c).
 *
 *   no place left?  a stale one of this worker yields
 *                   else one of the worker that has the most, if this one has less than its share,
 *                        or of this one
 *                   else at_limit refuse: the newcomer is closed
 *                        at_limit wait:   it waits, and only stale ones yield
 *
 * A worker that has its share judges alone, as cheaply as if the limit were its own. One that has
 * less asks another: a client that picks its ports such that one worker gets them all does not block
 * the clients of the other workers.
 *
 * Those who wait on one worker stand in a queue, and the first of them tries again and again: any
 * worker frees places, so polling is cheaper than messages, and no worker is preferred. A client that
 * is the only one of its source goes before those that are many, also before those of other workers.
 *
 * Rejected: a share of the limit for each worker. It turns clients away while other workers have
 * places. One list of all workers behind a lock: it would be taken twice for each handshake, and
 * searched while it is held. */
#include "proxy/conn/conn_handshakes.h"

#include "proxy/conn/conn_extra.h"
#include "proxy/policy/limit_watch.h"

#define ROOM_POLL (10 * NP_MS)

static struct handshakes_on *handshakes_on(const struct listener *l, const struct shard *s)
{
	return &l->counts->on[s->id];
}

/* ---- asking another to yield ---- */

static uint32_t count_on(const struct listener *l, const struct shard *s)
{
	return __atomic_load_n(&handshakes_on(l, s)->count, __ATOMIC_RELAXED);
}

/* The worker that has the most of this listener's handshakes. */
static struct shard *fullest(struct shard *s, const struct listener *l)
{
	struct shard *most = s;

	for (unsigned i = 0; i < s->nall; i++)
		if (count_on(l, &s->all[i]) > count_on(l, most))
			most = &s->all[i];
	return most;
}

static bool has_share(const struct shard *s, const struct listener *l)
{
	return (uint64_t)count_on(l, s) * s->nall >= l->max_handshakes;
}

static void ask_other(struct shard *s, const struct listener *l, struct yield_ask *ask)
{
	struct shard *other = fullest(s, l);

	if (other == s)
		return;
	ask->elsewhere = s->handshakes_of[yield_bucket(ask->source)];
	shard_call(other, yield_run, ask);
}

bool handshake_yield(struct shard *s, const struct listener *l, const struct limit *full,
		     const struct np_addr *peer, bool waits)
{
	bool any = full == s->limit;
	struct yield_ask ask = {
		.counts = any ? NULL : l->counts,
		.source = yield_source(s, (const union np_inet *)&peer->u),
		.stale_only = waits || l->wants_header, /* whose header will name another source */
		.why = CLOSE_MAX_CONNECTIONS,
	};

	DCHECK_SHARD(s);
	if (any || count_on(l, s) > 0)
		yield_run(s, &ask);
	if (!ask.yields && waits)
		ask_other(s, l, &ask);
	return ask.yields;
}

/* ---- a place ---- */

static bool try_place(struct handshake *p)
{
	struct shard *s = p->conn->shard;
	const struct listener *l = p->conn->listener;
	struct yield_ask ask = {
		.counts = l->counts,
		.source = p->source,
		.stale_only = true,
		.takes_over = true,
		.why = CLOSE_MAX_HANDSHAKES,
	};

	if (limit_take(&l->counts->handshakes_limit, l->max_handshakes))
		return true;
	limit_acted(s->watch, &l->counts->handshakes_limit, !p->hit);
	p->hit = true;
	yield_run(s, &ask);
	if (ask.yields)
		return true;
	ask.stale_only = l->wait_at_limit;
	if (!has_share(s, l))
		ask_other(s, l, &ask);
	else if (!l->wait_at_limit)
		yield_run(s, &ask);
	return ask.yields;
}

/* Until it is its turn to try. */
static void wait_for_turn(struct handshake *p, struct handshakes_on *on)
{
	list_push_back(p->alone ? &on->alone : &on->many, &p->link);
	np_event_wait(&p->turn);
}

static void pass_turn(struct handshakes_on *on)
{
	struct list *next = !list_empty(&on->alone) ? on->alone.next : on->many.next;

	on->tries = next != &on->many;
	if (!on->tries)
		return;
	list_remove(next);
	np_event_set(&list_entry(next, struct handshake, link)->turn);
}

/* On all workers: the only ones of their source come first. */
static bool others_come_first(const struct handshake *p)
{
	return !p->alone && __atomic_load_n(&p->conn->listener->counts->waiting_alone, __ATOMIC_RELAXED) > 0;
}

/* An only one of its source has come to this worker: it tries first, and p after it. */
static void step_back(struct handshake *p, struct handshakes_on *on)
{
	pass_turn(on);
	p->turn = (struct np_event){0};
	list_push_back(on->many.next, &p->link); /* before the first */
	np_event_wait(&p->turn);
}

/* Until it has a place, or is killed. */
static bool try_in_turn(struct handshake *p, struct handshakes_on *on)
{
	while (p->conn->kill == CLOSE_NONE) {
		if (!p->alone && !list_empty(&on->alone)) {
			step_back(p, on);
			continue;
		}
		if (!others_come_first(p) && try_place(p))
			return true;
		np_sleep(ROOM_POLL);
	}
	return false;
}

/* The handshake's own time does not run meanwhile: it is not the client's doing. */
static bool wait_for_place(struct handshake *p)
{
	struct listener_counts *counts = p->conn->listener->counts;
	struct shard *s = p->conn->shard;
	struct handshakes_on *on = handshakes_on(p->conn->listener, s);
	uint32_t bucket = yield_bucket(p->source);
	bool got;

	p->alone = s->handshakes_of[bucket] == 0 && s->waiting_of[bucket] == 0;
	s->waiting_of[bucket]++;
	__atomic_fetch_add(&counts->waiting_alone, p->alone, __ATOMIC_RELAXED);
	if (on->tries)
		wait_for_turn(p, on);
	on->tries = true;
	got = try_in_turn(p, on);
	__atomic_fetch_sub(&counts->waiting_alone, p->alone, __ATOMIC_RELAXED);
	s->waiting_of[bucket]--;
	pass_turn(on);
	return got;
}

bool handshake_begin(struct handshake *p, struct conn *c)
{
	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_CONNECTING, "a handshake belongs to the stages");
	*p = (struct handshake){.conn = c, .source = yield_source(c->shard, conn_client(c))};
	if (c->listener->wait_at_limit ? !wait_for_place(p) : !try_place(p))
		return false;
	yield_join(p);
	return true;
}

void handshake_end(struct handshake *p)
{
	DCHECK_CONN(p->conn);
	if (!p->has_place)
		return; /* another one got it, and gives it back */
	yield_leave(p);
	limit_give(&p->conn->listener->counts->handshakes_limit);
}
