/* The look at all connections of a worker, when control asks for it. */
#include "proxy/conn/tally.h"

#include "proxy/conn/stages.h"
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

/* Those few that may yet go to another server (replay.h) are told once it is known whose they are. */
void tally_pass(struct conn *c)
{
	struct listener_stats *l;
	struct server_stats *s;
	uint64_t in, out;

	if (c->dir[0].kept && c->dir[0].bytes <= conn_target(c)->replay)
		return;
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

/* What is not relayed yet, or any more, has moved no bytes; its end, or its begin, has a record of its own. */
bool tally_conn(struct conn *c)
{
	DCHECK_CONN(c);
	if (c->phase != CONN_RELAYING)
		return false;
	tally_blocked(c);
	tally_pass(c);
	return c->shard->log_every != 0 && conn_log_update(c);
}

/* After a long rest nobody knows what was between. */
static void note_step(struct shard *s)
{
	int64_t step = np_now() - s->tally_began;

	s->tally_step = step < TALLY_STEP_MAX ? step : TALLY_STEP_MAX;
	s->tally_began = np_now();
}

/* Connections that are old when it is switched on wait for their own age, too. */
static void note_log_every(struct shard *s)
{
	if (s->log_every == s->tally_log)
		return;
	s->log_every = s->tally_log;
	s->log_every_since = np_now();
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
		note_log_every(s);
	}
	for (int i = 0; i < TALLY_TURN && (c = walk_next(&s->tally)) != NULL;)
		i += tally_conn(c) ? TALLY_RECORD : 1;
	if (c != NULL) {
		np_post(s->worker, m);
		return;
	}
	walk_end(&s->tally);
	__atomic_store_n(&s->tally_asked, 0, __ATOMIC_RELEASE);
}

void tally_ask(struct shard *s, int64_t every)
{
	if (__atomic_load_n(&s->nconns, __ATOMIC_RELAXED) == 0)
		return;
	if (__atomic_exchange_n(&s->tally_asked, 1, __ATOMIC_ACQUIRE) != 0)
		return;
	s->tally_log = every;
	s->tally_msg.fn = tally_turn;
	np_post(s->worker, &s->tally_msg);
}
