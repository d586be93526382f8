/* relay_paced: the relay of a connection whose bytes have a rate (listeners[].download, upload): a task type of its own
 * beside the plain relay, with a turn of its own (relay_turn.h), so a listener without rates has nothing of it.
 *
 * A direction that is ahead of its rate is not read: its sender's window closes, and nothing is kept or thrown away.
 * How far ahead it may get is one read, of a fortieth of a second's bytes and 4 KiB at least; how far it may have
 * fallen behind and catch up, a twentieth of a second. Counted is what the other side has taken. A timer runs only
 * while a direction waits and has something to read. Every function: owner worker. */
#ifndef PROXY_CONN_RELAY_PACED_H
#define PROXY_CONN_RELAY_PACED_H

#include "proxy/conn/conn.h"

/* What a paced connection has besides. */
struct paced {
	int64_t due[2];   /* of each direction: when it is level with its rate; it is read no earlier */
	uint64_t rate[2]; /* bytes a second: upload, download; 0: none */
};
_Static_assert(sizeof(struct paced) <= 48, "what a connection pays for its rate");

extern const struct np_task_type relay_paced_type;

/* paced_want: c's relay, when it begins, is to keep to its listener's rates.
 *   Returns  CLOSE_NONE or CLOSE_OVERLOAD.   Calls  before relay_start, once or more. */
must_use enum close_reason paced_want(struct conn *c);

#endif
