/* The names of the numbers in cells. */
#include "proxy/metrics/cell_names.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/metrics/listener_stats.h"
#include "proxy/metrics/server_stats.h"

#define NUMBERS(type, field) (sizeof(((struct type *)0)->field) / sizeof(uint64_t))
#define ROW(type, field, name) {name, offsetof(struct type, field) / sizeof(uint64_t), NUMBERS(type, field)}

static const struct cell_row of_process[] = {
#define X(field, ...) ROW(stats, field, #field),
	COUNTER_TBL(X)
#undef X
};

static const struct cell_row of_listener[] = {
#define X(field) ROW(listener_stats, field, #field)
	X(connections), X(bytes_in), X(bytes_out), X(lifetime), X(handshake), X(upstream_handshake),
	X(handshakes_failed), X(handshakes), X(spliced), X(overflows), X(limited), X(blocked), X(upgrade_pause),
#undef X
#define X(code, word, ...) ROW(listener_stats, closed[CLOSE_##code], "closed." #word),
	CLOSE_TBL(X)
#undef X
};

static const struct cell_row of_upstream[] = {
#define X(id, word) ROW(upstream_stats, hedges[HEDGE_##id], "hedges." word),
	HEDGE_TBL(X)
#undef X
#define X(id, word) ROW(upstream_stats, replays[REPLAY_##id], "replays." word),
	REPLAY_TBL(X)
#undef X
	ROW(upstream_stats, retries, "retries"),
	ROW(upstream_stats, queue_wait, "queue_wait"),
};

/* Without those of now, and the moment of the latest answer. */
static const struct cell_row of_server[] = {
#define X(field) ROW(server_stats, field, #field)
	X(bytes_in), X(bytes_out), X(refused), X(timeout), X(reset), X(failed), X(connect), X(first_byte),
	X(early_ends), X(early_resets), X(replayed),
#undef X
};

#define NAMES(kind, type) {#kind, of_##kind, array_len(of_##kind), sizeof(struct type) / sizeof(uint64_t)}

const struct cell_names cell_names[CELL_KINDS] = {
	[CELL_PROCESS] = NAMES(process, stats),
	[CELL_LISTENER] = NAMES(listener, listener_stats),
	[CELL_UPSTREAM] = NAMES(upstream, upstream_stats),
	[CELL_SERVER] = NAMES(server, server_stats),
};

_Static_assert(sizeof(struct listener_stats) <= CELL_NUMBERS_MOST * sizeof(uint64_t) &&
		       sizeof(struct stats) <= CELL_NUMBERS_MOST * sizeof(uint64_t),
	       "the largest cells have room");

const struct cell_row *cell_row_named(enum cell_kind kind, const uint8_t *name, size_t n)
{
	const struct cell_names *names = &cell_names[kind];

	for (unsigned i = 0; i < names->nrows; i++)
		if (strlen(names->rows[i].name) == n && memcmp(names->rows[i].name, name, n) == 0)
			return &names->rows[i];
	return NULL;
}
