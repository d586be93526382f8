/* since: a time since the accept in 32 bits, for struct conn, which has no room for more. It holds
 * microseconds; from 36 minutes on, milliseconds; the most is 24 days. */
#ifndef PROXY_BASE_SINCE_H
#define PROXY_BASE_SINCE_H

#include "netpoll/base.h"

#define SINCE_NEVER UINT32_MAX
#define SINCE_MS    (UINT32_C(1) << 31) /* set: the rest are milliseconds */

/* since_pack: ns, as exactly as there is room; less than 0 is 0. */
static inline uint32_t since_pack(int64_t ns)
{
	uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;

	if (likely(us < SINCE_MS))
		return (uint32_t)us;
	return us / 1000 < SINCE_MS - 2 ? (uint32_t)(us / 1000) | SINCE_MS : SINCE_NEVER - 1;
}

/* since_ns: the packed time in ns; -1 for SINCE_NEVER. */
static inline int64_t since_ns(uint32_t t)
{
	if (likely(t < SINCE_MS))
		return (int64_t)t * 1000;
	return t != SINCE_NEVER ? (int64_t)(t & ~SINCE_MS) * 1000000 : -1;
}

#endif
