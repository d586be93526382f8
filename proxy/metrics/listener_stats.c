/* Cells of listeners: made, added up. */
#include "proxy/metrics/listener_stats.h"

#include "proxy/metrics/cells.h"

_Static_assert(offsetof(struct listener_stats, closed) == 128, "an end writes one pair of lines, and its reason");

struct listener_stats *listener_stats_new(unsigned n)
{
	return cells_new(n, sizeof(struct listener_stats));
}

/* A connection that ends in between may be counted as accepted alone, and is open then; the other
 * order would give fewer open ones than none. */
void listener_stats_sum(struct listener_stats *total, const struct listener_stats *cells, unsigned n)
{
	const size_t first = offsetof(struct listener_stats, closed);

	for (unsigned i = 0; i < n; i++)
		cells_sum(total->closed, cells[i].closed, sizeof(*total) - first);
	for (unsigned i = 0; i < n; i++)
		cells_sum(total, &cells[i], first);
}

uint64_t listener_stats_active(const struct listener_stats *total)
{
	uint64_t ended = 0;

	for (size_t why = 0; why < CLOSE_REASONS; why++)
		ended += total->closed[why];
	return total->connections > ended ? total->connections - ended : 0;
}
