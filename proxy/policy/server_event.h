/* server_event: how an event about a server begins and ends, whoever tells it: the health thread, of a check or an
 * agent, or a worker, of its connections. Any thread that holds the server. */
#ifndef PROXY_POLICY_SERVER_EVENT_H
#define PROXY_POLICY_SERVER_EVENT_H

#include "proxy/log/event.h"
#include "proxy/upstream/server.h"

/* server_event_begin: an event that says which server it is about. As event_begin. */
static inline struct event *server_event_begin(const struct server *s)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", s->live->name);
	event_fact(e, "server", s->text);
	return e;
}

/* server_event_left: how many servers of its upstream are usable now, of all. */
static inline void server_event_left(struct event *e, unsigned usable, unsigned of)
{
	event_number(e, "usable", usable);
	event_number(e, "servers", of);
}

#endif
