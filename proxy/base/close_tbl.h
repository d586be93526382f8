/* close_tbl: every way in which a connection ends, each once. The access log writes the word as
 * close_reason, the metrics use it as the label "reason", and the flow tests expect it.
 *   class    closed: a server was tried or served the client; rejected: we turned the client away
 *            and dialled no server
 *   by       the side that ended the connection. A deadline or limit of ours counts as the proxy's,
 *            a refused connect as the server's
 *   letters  HAProxy's two letters, for people who know them. HAProxy tells the sides of a timeout
 *            apart; our timers run on both sides at once, so those rows show the client's letter.
 * A row comes together with the code that produces it, never before. */
#ifndef PROXY_BASE_CLOSE_TBL_H
#define PROXY_BASE_CLOSE_TBL_H

/*  code                word                class     by      letters, then the sentence */
#define CLOSE_TBL(X) \
	X(CLIENT_FIN,         client_fin,         CLOSED,   CLIENT, "--", \
	  "the client ended first; every byte was delivered") \
	X(SERVER_FIN,         server_fin,         CLOSED,   SERVER, "--", \
	  "the server ended first; every byte was delivered") \
	X(CLIENT_RST,         client_rst,         CLOSED,   CLIENT, "CD", \
	  "the client reset the connection") \
	X(SERVER_RST,         server_rst,         CLOSED,   SERVER, "SD", \
	  "the server reset the connection") \
	X(IDLE_TIMEOUT,       idle_timeout,       CLOSED,   PROXY,  "cD", \
	  "no byte came in either direction within timeouts.idle") \
	X(HALF_CLOSE_TIMEOUT, half_close_timeout, CLOSED,   PROXY,  "cD", \
	  "one side had ended, and the other fell silent") \
	X(LIFETIME,           lifetime,           CLOSED,   PROXY,  "cD", \
	  "the connection reached timeouts.lifetime") \
	X(CONNECT_FAILED,     connect_failed,     CLOSED,   SERVER, "SC", \
	  "no server accepted the connection") \
	X(CONNECT_TIMEOUT,    connect_timeout,    CLOSED,   PROXY,  "sC", \
	  "no server answered in time") \
	X(NO_LIVE_UPSTREAM,   no_live_upstream,   CLOSED,   PROXY,  "SC", \
	  "the upstream has no server that may be tried") \
	X(QUEUE_TIMEOUT,      queue_timeout,      CLOSED,   PROXY,  "sQ", \
	  "every server stayed full for timeouts.queue") \
	X(QUEUE_FULL,         queue_full,         REJECTED, PROXY,  "SQ", \
	  "every server was full, and so was the upstream's queue") \
	X(DNS_FAILED,         dns_failed,         CLOSED,   PROXY,  "SC", \
	  "no name of the upstream has had an address yet") \
	X(PREREAD_TIMEOUT,    preread_timeout,    CLOSED,   PROXY,  "cR", \
	  "the ClientHello was not complete in time") \
	X(PROXY_HEADER_TIMEOUT, proxy_header_timeout, CLOSED, PROXY, "cR", \
	  "the PROXY header was not complete in time") \
	X(TLS_TIMEOUT,        tls_timeout,        CLOSED,   PROXY,  "cR", \
	  "the TLS handshake was not complete in time") \
	X(TLS_BROKEN,         tls_broken,         CLOSED,   CLIENT, "CD", \
	  "the client broke the TLS protocol after its handshake") \
	X(UPSTREAM_TLS_FAILED, upstream_tls_failed, CLOSED, SERVER, "SC", \
	  "the TLS handshake with the server failed") \
	X(UPSTREAM_TLS_NAME,  upstream_tls_name,  CLOSED,   SERVER, "SC", \
	  "the server's certificate is for another name") \
	X(PROXY_HEADER_INVALID, proxy_header_invalid, REJECTED, CLIENT, "PR", \
	  "its first bytes are not a valid PROXY header") \
	X(PROXY_UNTRUSTED,    proxy_untrusted,    REJECTED, PROXY,  "PR", \
	  "only trusted networks may connect with a PROXY header") \
	X(HELLO_INVALID,      hello_invalid,      REJECTED, CLIENT, "PR", \
	  "its first bytes looked like a ClientHello but are not a valid one") \
	X(HELLO_TOO_LONG,     hello_too_long,     REJECTED, PROXY,  "PR", \
	  "its ClientHello is longer than preread.max_bytes") \
	X(NO_ROUTE,           no_route,           REJECTED, PROXY,  "PR", \
	  "no route matched, and there is no default") \
	X(TLS_FAILED,         tls_failed,         REJECTED, CLIENT, "PR", \
	  "the TLS handshake failed") \
	X(TLS_NO_ALPN,        tls_no_alpn,        REJECTED, CLIENT, "PR", \
	  "no application protocol in common (ALPN)") \
	X(TLS_CLIENT_CERT,    tls_client_cert,    REJECTED, CLIENT, "PR", \
	  "the client's certificate is missing, revoked, not trusted or too large") \
	X(DENIED,             denied,             REJECTED, PROXY,  "PR", \
	  "the listener's allow and deny keep it out, or client_auth.allow does") \
	X(RATE_LIMITED,       rate_limited,       REJECTED, PROXY,  "RC", \
	  "its source, or its listener, was at a limit of per_source or rate") \
	X(MAX_HANDSHAKES,     max_handshakes,     REJECTED, PROXY,  "RC", \
	  "the limit of TLS handshakes in progress was reached") \
	X(MAX_CONNECTIONS,    max_connections,    REJECTED, PROXY,  "RC", \
	  "the limit of connections was reached") \
	X(LOOP,               loop,               REJECTED, PROXY,  "PR", \
	  "the proxy had connected to itself") \
	X(OVERLOAD,           overload,           REJECTED, PROXY,  "RC", \
	  "out of memory or descriptors, or the system refused a call") \
	X(ADMIN,              admin,              CLOSED,   PROXY,  "KD", \
	  "an operator ended it") \
	X(DRAIN,              drain,              CLOSED,   PROXY,  "KD", \
	  "its server is drained, and it was ended in good order") \
	X(SERVER_DOWN,        server_down,        CLOSED,   PROXY,  "DD", \
	  "its server is down by its check, and on_down says close") \
	X(DRAIN_DEADLINE,     drain_deadline,     CLOSED,   PROXY,  "KD", \
	  "still open when the drain ran out of time") \
	X(INTERNAL,           internal,           CLOSED,   PROXY,  "ID", \
	  "a bug in staunch; please report it")

#endif
