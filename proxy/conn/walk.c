/* Cursors in a worker's list of connections. */
#include "proxy/conn/walk.h"

#include "proxy/conn/conn.h"

void walk_begin(struct walk *w, struct shard *s)
{
	DCHECK_SHARD(s);
	w->shard = s;
	w->at = s->conns.next;
	list_push_back(&s->walks, &w->link);
}

struct conn *walk_next(struct walk *w)
{
	struct list *at = w->at;

	DCHECK_SHARD(w->shard);
	if (at == &w->shard->conns)
		return NULL;
	w->at = at->next;
	return list_entry(at, struct conn, link);
}

void walk_end(struct walk *w)
{
	DCHECK_SHARD(w->shard);
	list_remove(&w->link);
}

void walk_move(struct shard *s, const struct list *link)
{
	list_for_each(it, &s->walks) {
		struct walk *w = list_entry(it, struct walk, link);

		if (w->at == link)
			w->at = link->next;
	}
}

/* The loop reads its clock once a turn. */
bool walk_pay(struct shard *s, unsigned cost)
{
	int64_t turn = np_now();

	DCHECK_SHARD(s);
	if (s->walk_turn != turn) {
		s->walk_turn = turn;
		s->walk_spent = 0;
	}
	if (s->walk_spent >= WALK_TURN)
		return false;
	s->walk_spent += cost;
	return true;
}
