/* floor: what the smallest relays share: listen, connect, and the bookkeeping of one direction. Private to
 * loadtest/floor/.
 *
 * A floor is the cheapest program that does the same work with sockets in one I/O model. It has no features: one
 * address to listen on, one server, no limits, no timeouts, no log; a failed allocation or a full table of descriptors
 * ends it. It keeps a half-close and loses no byte, or it would not do the same work. */
#ifndef LOADTEST_FLOOR_FLOOR_H
#define LOADTEST_FLOOR_FLOOR_H

#include <netinet/in.h>

#include "netpoll/base.h"

#define FLOOR_CHUNK (128 * 1024) /* of the one scratch buffer: a quarter of the second-level cache here */

struct floor_ports {
	struct sockaddr_in front, back;
};

/* "LISTEN_PORT SERVER_PORT" on 127.0.0.1. Returns  the listening socket; `flags` are of socket(2). */
int floor_open(struct floor_ports *p, char **argv, int flags);
/* A socket on its way to the server, or there. */
int floor_dial(const struct floor_ports *p, int flags);
no_return void floor_die(const char *what);

/* One direction of a relayed connection. */
struct half {
	int    from, to;
	char  *rest; /* what `to` did not take; owned */
	size_t off, len;
	bool   ended; /* the end of the stream was passed on */
};

enum half_state {
	HALF_MORE,   /* the read was full: there may be more */
	HALF_WAIT,   /* nothing more to read now, or nowhere to write to */
	HALF_FAILED, /* the connection is over */
};
/* One read and one write. `hung` says that a short read does not prove the socket empty. */
enum half_state half_pump(struct half *h, char *scratch, bool hung);

#endif
