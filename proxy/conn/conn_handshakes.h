/* conn_handshakes: a place for each TLS handshake under way, bounded per listener and fair between
 * source addresses. A handshake costs some 60 KiB, so an idle one must not cost for long. How a
 * place is had: conn_handshakes.c. Who loses one: conn_yield.c. */
#ifndef PROXY_CONN_CONN_HANDSHAKES_H
#define PROXY_CONN_CONN_HANDSHAKES_H

#include "proxy/conn/conn_yield.h"

/* handshake_begin: take a place for c, if need be from another handshake, which then fails. Where
 * at_limit is wait, wait for one.
 *   Returns  false: no place is to be had for this source, or c was killed.
 *   Parks.   Calls  owner worker, from c's coroutine.
 *   Owns     p stays linked until handshake_end. */
must_use bool handshake_begin(struct handshake *p, struct conn *c);
void handshake_end(struct handshake *p);

/* handshake_yield: no connection fits any more: ask a handshake to end for the sake of the client
 * `peer`, so that those who never finish do not keep it out. full: the limit of connections that is
 * full. waits: the client waits for room, so only a handshake that had its time is asked.
 *   Returns  true: one ends. If the client does not wait, it has ended after an np_yield.
 *   Parks.   Calls  owner worker, from a coroutine. */
must_use bool handshake_yield(struct shard *s, const struct listener *l, const struct limit *full,
			      const struct np_addr *peer, bool waits);

#endif
