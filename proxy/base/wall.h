/* wall: the wall clock, for times that people read or that outlive the process; it may jump. What waits or measures
 * asks np_nanotime. */
#ifndef PROXY_BASE_WALL_H
#define PROXY_BASE_WALL_H

#include <time.h>

#include "netpoll/netpoll.h"

/* wall_now: ns since 1970. Any thread. */
static inline int64_t wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NP_S + ts.tv_nsec;
}

#endif
