/* Cells of servers and upstreams: made, added up. */
#include "proxy/metrics/server_stats.h"

#include "proxy/metrics/cells.h"

struct server_stats *server_stats_new(unsigned n)
{
	return cells_new(n, sizeof(struct server_stats));
}

struct upstream_stats *upstream_stats_new(unsigned n)
{
	return cells_new(n, sizeof(struct upstream_stats));
}

void server_stats_sum(struct server_stats *total, const struct server_stats *cells, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cells_sum(total, &cells[i], sizeof(*total));
}

void upstream_stats_sum(struct upstream_stats *total, const struct upstream_stats *cells, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cells_sum(total, &cells[i], sizeof(*total));
}
