/* demo_server: an echo server of the demo, and the socket that keeps its port. */
#ifndef PROXY_DEMO_DEMO_SERVER_H
#define PROXY_DEMO_DEMO_SERVER_H

#include "netpoll/netpoll.h"

struct demo_server {
	char name; /* 'a', 'b', 'c' */
	struct np_addr addr;
	int hold;              /* a bound socket that does not listen: keeps the port ours while the server is away */
	struct np_fd listener; /* valid while `up` */
	bool up;
	uint64_t accepted; /* connections since the traffic began */
};

/* demo_port_hold: bind a free port of 127.0.0.1.
 *   Returns  the holding socket and *addr, or an error.
 *   Owns     the socket; the demo keeps it to its end. */
must_use int demo_port_hold(struct np_addr *addr);

/* demo_server_start: listen at s->addr and echo. Returns 0 or an error. Calls a worker's
 * coroutine. */
must_use int demo_server_start(struct demo_server *s);

/* demo_server_stop: leave gracefully. Connections that the kernel has accepted are served to
 * their end; later ones are refused. Does nothing to a server that is not up.
 *   Parks    until the listener is closed. */
void demo_server_stop(struct demo_server *s);

#endif
