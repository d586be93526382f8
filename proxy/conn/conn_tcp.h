/* conn_tcp: what the kernel knows of a connection's two legs, for lists of connections and for the access log. Asked
 * only where somebody wants it: about 1.2 us a leg. */
#ifndef PROXY_CONN_CONN_TCP_H
#define PROXY_CONN_CONN_TCP_H

#include "netpoll/netpoll.h"

struct conn;

/* Of the client's leg, of the server's. */
struct conn_tcp {
	bool has[2]; /* else there are no numbers: a Unix socket, or it was never made */
	struct np_tcp_info leg[2];
};

/* conn_tcp_ask: on the connection's worker. */
void conn_tcp_ask(const struct conn *c, struct conn_tcp *out);

/* Who holds it up: client_app, client_net, server_app, server_net or none. A leg whose peer's window was closed for
 * more than half of the time in which there was something to send: its application. Else a leg with bytes on the way
 * and more that cannot leave yet: its network. The client's leg is asked first. A static word; any thread. */
const char *conn_bottleneck(const struct conn_tcp *t);

#endif
