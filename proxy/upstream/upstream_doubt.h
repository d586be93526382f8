/* upstream_doubt: a connect to a server of a name has failed, so perhaps the name has other addresses by now. Workers
 * say so here, and the thread that asks DNS hears of it: a mark at the upstream, and one message for all of them, which
 * is posted only if none is under way. A worker never waits, and a storm of failures is one message.
 *
 * Rejected: a message for each failure, which would need memory where things go wrong; a look of the asking thread each
 * second, which would be late by that.
 *
 *   worker   mark the upstream --> is the message under way? --no--> post it
 *   control  told(): the message may be posted again; then which upstreams are marked? upstream_doubt_take */
#ifndef PROXY_UPSTREAM_UPSTREAM_DOUBT_H
#define PROXY_UPSTREAM_UPSTREAM_DOUBT_H

#include "netpoll/netpoll.h"
#include "proxy/upstream/upstream_live.h"

/* Lives longer than every worker. */
struct upstream_doubt {
	struct np_msg msg;
	struct np_worker *control; /* const once workers may see it */
	uint32_t posted;           /* atomic: the message is under way */
	void (*told)(struct upstream_doubt *d); /* const: on the control worker's loop */
};

/* upstream_doubt_init: told is called on this worker, once for any number of doubts.   Calls  control worker. */
void upstream_doubt_init(struct upstream_doubt *d, void (*told)(struct upstream_doubt *d));
/* upstream_doubt_tell: from now on d hears of failures of this upstream; NULL: nobody does.   Calls  control thread. */
void upstream_doubt_tell(struct upstream_live *live, struct upstream_doubt *d);
/* upstream_doubt_take: has a connect failed since the last call?   Calls  control thread. */
bool upstream_doubt_take(struct upstream_live *live);

/* upstream_doubt: a connect to a server of it has failed. Any thread that has a slot of the server. */
void upstream_doubt(struct upstream_live *live);

#endif
