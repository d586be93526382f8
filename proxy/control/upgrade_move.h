/* upgrade_move: connections go from the process that serves to the one that has taken over, in batches of one worker
 * each. What a worker does with one of them is proxy/conn/hand_over.h.
 *
 *   old                                   new
 *   freezes, writes: CONNS     ------->   builds, frozen: ACK, with those that it cannot take
 *   RUN, with those that are not to be    thaws; drops the ones that are not to be
 *   thaws those, forgets the others
 *
 * Before RUN old may thaw what it froze; after it never: so each connection has one owner. That old has ended is the
 * RUN of what was acknowledged: nobody else can run it. So old thaws only where new has ended as well, or has heard
 * that they are not to be. Control thread. */
#ifndef PROXY_CONTROL_UPGRADE_MOVE_H
#define PROXY_CONTROL_UPGRADE_MOVE_H

#include "proxy/conn/hand_over.h"
#include "proxy/control/upgrade_peer.h"

#define UPGRADE_BATCH (NP_MSG_SYSFDS / HAND_OVER_FDS) /* connections of a message */

/* New: connections that are built and acknowledged, and wait for RUN. On the heap. */
struct upgrade_batch {
	struct shard *shard;
	int64_t frozen; /* since then its connections stand still; 0: an older release does not say */
	unsigned n;
	struct conn *conns[UPGRADE_BATCH]; /* NULL: it was not taken */
	bool stays[UPGRADE_BATCH];         /* the process before keeps it after all */
	struct hand_over read;             /* one at a time: too large for a frame */
};

/* upgrade_move: old: pass on all that can move now; since: only what got its server later than that, 0: all.
 *   Returns  0; or the error: what was under way runs here again.   Parks. */
must_use int upgrade_move(struct process *p, int64_t since);

/* upgrade_move_begins: old: who finds no server from now on goes to new, since the slots that are free are lent.
 * upgrade_move_ends: nobody goes there any more: who stands aside looks for a server here.
 *   Parks.
 *   Calls  control thread: begins before the first limit is lent; ends when new has ended, when the upgrade is given
 *          up, or when connections here are to be cut. Ends is harmless without begins. */
void upgrade_move_begins(struct process *p);
void upgrade_move_ends(struct process *p);

/* upgrade_take: new: a message about connections, or of what was counted. It stands in p->upgrade.message, and is
 * taken.
 *   Returns  whether it was one.   Parks. */
bool upgrade_take(struct process *p);
/* upgrade_take_rest: new: no RUN will come. The other process has ended (run): what was acknowledged runs; else it
 * has them still, and they are dropped.   Parks. */
void upgrade_take_rest(struct process *p, bool run);

#endif
