/* warm: connections to servers that are made before a client asks for one, where upstreams[].warm says so. Each worker
 * keeps so many of its own to each server that may be picked: connected, with TLS where nothing has to be said before
 * it, and not a byte of payload sent or read. Who takes one saves the way there and back; another is made at once.
 *
 *   snapshot, lists of servers -> a set for each server --> dial, a coroutine --> idle, a task stands at it --> taken
 *                                   ^                         | failed             | ended, reset, too old
 *                                   '------- pause -----------'--------------------'
 *
 * While nothing happens a worker only looks, four times a second, whether its servers are still those, and usable. With
 * warm off there is nothing: no struct, no timer, and a connection asks one word of its target.
 *
 * What is made ahead is nobody's connection. It takes no slot of its server, so it does not go with max_connections:
 * none is kept to a server that has a limit at run time either. Its dial is a sample of how long connects take and is
 * counted as one by result; but as a probe's (proxy/health/probe.h) its failure is no failure for the server's passive
 * state, since no client has suffered: the client's own dial, if it fails as well, tells. In turn a connection that
 * took one has dialled nobody, so its connect is neither a sample nor a success; and a trial dials, for it is to prove
 * that the server takes connections now.
 *
 * A server that does not take them, or ends them within a second, is left alone for a second, then two, up to thirty,
 * and then tried with one. One that ends an older one closes what is idle: it gets another.
 *
 * Rejected: a coroutine for each idle one (a stack of 8 KiB in place of 300 bytes); one keeper that dials in turn (a
 * server that swallows SYNs would keep the others waiting). */
#ifndef PROXY_CONN_WARM_H
#define PROXY_CONN_WARM_H

#include "proxy/conn/shard.h"
#include "proxy/conn/stream.h"

struct warm;

/* warm_serve: s keeps what snap asks for from now on, at most so many at a time. What it has stays where the upstream
 * of that name speaks to the server as before (tls, proxy_protocol), else it is closed.
 *   Returns  0; -NP_ENOMEM: it goes on as before.
 *   Calls    control worker, while snap is current; it is done by a message, which holds snap. */
must_use int warm_serve(struct shard *s, struct snapshot *snap, unsigned most);

/* warm_end: for shard_call: everything is closed, and dials are given up. left: unsigned: those that have not ended yet
 * are added; they do so by themselves, within 100 ms.   Owns  no snapshot from then on, once none is left. */
void warm_end(struct shard *s, void *left);

/* warm_free: takes NULL. The worker has been joined. */
void warm_free(struct warm *k);

/* warm_take: a connection to the server that stands and speaks as t says becomes *out, which is not open; out->tls is
 * set where the handshake is done. The caller holds a slot of the server. Bytes of the server's may wait in it, and no
 * event will tell of them.
 *   Returns  false: there is none: dial.   Calls  owner worker. */
must_use bool warm_take(struct shard *s, const struct target *t, struct server *server, struct stream *out);

#endif
