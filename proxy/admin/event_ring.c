/* event_ring: places by the count of events, numbers by the events and what was lost between them. */
#include "proxy/admin/event_ring.h"

#include <stdlib.h>

/* The count of the oldest event that is kept; its place is that count modulo EVENTS_KEPT. */
static uint64_t oldest(const struct event_ring *ring)
{
	return ring->n > EVENTS_KEPT ? ring->n - EVENTS_KEPT : 0;
}

static const struct event *event_at(const struct event_ring *ring, uint64_t n)
{
	return ring->kept[n % EVENTS_KEPT];
}

/* lost: what was lost before there was a ring is not a gap of it. */
void event_ring_init(struct event_ring *ring, int64_t wall, uint64_t lost)
{
	*ring = (struct event_ring){.first = (uint64_t)(wall / NP_US), .lost = lost};
	ring->next = ring->first;
}

void event_ring_fini(struct event_ring *ring)
{
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(ring->kept[i]);
}

/* A lost event takes a number like any other, so that every reader sees the gap where it was. */
void event_ring_note_lost(struct event_ring *ring, uint64_t lost)
{
	ring->next += lost - ring->lost;
	ring->lost = lost;
}

void event_ring_add(struct event_ring *ring, struct event *e, uint64_t lost)
{
	struct event **place = &ring->kept[ring->n % EVENTS_KEPT];

	event_ring_note_lost(ring, lost);
	e->seq = ring->next++;
	free(*place);
	*place = e;
	ring->n++;
}

/* A number that this process has not given is one of a former process, whatever the clock did meanwhile. */
void event_reader_init(struct event_reader *r, const struct event_ring *ring, const uint64_t *since)
{
	*r = (struct event_reader){.n = oldest(ring), .expects = ring->first};
	if (since == NULL) {
		r->expects = r->n < ring->n ? event_at(ring, r->n)->seq : ring->next;
		return;
	}
	r->restarted = *since + 1 < ring->first || *since >= ring->next;
	if (r->restarted)
		return;
	r->expects = *since + 1;
	while (r->n < ring->n && event_at(ring, r->n)->seq <= *since)
		r->n++;
}

/* A reader that was overtaken goes on at the oldest; what it missed is the gap between two numbers. */
const struct event *event_reader_next(struct event_reader *r, const struct event_ring *ring, uint64_t *lost)
{
	const struct event *e;

	if (r->n < oldest(ring))
		r->n = oldest(ring);
	e = r->n < ring->n ? event_at(ring, r->n++) : NULL;
	*lost = (e != NULL ? e->seq : ring->next) - r->expects;
	r->expects = e != NULL ? e->seq + 1 : ring->next;
	return e;
}

/* Also true where only losses came: they are told, too. */
bool event_reader_lags(const struct event_reader *r, const struct event_ring *ring)
{
	return r->expects != ring->next;
}
