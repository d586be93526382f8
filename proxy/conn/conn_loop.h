/* conn_loop: a listener whose connections come back to it, found while it happens. The check of a
 * configuration finds a server that is one of our own listeners; it cannot see an address
 * translation on the way. Such a circle takes two descriptors a turn until none is left.
 *
 * While more than half of the places are taken, one dial in LOOP_SHARE is looked for among the
 * clients: if a client's address is the one that this dial came from, we have connected to
 * ourselves. That client's connection ends with `loop`, and with it the whole circle. Every
 * function: owner worker. */
#ifndef PROXY_CONN_CONN_LOOP_H
#define PROXY_CONN_CONN_LOOP_H

#include "proxy/conn/conn.h"

#define LOOP_SHARE 64

/* c has a server. Rarely, and only while places are scarce, its dial is looked for: in every shard,
 * among the connections that are there and those that come within the next second. */
void conn_loop_sample(struct conn *c);

/* c was accepted: is it a dial of ours that is looked for? Without one this is a load and a
 * branch. */
bool conn_loop_found(struct conn *c);
static inline bool conn_loop_hit(struct conn *c)
{
	return unlikely(__atomic_load_n(&c->shard->loop_key, __ATOMIC_RELAXED) != 0) && conn_loop_found(c);
}

#endif
