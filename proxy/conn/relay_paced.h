/* relay_paced: the relay of a connection whose bytes have a rate (listeners[].download, upload): a task type of its own
 * beside the plain relay, with a turn of its own (relay_turn.h), so a listener without rates has nothing of it.
 *
 * A direction that is ahead of its rate is not read: its sender's window closes, and nothing is kept or thrown away.
 * How far ahead it may get is one read, of a fortieth of a second's bytes and 4 KiB at least; how far it may have
 * fallen behind and catch up, a twentieth of a second. Counted is what the other side has taken. A timer runs only
 * while a direction waits and has something to read.
 *
 *   event, or level ->  turn: read a portion -> write -> due moves on by what was taken -> ... until due is later than
 *                       now, then the server's read deadline is set to the earlier due of those that wait
 *
 * Rejected: tokens that a timer adds, since it would run for each idle one; a smaller receive buffer, which bounds
 * what is under way and not how fast it goes; SO_MAX_PACING_RATE, which holds on one leg and not on a Unix socket, and
 * leaves the bytes in our own buffers meanwhile.
 *
 * Every function: owner worker. */
#ifndef PROXY_CONN_RELAY_PACED_H
#define PROXY_CONN_RELAY_PACED_H

#include "proxy/conn/conn.h"

/* What a paced connection has besides. */
struct paced {
	int64_t due[2];   /* of each direction: when it is level with its rate; it is read no earlier */
	uint64_t rate[2]; /* bytes a second: upload, download; 0: none */
};
_Static_assert(sizeof(struct paced) <= 48, "what a connection pays for its rate");

/* The task of a paced relay, in the place of the plain one (relay.c).
 *   Calls  relay_start and relay_resume, where conn_extra.paced is there. */
extern const struct np_task_type relay_paced_type;

/* paced_want: c's relay, when it begins, is to keep to its listener's rates.
 *   Returns  CLOSE_NONE or CLOSE_OVERLOAD: no memory.
 *   Calls    conn_main.c before the dial, hand_over_build.c of one that comes from another process; once or more.
 *   Owns     what it makes hangs on c's conn_extra, and goes with it. */
must_use enum close_reason paced_want(struct conn *c);

#endif
