/* server_close: the live connections of a server that is held out (drain, maint) are ended over a time, where the
 * operator asks for it (close_over): quiet ones first, in good order, with the reason `drain` (proxy/conn/closer.h).
 * And those of a server that its check takes down, where on_down says close: by a reset, with the reason `server_down`.
 *
 *   overrides_change -> server_close_start -> a coroutine: closer_run -> one line when it is over
 *   ready, the end of the override, another close_over, the end of the process -> it stops, the rest lives on
 *
 * It goes by the server's name, so a reload changes nothing. Nothing of it is kept over a restart: then no connection
 * is left. Control thread. */
#ifndef PROXY_CONTROL_SERVER_CLOSE_H
#define PROXY_CONTROL_SERVER_CLOSE_H

#include "netpoll/netpoll.h"

struct process;
struct server;

#define SERVER_CLOSES_MOST 64                /* at a time */
#define SERVER_CLOSE_LONGEST (24 * 3600 * NP_S)

struct server_closes {
	struct list all; /* of struct server_close */
	unsigned n;
};

void server_closes_init(struct server_closes *s);

/* server_close_start: end what s has now within `over` ns. One that is under way for s stops.
 *   Returns  0; -NP_EAGAIN: there are as many as there may be; -NP_ENOMEM. */
must_use int server_close_start(struct process *p, const struct server *s, int64_t over);

/* server_close_verdict: the check of a server of an upstream with on_down: close says that it is down: what it has is
 * reset within 5 s, for bytes may be missing anyway. Or that it is not down any more: what is left lives on.
 *   server  "upstream/address" */
void server_close_verdict(struct process *p, const char *server, bool down);

/* server_closes_judge: stop those whose server is not held out any more.   Calls  after each change of overrides. */
void server_closes_judge(struct process *p);

/* server_closes_end: stop all, and wait until they have.   Parks.   Calls  while the workers run. */
void server_closes_end(struct process *p);

#endif
