/* process_stats: what the kernel says of this process, for the families that every Prometheus client
 * has. From /proc/self: a few files without a disk behind them. Any thread. */
#ifndef PROXY_METRICS_PROCESS_STATS_H
#define PROXY_METRICS_PROCESS_STATS_H

#include "netpoll/base.h"

/* 0 where this kernel, or its sandbox, does not tell. */
struct process_stats {
	int64_t cpu;   /* ns, of all threads, in user and kernel mode */
	int64_t began; /* wall clock, ns since 1970 */
	uint64_t virtual_bytes, resident;
	uint64_t anonymous, file; /* of resident: its own; of files, and shared */
	uint32_t descriptors, most_descriptors; /* open now; that may be open */
	uint32_t threads;
};

void process_stats_read(struct process_stats *out);

#endif
