/* walk: over all connections of a worker, a few at a time, while others begin and end. A walk is a
 * cursor in the shard's list: new connections join that list at its back, and the end of a
 * connection moves a cursor that stands at it. So a connection that lives throughout is met exactly
 * once, and none is met twice.
 *
 * Every function: owner worker. */
#ifndef PROXY_CONN_WALK_H
#define PROXY_CONN_WALK_H

#include "proxy/conn/shard.h"

struct conn;

/* walk_begin: stand before the first connection. walk_end follows, on the same worker. */
void walk_begin(struct walk *w, struct shard *s);
/* walk_next: the next connection, or NULL: all were met. It may be ended before the next call. */
struct conn *walk_next(struct walk *w);
void walk_end(struct walk *w);

#define WALK_TURN 256 /* what looks may cost a worker in one turn of its loop, all walks together */

/* walk_pay: a look at a connection costs 1, more if it asks the kernel.
 *   Returns  false: what one turn may cost is spent, so wait for the next one. */
bool walk_pay(struct shard *s, unsigned cost);

/* walk_leave: c ends. Nearly always there is no walk. */
no_inline void walk_move(struct shard *s, const struct list *link);
static inline void walk_leave(struct shard *s, const struct list *link)
{
	if (unlikely(!list_empty(&s->walks)))
		walk_move(s, link);
}

#endif
