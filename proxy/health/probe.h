/* probe: connect to a server that is left out, to see whether its trial is worth a client: as a client's connection
 * would, by check_io, with a PROXY header that says LOCAL and TLS where the upstream has them, but without a byte of
 * payload. What refuses, resets, hangs, has no good certificate or ends within a moment is not well yet.
 *
 * Each second for a minute, then every five seconds. A probe that hangs ends before the next turn, so no turn is lost
 * to it. Where more are out than there are places, the next turn begins with the first that had none. */
#ifndef PROXY_HEALTH_PROBE_H
#define PROXY_HEALTH_PROBE_H

#include "proxy/policy/inventory.h"

/* Connect and TLS have so long, and then a server has to stay for so long. */
#define PROBE_OPEN (700 * NP_MS)
#define PROBE_HELD (200 * NP_MS)
#define PROBE_LONGEST (PROBE_OPEN + PROBE_HELD) /* less than the time between two turns */

/* Of the health thread; zero-initialise, then list_init(&running), and most. */
struct probes {
	struct list running; /* of struct probe */
	unsigned n, most;
	unsigned next;       /* of the inventory's servers: the turn begins there, and comes round to it */
	bool stopping;
	uint64_t left_out;   /* for want of a descriptor, of memory or of a place: no failure of the server */
};

/* probes_turn: begin those that are due, of all that inv lists and whose upstream probes.
 *   Calls  the health thread, from its loop. */
void probes_turn(struct probes *all, struct inventory *inv, int64_t now);
/* probes_stop: give up all.   Parks  until they have ended. */
void probes_stop(struct probes *all);

#endif
