/* fault_world: staunch under faults.so with a listener and a server for each kind of connection,
 * and the test as client and server of all. One worker, so that its calls come in one order. For
 * the test's own thread. */
#ifndef TESTS_FLOW_KIT_FAULT_WORLD_H
#define TESTS_FLOW_KIT_FAULT_WORLD_H

#include <stdio.h>

#include "tests/flow/kit/exchange.h"
#include "tests/flow/kit/faults.h"

/* Without an end: above the listeners' timeouts, which would be an end of the wrong kind. */
#define FAULT_STALL_MS 8000

enum fault_kind { FAULT_COPY, FAULT_BULK, FAULT_TLS, FAULT_UNIX, FAULT_PROBE, FAULT_KINDS };

struct fault_world {
	struct faults f;
	char config[KIT_PATH], path[FAULT_KINDS][KIT_PATH]; /* where clients connect */
	int port[FAULT_KINDS], listener[FAULT_KINDS], back[FAULT_KINDS], fds;
	SSL_CTX *client, *server;
};

const char *fault_kind_name(enum fault_kind k); /* as the listener is called */

/* Starts it and lets one connection of each kind pass: what the first ones do is no other's. */
void fault_world_open(struct fault_world *w);
void fault_world_spawn(struct fault_world *w);
/* Not waited for: rules that are armed hold from the first call on. */
bool fault_world_try_spawn(struct fault_world *w);
void fault_world_kill(struct fault_world *w);
/* It lives, has its descriptors back and ends well. */
void fault_world_close(struct fault_world *w);
/* What is wrong with the process; NULL: nothing. */
const char *fault_world_bad(struct fault_world *w);

/* One connection, its bytes by its kind. A fault that stays is lifted after a while, for whoever
 * waits it out. False: the client could not connect. */
bool fault_world_connect(struct fault_world *w, struct exchange *x, enum fault_kind k);

/* ---- the line of a connection in the access log ---- */

struct fault_line {
	struct fault_world *w;
	FILE *log;           /* read from where it ended before the connection */
	const char *listener;
	int no_memory;       /* connections so far of which there could be no record: the process log says so */
	char text[1024];
};

void fault_line_open(struct fault_line *l, struct fault_world *w, enum fault_kind k);
/* Waits for it; "" when there is none. */
const char *fault_line_end(struct fault_line *l);

#endif
