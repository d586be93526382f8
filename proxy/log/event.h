/* event: what happens to the process, for operators who follow it over the control plane: a message beside the line of
 * the process log, with its facts. Any thread says it, and none waits: an event is allocated and posted to the worker
 * that keeps them.
 *
 *   event_begin -> event_fact ... -> event_log --> process log
 *                                        '-------> the sink's worker
 *
 * Without a worker that keeps them, or without memory, an event is only counted, and the line of the log comes all the
 * same. */
#ifndef PROXY_LOG_EVENT_H
#define PROXY_LOG_EVENT_H

#include "netpoll/netpoll.h"
#include "proxy/log/log.h"

#define EVENT_FACTS   512 /* bytes of the facts, as JSON */
#define EVENT_MESSAGE 512 /* bytes of the message */

/* Who keeps them. */
struct event_sink {
	struct np_worker *worker;
	void (*take)(struct np_msg *m); /* owns the event of this message */
};

/* On the heap: free(3). */
struct event {
	struct np_msg msg;   /* to the worker that keeps it */
	struct event_sink *sink;
	int64_t wall;        /* when it happened: ns since 1970 */
	const char *kind;    /* a static word, that of the log line */
	const char *message; /* terminated; in bytes */
	size_t nfacts;       /* bytes of the facts: "name":value, ...; they are in bytes, too */
	uint64_t seq, generation; /* the keeper's */
	char bytes[];
};

/* event_begin: an event of now, for event_log.
 *   Returns  NULL: nobody keeps events, or there is no memory: it is counted, and the functions below take NULL.
 *   Calls    any thread. */
must_use struct event *event_begin(void);

/* A fact that has no room is left out. text: NULL: null. */
void event_fact(struct event *e, const char *name, const char *text);
void event_number(struct event *e, const char *name, int64_t n);

/* event_tell: e with the message, for the keeper alone; its line of the log is written elsewhere.   Owns  e. */
void event_tell(struct event *e, const char *kind, const char *message);

/* event_log: log the line as log_msg does, and post the event with the same word and message.   Owns  e. */
void event_log(struct event *e, enum log_level level, const char *kind, const char *fmt, ...) printf_like(4, 5);

/* ---- who keeps them ---- */

/* event_listen: from now on events go to s, which outlives event_deafen.   Calls  one thread, as the next. */
void event_listen(struct event_sink *s);
/* event_deafen: no event goes there any more, and nobody is in np_post to it. What was posted before is still taken:
 * the worker is stopped afterwards.   Waits for threads that are posting just now. */
void event_deafen(void);

/* event_lost: how many were not posted, since the process began. Any thread. */
uint64_t event_lost(void);

#endif
