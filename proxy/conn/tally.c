/* The look at all connections of a worker, when control asks for it. */
#include "proxy/conn/tally.h"

#include "proxy/conn/walk.h"

/* Whole units that direction i has moved since the last look. */
static uint64_t tally_new(struct conn *c, unsigned i)
{
	uint32_t now = (uint32_t)(c->dir[i].bytes >> TALLY_UNIT_BITS);
	uint32_t units = now - c->counted[i];

	c->counted[i] = now;
	c->tallied = true;
	return (uint64_t)units << TALLY_UNIT_BITS;
}

/* A direction that waits for room now is taken to have waited since the look before. */
static void tally_blocked(const struct conn *c)
{
	struct listener_stats *l = conn_listener_stats(c);

	for (int i = 0; i < 2; i++)
		if (c->dir[i].blocked)
			STAT_ADD(l, blocked[i], (uint64_t)c->shard->tally_step);
}

void tally_conn(struct conn *c)
{
	struct listener_stats *l;
	struct server_stats *s;
	uint64_t in, out;

	DCHECK_CONN(c);
	if (c->phase != CONN_RELAYING)
		return;
	tally_blocked(c);
	in = tally_new(c, 0);
	out = tally_new(c, 1);
	if ((in | out) == 0)
		return;
	l = conn_listener_stats(c);
	s = conn_server_stats(c);
	STAT_ADD(l, bytes_in, in);
	STAT_ADD(l, bytes_out, out);
	STAT_ADD(s, bytes_in, in);
	STAT_ADD(s, bytes_out, out);
}

/* After a long rest nobody knows what was between. */
static void note_step(struct shard *s)
{
	int64_t step = np_now() - s->tally_began;

	s->tally_step = step < TALLY_STEP_MAX ? step : TALLY_STEP_MAX;
	s->tally_began = np_now();
}

/* On the worker's loop: a part of the look, then the message is posted anew, for the next turn. */
static void tally_turn(struct np_msg *m)
{
	struct shard *s = container_of(m, struct shard, tally_msg);
	struct conn *c = NULL;

	DCHECK_SHARD(s);
	if (list_empty(&s->tally.link)) {
		walk_begin(&s->tally, s);
		note_step(s);
	}
	for (int i = 0; i < TALLY_TURN && (c = walk_next(&s->tally)) != NULL; i++)
		tally_conn(c);
	if (c != NULL) {
		np_post(s->worker, m);
		return;
	}
	walk_end(&s->tally);
	__atomic_store_n(&s->tally_asked, 0, __ATOMIC_RELEASE);
}

void tally_ask(struct shard *s)
{
	if (__atomic_load_n(&s->nconns, __ATOMIC_RELAXED) == 0)
		return;
	if (__atomic_exchange_n(&s->tally_asked, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	s->tally_msg.fn = tally_turn;
	np_post(s->worker, &s->tally_msg);
}
