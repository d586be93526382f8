/* minute: what became of a server's connections within the last minute, from its workers' cells: six windows of ten
 * seconds, of which the oldest is forgotten as a new one begins. So what it says is of the last 50 to 60 s. The health
 * thread's alone. */
#ifndef PROXY_HEALTH_MINUTE_H
#define PROXY_HEALTH_MINUTE_H

#include "proxy/metrics/server_stats.h"

#define MINUTE_WINDOWS 6

/* What is looked at. */
struct minute_counts {
	struct histogram first_byte, connect;
	uint64_t early; /* ends and resets before the first byte */
};

/* minute_begin makes it. On the heap, one for each server that is judged: free(3). */
struct server_minute {
	unsigned at;                 /* the window that grows */
	int64_t turned;              /* when it began */
	int64_t looked;              /* the last look */
	struct minute_counts before; /* the totals at the last look */
	struct minute_counts windows[MINUTE_WINDOWS];
};

/* minute_begin: nothing has been seen yet. What the cells of n workers have counted until now is of no minute: a server
 * may have served for months before it gets a neighbour, and is judged. */
void minute_begin(struct server_minute *m, const struct server_stats *cells, unsigned n, int64_t now);

/* minute_look: the cells of n workers now. More often than every 10 s, or a window is longer. */
void minute_look(struct server_minute *m, const struct server_stats *cells, unsigned n, int64_t now);

/* minute_connected: a connect of the health thread's own, which took so long. What clients' connects take is known from
 * the cells; a server that is out has none of these, and is hedged by what its probes took when it is back. */
void minute_connected(struct server_minute *m, int64_t took);

/* minute_add: to the sum. */
void minute_add(struct minute_counts *sum, const struct server_minute *m);

#endif
