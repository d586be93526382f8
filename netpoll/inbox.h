/* inbox: the only door into another worker. Any thread posts; one thread, its reader, takes.
 *
 *   posters   -- compare and swap --> head -> newest -> ... -> oldest <-- exchange, reverse --
 *             reader
 *
 * A stack that is only ever emptied whole: no node is unlinked alone, so there is no ABA and
 * nothing to reclaim, and a poster that is stopped in the middle holds nobody up (a queue with a
 * tail, such as Vyukov's, hides all later messages behind the one whose poster sleeps).
 * Rejected: a ring, which can be full; posting cannot fail. The price is the reversal, one pass
 * over messages that the reader is about to touch. */
#ifndef NETPOLL_INBOX_H
#define NETPOLL_INBOX_H

#include <stdatomic.h>

#include "netpoll/base.h"
#include "netpoll/netpoll.h"

struct inbox {
	_Atomic(struct np_msg *) head; /* newest; atomic */
};

static inline void inbox_init(struct inbox *b)
{
	atomic_init(&b->head, NULL);
}

/* inbox_post: leave m, which is the reader's until its fn is called. What the poster wrote
 * before is visible to fn.
 *   Returns  true if the inbox was empty: of all posters since the last take this one wakes the
 *            reader.
 *   Calls    any thread; lock-free. */
must_use bool inbox_post(struct inbox *b, struct np_msg *m);

/* inbox_take: all messages, linked by next, oldest first (per poster in the order of posting);
 * NULL if there is none, which costs one plain load.
 *   Calls    the reader only. */
must_use struct np_msg *inbox_take(struct inbox *b);

/* inbox_empty: the reader's last look before it sleeps. Sequentially consistent, as is
 * inbox_post: a reader that first stores "asleep" and then finds the inbox empty, and a poster
 * that posts and then loads "asleep", both so, cannot miss each other. */
static inline bool inbox_empty(const struct inbox *b)
{
	return atomic_load(&b->head) == NULL;
}

#endif
