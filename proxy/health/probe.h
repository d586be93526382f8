/* probe: connect to a server that is left out, to see whether its trial is worth a client. Nothing is sent; what
 * refuses, resets, hangs or ends within a moment is not well yet. Each second for a minute, then every five seconds. */
#ifndef PROXY_HEALTH_PROBE_H
#define PROXY_HEALTH_PROBE_H

#include "proxy/policy/inventory.h"

/* Of the health thread; zero-initialise, then list_init(&running), and most. */
struct probes {
	struct list running; /* of struct probe */
	unsigned n, most;
	bool stopping;
	uint64_t left_out;   /* for want of a descriptor, of memory or of a place: no failure of the server */
};

/* probes_turn: begin those that are due, of all that inv lists and whose upstream probes.
 *   Calls  the health thread, from its loop. */
void probes_turn(struct probes *all, struct inventory *inv, int64_t now);
/* probes_stop: give up all.   Parks  until they have ended. */
void probes_stop(struct probes *all);

#endif
