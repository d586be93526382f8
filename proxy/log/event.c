/* event: built in a block on the heap: facts first, then the message. */
#include "proxy/log/event.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/json.h"
#include "proxy/base/wall.h"

static struct {
	struct event_sink *sink; /* atomic; NULL: nobody keeps events */
	uint32_t posting;        /* atomic: threads between the look at `sink` and the end of np_post */
	uint64_t lost;           /* atomic */
} events;

uint64_t event_lost(void)
{
	return __atomic_load_n(&events.lost, __ATOMIC_RELAXED);
}

static void count_lost_event(void)
{
	__atomic_fetch_add(&events.lost, 1, __ATOMIC_RELAXED);
}

/* NULL costs the event and not its line of the log: event_log takes it. */
struct event *event_begin(void)
{
	struct event *e = NULL;

	if (__atomic_load_n(&events.sink, __ATOMIC_RELAXED) != NULL)
		e = malloc(sizeof(*e) + EVENT_FACTS + EVENT_MESSAGE + 1);
	if (e == NULL) {
		count_lost_event();
		return NULL;
	}
	*e = (struct event){.wall = wall_now()};
	return e;
}

/* ---- facts ---- */

/* Where the next fact is appended. */
static struct json facts_of(struct event *e, struct text *t)
{
	text_init(t, e->bytes, EVENT_FACTS);
	t->n = e->nfacts;
	return (struct json){.t = t, .more = e->nfacts > 0};
}

/* A fact that has no room is left out whole. */
void event_fact(struct event *e, const char *name, const char *text)
{
	struct text t;
	struct json j;

	if (e == NULL)
		return;
	j = facts_of(e, &t);
	json_str(&j, name, text);
	if (!t.cut)
		e->nfacts = t.n;
}

void event_number(struct event *e, const char *name, int64_t n)
{
	struct text t;
	struct json j;

	if (e == NULL)
		return;
	j = facts_of(e, &t);
	json_i64(&j, name, n);
	if (!t.cut)
		e->nfacts = t.n;
}

/* ---- the way to the keeper ---- */

/* The block keeps what is used of it.   Returns  the event, perhaps elsewhere. */
static struct event *event_fit(struct event *e)
{
	size_t len = strlen(e->bytes + EVENT_FACTS);
	struct event *fit;

	memmove(e->bytes + e->nfacts, e->bytes + EVENT_FACTS, len + 1);
	fit = realloc(e, sizeof(*e) + e->nfacts + len + 1);
	if (fit == NULL)
		fit = e;
	fit->message = fit->bytes + fit->nfacts;
	return fit;
}

/* The count comes before the look, so event_deafen either sees us there or we see its NULL. */
static void event_post(struct event *e)
{
	struct event_sink *s;

	__atomic_fetch_add(&events.posting, 1, __ATOMIC_SEQ_CST);
	s = __atomic_load_n(&events.sink, __ATOMIC_SEQ_CST);
	if (s != NULL) {
		e->sink = s;
		e->msg.fn = s->take;
		np_post(s->worker, &e->msg);
	} else {
		count_lost_event();
		free(e);
	}
	__atomic_fetch_sub(&events.posting, 1, __ATOMIC_SEQ_CST);
}

/* A message without room is cut, as in the log. */
void event_tell(struct event *e, const char *kind, const char *message)
{
	if (e == NULL)
		return;
	e->kind = kind;
	snprintf(e->bytes + EVENT_FACTS, EVENT_MESSAGE + 1, "%s", message);
	event_post(event_fit(e));
}

/* The line first: it is what must not be lost. */
void event_log(struct event *e, enum log_level level, const char *kind, const char *fmt, ...)
{
	char message[EVENT_MESSAGE + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	log_msg(level, kind, "%s", message);
	event_tell(e, kind, message);
}

void event_listen(struct event_sink *s)
{
	__atomic_store_n(&events.sink, s, __ATOMIC_SEQ_CST);
}

/* Waits for those that have seen the sink: its worker ends next. */
void event_deafen(void)
{
	__atomic_store_n(&events.sink, NULL, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&events.posting, __ATOMIC_SEQ_CST) > 0)
		sched_yield();
}
