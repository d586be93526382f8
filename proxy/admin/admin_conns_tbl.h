/* admin_conns_tbl: the members of a connection in /v1/conns, in their order. wants: what a worker has to find out for
 * it (conn_row.h). help: a sentence of staunch-api(7).
 *
 *   X(id, member, wants, help) */
#ifndef PROXY_ADMIN_ADMIN_CONNS_TBL_H
#define PROXY_ADMIN_ADMIN_CONNS_TBL_H

#define CONN_FIELD_TBL(X) \
	X(ID, id, 0, "Its id, the same in the access log, in traces and in events.") \
	X(LISTENER, listener, 0, "Where it came in.") \
	X(UPSTREAM, upstream, 0, "Where its route leads; null: that is not known yet.") \
	X(SERVER, server, 0, "The server it is connected to, or is being connected to.") \
	X(CLIENT, client, 0, "The client, by a PROXY header where that names one.") \
	X(LOCAL, local, CONN_WANT_LOCAL, "The address of ours that the client connected to.") \
	X(SNI, sni, CONN_WANT_TLS, "The name that the client asked for.") \
	X(ALPN, alpn, CONN_WANT_TLS, "The protocol that was agreed on.") \
	X(STAGE, stage, 0, \
	  "header, hello, tls: what is read first; queue: every server is full; connect; relay: both sides are connected; " \
	  "client_ended, server_ended: that side has sent its last byte; linger: a last word is waited for.") \
	X(AGE_MS, age_ms, 0, "How long ago it was accepted.") \
	X(IDLE_MS, idle_ms, 0, "How long no byte has moved.") \
	X(BYTES_IN, bytes_in, 0, "Bytes from the client.") \
	X(BYTES_OUT, bytes_out, 0, "Bytes to the client.") \
	X(SPLICED, spliced, 0, "Whether bulk goes through a pipe in the kernel.") \
	X(TLS, tls, CONN_WANT_TLS, "version and cipher, where TLS ends here; else null.") \
	X(PENDING_CLIENT, pending_client, CONN_WANT_PENDING, "Bytes here that the client has not taken.") \
	X(PENDING_SERVER, pending_server, CONN_WANT_PENDING, "Bytes here that the server has not taken.") \
	X(BLOCKED, blocked, 0, "Who does not take what is here: client, server, none.") \
	X(REASON_PENDING, reason_pending, 0, \
	  "The close reason it would have if nothing else came: one side has ended.") \
	X(TCP, tcp, CONN_WANT_TCP, \
	  "With tcp=1: what the kernel knows of each leg, client and server: round-trip time, window, losses.") \
	X(BOTTLENECK, bottleneck, CONN_WANT_TCP, \
	  "With tcp=1: client_app or server_app: that program does not read; client_net or server_net: the network does " \
	  "not take more; none.")

#endif
