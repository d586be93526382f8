/* conn_aside: those who wait without a server, and can move to another process: for a place of a limit (held), or for
 * a slot in the queue of an upstream. Each has a coroutine, which stands at the client's descriptor. Told to, it ends
 * and leaves the connection FROZEN, and another coroutine begins where it was, here or there (hand_over.h).
 *
 *   held, queued --aside_ask--> SETUP_ASIDE --its coroutine's next turn--> FROZEN --conn_go_on--> held, queued
 *                                    '-- granted, killed, or its client left: it goes its way
 *   connecting ----aside_late---------------------------------------------> FROZEN --conn_go_on--> connecting
 *
 * The latter is one that comes to look for a server once another process has taken over, and finds none: slots that are
 * free are that one's by now (limit.h), so it looks there.
 *
 * Every function: owner worker. */
#ifndef PROXY_CONN_CONN_ASIDE_H
#define PROXY_CONN_CONN_ASIDE_H

#include "proxy/conn/conn.h"

/* aside_ask: the coroutine of c is to end, if c waits, and began to after `since` (monotonic ns; 0: ever), and can
 * move.
 *   Returns  whether it will: then aside_is_due until it has.   Calls  from a message. */
bool aside_ask(struct conn *c, int64_t since);
/* Has its coroutine been told, and not run since? */
static inline bool aside_is_due(const struct conn *c)
{
	return c->phase < CONN_RELAYING && c->setup == SETUP_ASIDE;
}

/* Is it aside: FROZEN without a server? */
static inline bool conn_stands_aside(const struct conn *c)
{
	return c->phase == CONN_FROZEN && c->server == NULL;
}

/* conn_main.c: a coroutine takes it up where it was. Without memory for one it ends. Its first turn is not within the
 * call. */
void conn_go_on(struct conn *c);

/* Is it aside, and did it not wait before? Then it stays so until the next batch. */
bool aside_is_late(const struct conn *c);

/* ---- for connect.c ---- */

/* aside_late: no server is to be had here.
 *   Returns  whether its coroutine is to end with CONN_ASIDE; false: it cannot move, or did already and came back. */
must_use bool aside_late(struct conn *c);

/* ---- for conn_main.c ---- */

/* Its coroutine ends here: nobody waits at its descriptor any more. */
void conn_is_aside(struct conn *c);
/* A place of both limits, when there is one.
 *   Returns  as a stage does; CONN_ASIDE.   Parks. */
must_use enum close_reason conn_wait_for_place(struct conn *c);

#endif
