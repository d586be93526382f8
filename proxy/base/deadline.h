/* deadline: arithmetic on absolute times of the monotonic clock, in ns. "Never" stays never,
 * whatever is added to it, and is later than every other time. np_fd's deadlines use 0 for none:
 * whoever sets one translates. Any thread. */
#ifndef PROXY_BASE_DEADLINE_H
#define PROXY_BASE_DEADLINE_H

#include "netpoll/base.h"
#include "netpoll/check.h"

#define DEADLINE_NEVER INT64_MAX /* as a timeout, too: it is off */

/* The time at which `timeout` ns have passed since start, which is not before 0. */
static inline int64_t deadline_at(int64_t start, int64_t timeout)
{
	DCHECK(start >= 0, "a time of the monotonic clock");
	return timeout > DEADLINE_NEVER - start ? DEADLINE_NEVER : start + timeout;
}

static inline int64_t deadline_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
