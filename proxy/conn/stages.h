/* stages: the steps of a connection's story, in order, each in a file of its own. conn_main.c calls
 * them.
 *
 *   preread_run -> conn_tls -> conn_pick_rule -> connect_run -> (conn_log_start) -> relay_start ... conn_log
 *                                                '-- connect_wait, connect_header, conn_tls_server
 *
 * A stage returns CLOSE_NONE to go on, or the reason with which the story ends. It parks the
 * connection's coroutine and never closes a descriptor of the client's: conn_end does. Every
 * function: owner worker. */
#ifndef PROXY_CONN_STAGES_H
#define PROXY_CONN_STAGES_H

#include "proxy/conn/conn.h"

/* As a stage's result, beside the reasons: the story stops here, and may go on in another process (conn_aside.h). */
#define CONN_ASIDE CLOSE_REASONS

/* preread.c: read a PROXY header, and a ClientHello that rules ask for, within their deadlines; and where
 * listeners[].connect says so, wait for a byte of the client's. Parks. */
must_use enum close_reason preread_run(struct conn *c);

/* preread.c: of a connection that another process has read from: what it has read, `from` of it not to be passed on.
 * header: a trusted PROXY header begins it; hello: behind that a ClientHello. Both are read anew.
 *   Returns  0; -NP_ENOMEM; or -NP_EPROTO: it is not what it is said to be. */
struct preread_moved {
	const uint8_t *p;
	size_t n, from;
	bool header, hello;
};
must_use int preread_again(struct conn *c, const struct preread_moved *m);

/* preread.c: the end of a client that has sent no byte. n is what its read returned: 0, or the
 * error. Everywhere the same: client_fin, client_rst, or overload if this machine failed. */
enum close_reason conn_left_silently(struct conn *c, ssize_t n);

/* conn_tls.c: end the client's TLS here. Parks. */
must_use enum close_reason conn_tls(struct conn *c);

/* conn_route.c: the index in listener->targets of the rule that c falls under; the default's is
 * last. */
uint16_t conn_pick_rule(const struct conn *c);

/* connect.c: pick a server, dial it, send what precedes the client's bytes; on failure try another
 * one. Parks. */
must_use enum close_reason connect_run(struct conn *c);

/* connect_queue.c: all servers that c may use are full: wait in the upstream's queue for a slot, at most
 * u->queue_timeout. args: of the pick that found none.
 *   Returns  CLOSE_NONE: a slot of *server is ours, and args are of its pick; else why there is none; CONN_ASIDE.
 *   Parks. */
must_use enum close_reason connect_wait(struct conn *c, struct upstream *u, struct pick_args *args,
					struct server **server);

/* connect_header.c: whether all that the target wants fits into a PROXY header. Asked where a client's
 * certificate is wanted: it may be too long, and no server should be blamed for that. */
bool connect_header_fits(struct conn *c, const struct target *t);

/* connect_header.c: send the PROXY header, in one write where the socket takes it.
 *   Returns  0, or the error: the socket's, -NP_ENOMEM, or -NP_EDEADLINE after connect_timeout.
 *   Parks    only if the socket does not take it at once. */
must_use int connect_header(struct conn *c, const struct target *t);

/* conn_tls.c: TLS with the server that was dialled, until the deadline. Parks. */
must_use enum close_reason conn_tls_server(struct conn *c, const struct target *t,
	const struct server *server, int64_t deadline);

/* conn_tls.c: the same with a server whose connection was made ahead (warm.h), unless they have agreed already. Of a
 * failure nobody is told: the caller dials anew.   Returns  0, or the error.   Parks. */
must_use int conn_tls_warm(struct conn *c, const struct target *t, const struct server *server, int64_t deadline);

/* relay.c: from here on the relay's task moves bytes, and calls conn_end when it is over. Cannot
 * fail. */
void relay_start(struct conn *c);

/* conn_log.c: the line of the access log, while the streams can still be asked. conn_end calls
 * it. */
void conn_log(struct conn *c, enum close_reason why);

/* conn_log.c: the record of a relay's begin, if there is an access log (log.start). */
no_inline void conn_log_start(struct conn *c);

/* conn_log.c: a record of a connection that relays, each time its age has grown by shard.log_every.
 *   Returns  whether there is one. */
bool conn_log_update(struct conn *c);

#endif
