/* Arrays of numbers, one cell a worker. */
#include "proxy/metrics/cells.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

struct line {
	char c;
} cache_aligned;

void *cells_new(unsigned n, size_t bytes)
{
	void *p = aligned_alloc(_Alignof(struct line), n * bytes);

	DCHECK(n > 0 && bytes % sizeof(struct line) == 0, "a cell has lines of its own");
	if (p != NULL)
		memset(p, 0, n * bytes);
	return p;
}

void cells_sum(void *total, const void *one, size_t bytes)
{
	const uint64_t *from = one;
	uint64_t *to = total;

	DCHECK(bytes % sizeof(*to) == 0, "a cell is counts of 64 bits");
	for (size_t i = 0; i < bytes / sizeof(*to); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_ACQUIRE); /* in this order: listener_stats_sum */
}
