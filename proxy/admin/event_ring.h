/* event_ring: the last events of the process, numbered. A number that was given to no kept event is a gap, which a
 * reader is told of: it was overwritten before he read it, or could not be posted. The admin worker's. */
#ifndef PROXY_ADMIN_EVENT_RING_H
#define PROXY_ADMIN_EVENT_RING_H

#include "proxy/log/event.h"

#define EVENTS_KEPT 1024

struct event_ring {
	struct event *kept[EVENTS_KEPT]; /* owned: the one at n stands at n % EVENTS_KEPT */
	uint64_t n;     /* so many came */
	uint64_t first; /* the first number: the start of the process in microseconds, so no two processes share one */
	uint64_t next;  /* of the next event */
	uint64_t lost;  /* of event_lost, so far */
};

/* How far a reader is. */
struct event_reader {
	uint64_t n;       /* what he reads next, as event_ring.n counts */
	uint64_t expects; /* the number that comes next, if there is no gap */
	bool restarted;   /* he has read a former process last: he is to be told */
};

/* event_ring_init: wall: the start of the process, ns since 1970. lost: event_lost now. */
void event_ring_init(struct event_ring *ring, int64_t wall, uint64_t lost);
void event_ring_fini(struct event_ring *ring);

/* event_ring_add: e gets the next number; the oldest event goes where there is no room.   Owns  e. */
void event_ring_add(struct event_ring *ring, struct event *e, uint64_t lost);
/* event_ring_note_lost: what was lost has its numbers, too. */
void event_ring_note_lost(struct event_ring *ring, uint64_t lost);

/* event_reader_init: he reads all that is kept; or, since != NULL, what came after that number. */
void event_reader_init(struct event_reader *r, const struct event_ring *ring, const uint64_t *since);
/* event_reader_next: the event that comes next, and in *lost how many are missing before it.
 *   Returns  NULL: there is none; what was lost meanwhile is in *lost all the same. */
must_use const struct event *event_reader_next(struct event_reader *r, const struct event_ring *ring, uint64_t *lost);
/* Is there something that he was not told? */
must_use bool event_reader_lags(const struct event_reader *r, const struct event_ring *ring);

#endif
