/* conn_row_tbl: where a connection stands, in the words of the table of connections. */
#ifndef PROXY_CONN_CONN_ROW_TBL_H
#define PROXY_CONN_CONN_ROW_TBL_H

#define CONN_STAGE_TBL(X)                 \
	X(HEADER, header)                 \
	X(HELLO, hello)                   \
	X(TLS, tls)                       \
	X(QUEUE, queue)                   \
	X(CONNECT, connect)               \
	X(RELAY, relay)                   \
	X(CLIENT_ENDED, client_ended)     \
	X(SERVER_ENDED, server_ended)     \
	X(LINGER, linger)

/* Who does not take the bytes that are here for it. */
#define CONN_BLOCKED_TBL(X) \
	X(NONE, none)       \
	X(CLIENT, client)   \
	X(SERVER, server)

#endif
