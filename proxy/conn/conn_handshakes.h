/* conn_handshakes: a place for each TLS handshake under way, bounded per listener and fair between
 * source addresses. A handshake costs some 60 KiB, so an idle one must not cost for long. Who loses
 * a place to whom: conn_handshakes.c. */
#ifndef PROXY_CONN_CONN_HANDSHAKES_H
#define PROXY_CONN_CONN_HANDSHAKES_H

#include "proxy/conn/conn.h"

/* On the stack of the coroutine that shakes hands. Owner worker. */
struct handshake {
	struct list link; /* shard->handshakes, or ->stale */
	struct conn *conn;
	uint64_t source; /* hash of the client's address */
	int64_t since;
	bool stale;      /* it had its time: the first to lose its place */
	/* of the worker's share; false: another one got it, and this connection is killed */
	bool has_place;
};

/* handshake_begin: take a place for c, if need be from another handshake, which then fails.
 *   Returns  false: no place is to be had for this source.
 *   Calls    owner worker, from c's coroutine.
 *   Owns     p stays linked until handshake_end. */
must_use bool handshake_begin(struct handshake *p, struct conn *c);
void handshake_end(struct handshake *p);

#endif
