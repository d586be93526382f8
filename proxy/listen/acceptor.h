/* listener: where connections come in. A binding is one bind address of the process: opened and closed by the control
 * thread, kept over reloads as long as the configuration names the address, whichever listener names it. Each worker
 * has an acceptor at every binding: its own SO_REUSEPORT socket (of a Unix address, its own descriptor of the one
 * socket) and the coroutine that accepts from it. */
#ifndef PROXY_LISTEN_ACCEPTOR_H
#define PROXY_LISTEN_ACCEPTOR_H

#include "proxy/conn/conn.h"

struct acceptor; /* owner worker, from start to stop */

/* Control thread; on[] is written by shard_call only. */
struct binding {
	struct list link;
	struct np_addr addr;      /* as configured: its identity over reloads */
	struct np_addr bound;     /* with the port the kernel chose, if it was 0 */
	char text[NP_ADDR_TEXT];  /* of bound */
	struct np_unix_file file; /* removed with the binding */
	struct listener *listener;      /* of the current snapshot; the workers have their own copy */
	int backlog;              /* as opened */
	unsigned n;
	bool shared;              /* one socket, a descriptor of it per worker */
	struct acceptor **on;     /* one per worker */
	int *sysfd;               /* one per worker, until its listener takes it over; then -1 */
	unsigned running;         /* listeners not yet ended */
	struct np_event stopped;  /* none is left */
};

/* binding_open: bind and listen for n workers, all of them or none.
 *   Returns  0 and *out, or why the address cannot be had. */
must_use int binding_open(const struct np_addr *addr, struct listener *listener, unsigned n, struct binding **out);
/* Start accepting, on every worker, for the binding's listener; or go on for its new listener when it already does.
 *   Parks.
 *   Returns  0, or -NP_ENOMEM when a worker could not start: the caller stops the binding. */
must_use int binding_serve(struct binding *g, struct shard *shards);
/* Stop accepting: what waits in the accept queues is still served, then the sockets are closed. Parks. */
void binding_stop(struct binding *g, struct shard *shards);
struct binding *binding_free(struct binding *g); /* stopped, or never served */

/* ---- handoff.c ------------------------------------------------------------------------------- */

/* handoff_try: give an admitted socket to a worker that has clearly fewer connections.
 *   Returns  whether it did; if not, it is still the caller's.   Calls  owner worker. */
must_use bool handoff_try(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer);

#endif
