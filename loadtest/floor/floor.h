/* floor: the part that all floors share: they listen, connect, and relay one direction. Private to
 * loadtest/floor/.
 *
 * A floor is the cheapest relay in one I/O model. It has one listening address and one server, and
 * no limits, timeouts or log; a failed allocation or a full descriptor table ends it. But it keeps
 * a half-close and loses no byte, so that it does the same work as a proxy. */
#ifndef LOADTEST_FLOOR_FLOOR_H
#define LOADTEST_FLOOR_FLOOR_H

#include <netinet/in.h>

#include "netpoll/base.h"

/* Bytes of the scratch buffer, small enough to stay in the second-level cache. */
#define FLOOR_CHUNK (128 * 1024)

struct floor_ports {
	struct sockaddr_in front, back;
};

/* Reads the arguments LISTEN_PORT SERVER_PORT; the server is on 127.0.0.1. `flags` are those of
 * socket(2).
 *   Returns  the listening socket. */
int floor_open(struct floor_ports *p, char **argv, int flags);
/* Connects to the server; a non-blocking socket may still be connecting.
 *   Returns  the socket. */
int floor_dial(const struct floor_ports *p, int flags);
no_return void floor_die(const char *what);

/* One direction of a relayed connection. */
struct half {
	int    from, to;
	char  *rest; /* bytes that `to` did not take; owned */
	size_t off, len;
	bool   ended; /* `from` has ended, and `to` is shut down */
};

enum half_state {
	HALF_MORE,   /* the read was full: there may be more */
	HALF_WAIT,   /* nothing more to read now, or nowhere to write to */
	HALF_FAILED, /* the connection is over */
};
/* Makes one read and one write. With `hung` a short read does not prove the socket empty. */
enum half_state half_pump(struct half *h, char *scratch, bool hung);

#endif
