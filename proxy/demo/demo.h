/* demo: one run of `staunch demo`. Private to demo_*.c and cli_demo.c.
 *
 *     this process                     the child, exec'ed            this process
 *     50 clients (demo_client.c)  -->  staunch proxy  -->  echo servers a, b, c (demo_server.c)
 *
 * Everything here runs as coroutines of one worker on the main thread; so no field needs
 * protection. The child is the binary itself with the verb proxy: the demo shows what a user
 * gets. Rejected: a proxy inside this process, because it would be wired by a second piece of
 * code, and its failure would be ours. */
#ifndef PROXY_DEMO_DEMO_H
#define PROXY_DEMO_DEMO_H

#include "proxy/demo/demo_child.h"
#include "proxy/demo/demo_client.h"
#include "proxy/demo/demo_server.h"
#include "proxy/demo/demo_view.h"

struct demo {
	struct demo_server servers[DEMO_SERVERS];
	struct demo_child child;
	struct demo_load load;
	struct demo_view view;
	int listener_hold;     /* keeps the proxy's port */
	unsigned ticks;        /* how long the traffic lasts */
	int64_t began, ended;  /* of the traffic; np_nanotime, 0: it did not begin */
	uint64_t away_opened;  /* connections opened while a server was away; 0: none was away */
	int err;               /* why there was no traffic */
};

#endif
