/* admin_events: who keeps the events of the process, and who reads them as they come. */
#ifndef PROXY_ADMIN_ADMIN_EVENTS_H
#define PROXY_ADMIN_ADMIN_EVENTS_H

#include "proxy/admin/event_ring.h"

#define EVENT_STREAMS 32 /* readers that stay: they never fill the places of clients */

struct admin;

/* The admin worker's, but for the sink. */
struct event_keeper {
	struct event_sink sink; /* const */
	struct admin *admin;
	struct event_ring ring;
	struct list streams;    /* of readers that stay */
	unsigned nstreams;
};

/* event_keeper_new: on the control thread.   Returns  NULL: no memory. */
must_use struct event_keeper *event_keeper_new(struct admin *a);
/* event_keeper_free: after the worker has ended.   Returns  NULL. */
struct event_keeper *event_keeper_free(struct event_keeper *k);
/* From now on events come, to the admin worker. */
void event_keeper_start(struct event_keeper *k);

#endif
