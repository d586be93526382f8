/* upgrade_state: what a program that takes over has to know before it accepts the first client, as far as no file says
 * it. Old tells it where nobody accepts, between the end of its own accept and GO:
 *
 *   old   upgrade_state_send: each part writes its items -> STATE, as many messages as they need
 *   new   upgrade_state_take: each item to the part that its tag names, one after the other
 *   old   upgrade_state_send again, while connections move and end: COUNTERS, what is new since
 *
 * A part is a row of UPGRADE_PARTS and a file with two functions: as part_write_ids of old, part_read_ids of new. An
 * item is a group of the part's tag, of at most STATE_ITEM_MOST bytes; a part that has nothing to say writes none. New
 * skips items of tags that it does not know; a part that cannot read an item says so, the log does, and the rest goes
 * on: state that is missing makes a process forgetful, never unable to serve. Items are foreign bytes.
 *
 * Control thread. Private to upgrade*.c. */
#ifndef PROXY_CONTROL_UPGRADE_STATE_H
#define PROXY_CONTROL_UPGRADE_STATE_H

#include "proxy/control/upgrade.h"

struct server;
struct snapshot;
struct upstream;

#define STATE_ITEM_MOST (64u << 10) /* a message goes on with the next one before an item may be cut */

/* X(part, TAG, when): its items are groups of HANDOVER_TAG_##TAG; AGAIN: what is new since is told as well, as long as
 * old lives, to the process that has come into force. In the order in which they are written. */
#define UPGRADE_PARTS(X) \
	X(ids, STATE_IDS, ONCE)             /* of connections: none is given twice */ \
	X(tickets, STATE_TICKETS, ONCE)     /* keys that no file has: sessions go on */ \
	X(names, STATE_NAMES, ONCE)         /* what DNS said, should it say nothing now */ \
	X(overrides, STATE_OVERRIDES, ONCE) /* of operators, also without a state file */ \
	X(servers, STATE_SERVERS, ONCE)     /* verdicts of checks and of connections */ \
	X(sources, STATE_SOURCES, AGAIN)    /* of clients: how many connections each has, and its rate */ \
	X(counts, STATE_COUNTS, AGAIN)      /* of listeners, upstreams, servers, the process */ \
	X(limits, STATE_LIMITS, AGAIN)      /* places that are taken: none is exceeded in sum */

/* Where parts write. */
struct state_out {
	struct process *p;
	enum handover_kind kind;  /* of the messages: STATE, COUNTERS */
	struct handover_writer w; /* the message that is being written */
	uint32_t at;              /* in it: where the item begins */
	int err;                  /* of the first message that could not be sent; 0 */
};

/* state_item: begin an item; its fields go to what is returned, until state_item_end. One that has no room for all of
 * them is left out.   Parks. */
struct handover_writer *state_item(struct state_out *o, enum handover_tag tag);
void state_item_end(struct state_out *o);

/* Of each part. Write: old: all that it has to say, as items.   Parks  in state_item.
 * Read: new: one item; snap is what comes into force, and nobody uses it yet.
 *   Returns  false: it is not understood; what it says is not believed. */
#define X(part, tag, when)                                                      \
	void part_write_##part(struct state_out *o);                        \
	must_use bool part_read_##part(struct process *p, struct snapshot *snap, const struct handover_field *item);
UPGRADE_PARTS(X)
#undef X

/* upgrade_server: by its whole name, "upstream/address".
 *   Returns  NULL: this configuration does not have it; *u: whose it is. */
struct server *upgrade_server(const struct snapshot *snap, const char *name, const struct upstream **u);

/* upgrade_state_send: old: as STATE all parts; as COUNTERS what is new, in no message if nothing is.
 *   Returns  0; or as upgrade_send.   Parks. */
must_use int upgrade_state_send(struct process *p, enum handover_kind kind);
/* upgrade_state_take: new: p->upgrade.message is one of them. */
void upgrade_state_take(struct process *p, struct snapshot *snap);

#endif
