/* listener_stats: the numbers of one listener that one worker counts. The worker writes by plain
 * stores; any thread may read each number at any time. Connections open now are `connections` less
 * the sum of `closed`, if the latter is read first. */
#ifndef PROXY_METRICS_LISTENER_STATS_H
#define PROXY_METRICS_LISTENER_STATS_H

#include "proxy/base/close.h"
#include "proxy/metrics/histogram.h"
#include "proxy/metrics/stats.h"

/* What becomes of a connection beyond a limit of its source. */
enum limited_how { LIMITED_RESET, LIMITED_CLOSE, LIMITED_WAIT, LIMITED_DRY_RUN, LIMITED_HOWS };

/* Only counts and histograms of 64 bits: cells_sum adds it up as an array of them. What each end
 * writes stands in the first 128 bytes, but for its reason. */
struct listener_stats {
	uint64_t connections;         /* accepted, those that a limit turned away among them */
	uint64_t bytes_in, bytes_out; /* from the client, to it; live ones a second late (tally.h) */
	struct histogram lifetime;    /* of ended connections */
	uint64_t closed[CLOSE_REASONS]; /* by reason, rejected ones too; [CLOSE_NONE] stays 0 */
	struct histogram handshake;     /* TLS with the client, where it worked */
	struct histogram upstream_handshake; /* the same with the server */
	uint64_t handshakes_failed;     /* with the client */
	uint64_t handshakes[2][2];      /* that worked: TLS 1.2, 1.3; full, resumed */
	uint64_t spliced;               /* of bytes_in and bytes_out: through a pipe */
	uint64_t overflows;             /* clients that the kernel turned away from a full accept queue */
	uint64_t limited[2][LIMITED_HOWS]; /* by per_source.connections, by per_source.rate */
	uint64_t blocked[2];            /* ns: connections that waited for room at the server, at the client */
	struct histogram upgrade_pause; /* of connections that came here from the process before this one */
} cache_aligned;

/* listener_stats_new: one zeroed cell for each of n workers.
 *   Returns  NULL: no memory.   Owns  the caller: free(3). */
must_use struct listener_stats *listener_stats_new(unsigned n);

/* listener_stats_sum: add the cells of n workers to a total, which no other thread writes. `closed`
 * is read first, of all workers.   Any thread. */
void listener_stats_sum(struct listener_stats *total, const struct listener_stats *cells, unsigned n);

/* Connections of a total that are open. */
uint64_t listener_stats_active(const struct listener_stats *total);

#endif
