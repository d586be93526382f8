/* replay: a connection whose server ends before its first byte goes on with another one (upstreams[].replay). What the
 * client sends is kept until then, in the block where bytes are kept that were read before the relay (struct preread).
 *
 *   connect_run: replay_resume, replay_arm -> relay: replay_lend, then replay_keep at each read of the client's
 *        ^                                      |-- the server's first byte: replay_forget, nothing is kept
 *        |                                      '-- the server's end: replay_takes -- no: it is passed on
 *        |                                                                 '-- yes: RELAY_REPLAYS
 *        '---- a coroutine, the connection is CONNECTING again <---- replay_leave <---'
 *
 * Why no byte is lost, doubled or sent to a wrong server: what is kept is all that was ever read from the client, in
 * order, for bytes enter the relay at two places, replay_lend and the write of what was just read, and both are here. A
 * relay begins with an empty direction whose rest is a copy of it. The socket to the server before is closed, by a
 * reset, before the next one is dialled. The client's end is not kept: it is read again, for each read at an end says
 * so. Nothing goes through a pipe meanwhile, since a direction is spliced after more bytes than REPLAY_MOST.
 *
 * Where the key is off a connection pays a look at the target when it is connected, and at its bit `kept` at the first
 * write, the first byte and the end. Every function: owner worker.
 *
 * Source: the page of upstreams, E52. */
#ifndef PROXY_CONN_REPLAY_H
#define PROXY_CONN_REPLAY_H

#include "proxy/conn/connect.h"

#define REPLAY_MOST (64 * 1024) /* the upper bound of the key */

/* connect.c: a connect begins. If it is to replace a server that ended early, it goes on with those that were tried,
 * what is left of the time, and the reason with which the connection ends if there is no other. */
no_inline void replay_resume(struct conn *c, struct attempt *a);
/* connect.c: connected to c->server. From here on the client's bytes are kept; without memory they are not. */
no_inline void replay_arm(struct conn *c, const struct attempt *a);

/* relay.c: a relay begins. What is kept becomes the rest of dir[0].
 *   Returns  false: the rest is to be taken over as it is, for nothing is kept. */
must_use no_inline bool replay_lend(struct conn *c);
/* relay.c: n bytes at buf are about to be written to the server, or thrown away because it is gone.
 *   Returns  whether the client's bytes are still kept. */
must_use no_inline bool replay_keep(struct conn *c, const char *buf, size_t n);
/* relay.c: the server's first byte has come, or its end is passed on: no other server may have the client's bytes. */
no_inline void replay_forget(struct conn *c);
/* relay_end.c: c->server has ended; reset: by a reset, or what is taken for one. A write that finds it gone has EPIPE
 * if its FIN came first, and then its end is no reset.
 *   Returns  whether another server shall have the connection: then its coroutine is made, and the relay's task leaves
 *            with RELAY_REPLAYS and without another call; else nothing is kept any more. */
must_use no_inline bool replay_takes(struct conn *c, bool reset);
/* relay.c: the relay has given back its own. The server is told and given up, and c is CONNECTING again. */
no_inline void replay_leave(struct conn *c);

/* Has c left a relay, and has no other server answered it? */
bool replay_under_way(const struct conn *c);

#endif
