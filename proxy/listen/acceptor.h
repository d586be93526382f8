/* acceptor: one worker's accept loop at one binding. These are the functions that the binding runs
 * on the worker by shard_call; an acceptor is never reached in another way. Private to
 * proxy/listen/. */
#ifndef PROXY_LISTEN_ACCEPTOR_H
#define PROXY_LISTEN_ACCEPTOR_H

#include "proxy/conn/conn.h"
#include "proxy/listen/binding.h"

/* The argument of acceptor_start and acceptor_switch. On the stack of who orders, and waits meanwhile. */
struct acceptor_order {
	struct binding *binding;
	struct np_worker *control; /* hears when the acceptor has ended */
	int err; /* out: 0, or why it did not start or does not accept */
};

/* acceptor_start: take over b->sysfd of this worker and accept for b->listener. arg is a struct
 * acceptor_order; after an error there is no acceptor, and the descriptor stays with the binding or
 * is closed.
 *   Calls  owner worker, from shard_call. */
void acceptor_start(struct shard *s, void *arg);

/* acceptor_switch: the next connection is b->listener's. arg is a struct acceptor_order.
 *   Calls  owner worker, from shard_call. */
void acceptor_switch(struct shard *s, void *arg);

/* The listening descriptor. It stays open until acceptor_stop, which only the control thread
 * orders: so that thread may use it without a shard_call. */
int acceptor_sysfd(const struct acceptor *a);

/* acceptor_refuse_new: go on accepting, but let no new handshake begin. arg is a struct
 * acceptor_order. A kernel that takes no filter is no error: then a client may be reset that comes
 * between the last accept and the close.
 *   Calls  owner worker, from shard_call. */
void acceptor_refuse_new(struct shard *s, void *arg);

/* acceptor_empty: accept what the kernel has queued. arg is a struct acceptor_order: its err tells
 * why that cannot be known to be all.
 *   Calls  owner worker, from shard_call. */
void acceptor_empty(struct shard *s, void *arg);

/* acceptor_suspend: accept no more, and give the socket back to the binding; who waits stays in its queue. arg is a
 * struct acceptor_order; after an error the acceptor goes on.
 *   Calls  owner worker, from shard_call. */
void acceptor_suspend(struct shard *s, void *arg);

/* acceptor_stop: acceptor_empty once more, and close the socket. arg is a struct acceptor_order; the
 * acceptor's coroutine ends later and then lowers b->running on the control thread.
 *   Calls  owner worker, from shard_call. */
void acceptor_stop(struct shard *s, void *arg);

#endif
