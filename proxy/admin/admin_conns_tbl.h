/* admin_conns_tbl: the members of a connection in /v1/conns, in their order. wants: what a worker has to find out for
 * it (conn_row.h). */
#ifndef PROXY_ADMIN_ADMIN_CONNS_TBL_H
#define PROXY_ADMIN_ADMIN_CONNS_TBL_H

#define CONN_FIELD_TBL(X)                              \
	X(ID, id, 0)                                   \
	X(LISTENER, listener, 0)                       \
	X(UPSTREAM, upstream, 0)                       \
	X(SERVER, server, 0)                           \
	X(CLIENT, client, 0)                           \
	X(LOCAL, local, CONN_WANT_LOCAL)               \
	X(SNI, sni, CONN_WANT_TLS)                     \
	X(ALPN, alpn, CONN_WANT_TLS)                   \
	X(STAGE, stage, 0)                             \
	X(AGE_MS, age_ms, 0)                           \
	X(IDLE_MS, idle_ms, 0)                         \
	X(BYTES_IN, bytes_in, 0)                       \
	X(BYTES_OUT, bytes_out, 0)                     \
	X(SPLICED, spliced, 0)                         \
	X(TLS, tls, CONN_WANT_TLS)                     \
	X(PENDING_CLIENT, pending_client, CONN_WANT_PENDING) \
	X(PENDING_SERVER, pending_server, CONN_WANT_PENDING) \
	X(BLOCKED, blocked, 0)                         \
	X(REASON_PENDING, reason_pending, 0)           \
	X(TCP, tcp, CONN_WANT_TCP)                     \
	X(BOTTLENECK, bottleneck, CONN_WANT_TCP)

#endif
