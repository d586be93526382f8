/* check_io: a connection of the health thread to a server, as a client's would be: the PROXY header, which says that it
 * is our own (LOCAL), and TLS with the upstream's settings. For a coroutine of that thread; every wait has the one
 * deadline, which no byte moves.
 *
 * Its TLS has a context of its own (snapshot_contexts.h, contexts_check): no session is kept, so each handshake is a
 * whole one, and nothing that a check agreed on is ever a client's. */
#ifndef PROXY_HEALTH_CHECK_IO_H
#define PROXY_HEALTH_CHECK_IO_H

#include "netpoll/netpoll.h"

struct tls;
struct tls_ctx;

/* Zero-initialise. One that is not open may be closed. */
struct check_io {
	struct np_fd fd;
	struct tls *tls;    /* NULL: plain */
	bool open;
	bool tls_failed;    /* the handshake is why it is not open */
	int64_t took;       /* ns: the connect; 0: it has not come about */
	const char *detail; /* static words about that; NULL: the error says all */
};

/* What a connection of a client to the same server would have, and by when all of it must be done. */
struct check_io_opts {
	const struct np_addr *to; /* lives as long as the connection */
	int64_t deadline;
	unsigned spare;           /* descriptors that are left to others (spare.h) */
	uint8_t header;           /* version of the PROXY header; 0: none */
	struct tls_ctx *tls;      /* NULL: none */
};

/* check_io_open: connect, say who we are, agree on TLS.
 *   Returns  0, or the error of the step that failed.   Parks.   Owns  io, to check_io_close in any case. */
must_use int check_io_open(struct check_io *io, const struct check_io_opts *o);
/* check_io_write: all of it.   Returns  0, or the error.   Parks. */
must_use int check_io_write(struct check_io *io, const void *p, size_t n);
/* check_io_read: what is there, at most n.   Returns  bytes; 0 at the end; or the error.   Parks. */
must_use ssize_t check_io_read(struct check_io *io, void *p, size_t n);
/* check_io_close: in good order, so that the server has nothing to complain of, or by a reset.
 *   Parks  for a moment: in good order what still comes is read, or the FIN would become a reset. */
void check_io_close(struct check_io *io, bool orderly);

#endif
