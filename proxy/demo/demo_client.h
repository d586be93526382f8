/* demo_client: the traffic of the demo, and its counts. */
#ifndef PROXY_DEMO_DEMO_CLIENT_H
#define PROXY_DEMO_DEMO_CLIENT_H

#include "netpoll/netpoll.h"
#include "proxy/demo/demo_child.h"
#include "proxy/demo/demo_hist.h"

#define DEMO_CLIENTS  50
#define DEMO_RATE     2000 /* requests a second in all: a laptop stays cool */
#define DEMO_MIN      64   /* bytes of a request */
#define DEMO_MAX      16384
#define DEMO_PATIENCE (5 * NP_S) /* for one request; a longer one counts as lost */

struct demo_counts {
	uint64_t requests, bytes, opened; /* bytes: of requests that came back whole; as many went each way */
	uint64_t accepted[DEMO_SERVERS];
};

/* All fields belong to the one worker of the demo: no locks. */
struct demo_load {
	struct np_addr listener; /* of the proxy */
	struct demo_counts n;
	struct demo_hist recent; /* since the view took it away */
	unsigned open, running;  /* connections; clients */
	uint64_t lost, corrupt;  /* requests or connections that failed; that came back changed */
	int first_err;           /* of the first lost one */
	const char *first_step;
	int64_t next_turn; /* np_nanotime at which the next request may go */
	bool stopping;
	struct np_event idle;        /* set by the last client */
	struct demo_client *clients; /* owned */
};

/* demo_load_start: start the clients. Returns 0 or an error; then demo_load_stop is still to be
 * called. */
must_use int demo_load_start(struct demo_load *l);

/* demo_load_stop: no new requests.   Parks  until every client has ended its request. */
void demo_load_stop(struct demo_load *l);

#endif
