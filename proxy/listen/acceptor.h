/* listener: where connections come in. A gate is one bind address of the process: opened and closed by the control
 * thread, kept over reloads as long as the configuration names the address, whichever listener names it. Each worker
 * has a listener at every gate: its own SO_REUSEPORT socket (of a Unix address, its own descriptor of the one socket)
 * and the coroutine that accepts from it. */
#ifndef PROXY_LISTEN_ACCEPTOR_H
#define PROXY_LISTEN_ACCEPTOR_H

#include "proxy/conn/conn.h"

struct listener; /* owner worker, from start to stop */

/* Control thread; on[] is written by shard_call only. */
struct gate {
	struct list link;
	struct np_addr addr;      /* as configured: its identity over reloads */
	struct np_addr bound;     /* with the port the kernel chose, if it was 0 */
	char text[NP_ADDR_TEXT];  /* of bound */
	struct np_unix_file file; /* removed with the gate */
	struct front *front;      /* of the current snapshot; the workers have their own copy */
	int backlog;              /* as opened */
	unsigned n;
	bool shared;              /* one socket, a descriptor of it per worker */
	struct listener **on;     /* one per worker */
	int *sysfd;               /* one per worker, until its listener takes it over; then -1 */
	unsigned running;         /* listeners not yet ended */
	struct np_event stopped;  /* none is left */
};

/* gate_open: bind and listen for n workers, all of them or none.
 *   Returns  0 and *out, or why the address cannot be had. */
must_use int gate_open(const struct np_addr *addr, struct front *front, unsigned n, struct gate **out);
/* Start accepting, on every worker, for the gate's front; or, when it already does, go on for its new front. Parks.
 *   Returns  0, or -NP_ENOMEM when a worker could not start: the caller stops the gate. */
must_use int gate_serve(struct gate *g, struct shard *shards);
/* Stop accepting: what waits in the accept queues is still served, then the sockets are closed. Parks. */
void gate_stop(struct gate *g, struct shard *shards);
struct gate *gate_free(struct gate *g); /* stopped, or never served */

/* ---- handoff.c ------------------------------------------------------------------------------- */

/* handoff_try: give an admitted socket to a worker that has clearly fewer connections.
 *   Returns  whether it did; if not, it is still the caller's.   Calls  owner worker. */
must_use bool handoff_try(struct shard *s, struct front *front, int sysfd, const struct np_addr *peer);

#endif
