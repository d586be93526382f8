/* admin_events: /v1/events: what happened, a line each, and what happens from then on. Events come as messages from any
 * thread, which never waits; a reader who is slow misses some, and is told how many. The answer ends with what is kept
 * (follow=0), with the process, or with its reader. */
#include "proxy/admin/admin_events.h"

#include <stdlib.h>

#include "proxy/admin/admin_filter.h"

#define EVENTS_ALIVE   (30 * NP_S)      /* of silence, then a line says that the process is there */
#define EVENTS_PATIENT (600 * NP_S)     /* a reader that takes nothing for so long is gone */
#define EVENTS_SEQ     ((UINT64_C(1) << 53) - 1)
#define EVENTS_LINE    (EVENT_FACTS + EVENT_MESSAGE * 6 + 512)

/* A reader. */
struct events_stream {
	struct list link; /* in event_keeper.streams, if he stays */
	struct event_keeper *keeper;
	struct client *c;
	struct reply *r;
	struct event_reader reader;
	const char *over; /* why; NULL: it goes on */
};

/* ---- what comes ---- */

static uint64_t generation_of(struct admin *a)
{
	struct inventory *inv = inventory_hold(&a->reader);
	uint64_t generation = inv != NULL ? inv->generation : 0;

	if (inv != NULL)
		inventory_drop(inv);
	return generation;
}

/* A message: each reader that waits wakes. */
static void keep_event(struct np_msg *m)
{
	struct event *e = container_of(m, struct event, msg);
	struct event_keeper *k = container_of(e->sink, struct event_keeper, sink);

	e->generation = generation_of(k->admin);
	event_ring_add(&k->ring, e, event_lost());
	list_for_each(it, &k->streams) {
		struct events_stream *s = list_entry(it, struct events_stream, link);

		np_fd_set_read_deadline(&s->c->fd, 1);
	}
}

struct event_keeper *event_keeper_new(struct admin *a)
{
	struct event_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->admin = a;
	k->sink.take = keep_event;
	list_init(&k->streams);
	event_ring_init(&k->ring, wall_now(), event_lost());
	return k;
}

void event_keeper_start(struct event_keeper *k)
{
	k->sink.worker = k->admin->worker;
	event_listen(&k->sink);
}

struct event_keeper *event_keeper_free(struct event_keeper *k)
{
	if (k != NULL)
		event_ring_fini(&k->ring);
	free(k);
	return NULL;
}

/* ---- lines ---- */

static bool has_room(struct events_stream *s, size_t n)
{
	np_fd_set_write_deadline(&s->c->fd, admin_deadline(s->c->admin, EVENTS_PATIENT));
	return reply_room(s->r, n);
}

static void open_line(struct events_stream *s, struct json *j, uint64_t generation, int64_t wall)
{
	*j = (struct json){.t = &s->r->body};
	json_enter(j, NULL, '{');
	json_u64(j, "schema", 1);
	json_u64(j, "generation", generation);
	json_time(j, "time", wall);
}

/* A line about the stream. */
static void open_word(struct events_stream *s, struct json *j, const char *word)
{
	open_line(s, j, generation_of(s->keeper->admin), wall_now());
	json_str(j, "events", word);
}

static void close_line(struct events_stream *s, struct json *j)
{
	json_leave(j, '}');
	text_char(&s->r->body, '\n');
}

/* seq: the last one of the process. */
static void say_word(struct events_stream *s, const char *word, const char *why)
{
	struct json j;

	if (!has_room(s, EVENTS_LINE))
		return;
	open_word(s, &j, word);
	if (why != NULL)
		json_str(&j, "why", why);
	json_u64(&j, "seq", s->keeper->ring.next - 1);
	close_line(s, &j);
}

/* restart: of those of the former process nobody knows how many he missed. */
static void say_gap(struct events_stream *s, uint64_t lost)
{
	struct json j;

	open_word(s, &j, "gap");
	json_u64(&j, "lost", lost);
	json_bool(&j, "restart", s->reader.restarted);
	close_line(s, &j);
	s->reader.restarted = false;
}

static void say_event(struct events_stream *s, const struct event *e)
{
	struct json j;

	open_line(s, &j, e->generation, e->wall);
	json_u64(&j, "seq", e->seq);
	json_str(&j, "kind", e->kind);
	json_str(&j, "message", e->message);
	json_enter(&j, "facts", '{');
	text_bytes(&s->r->body, e->bytes, e->nfacts);
	json_leave(&j, '}');
	close_line(s, &j);
}

/* The room comes first, since the ring moves on while we wait for it.   Returns  whether there may be more. */
static bool say_next(struct events_stream *s)
{
	struct event_ring *ring = &s->keeper->ring;
	const struct event *e;
	uint64_t lost;

	if (!has_room(s, 2 * EVENTS_LINE))
		return false;
	event_ring_note_lost(ring, event_lost());
	e = event_reader_next(&s->reader, ring, &lost);
	if (lost > 0 || s->reader.restarted)
		say_gap(s, lost);
	if (e != NULL)
		say_event(s, e);
	return e != NULL;
}

/* ---- the stream ---- */

/* Until an event comes, the reader speaks or goes, the process ends, or it has been silent for long. */
static void wait_for_event(struct events_stream *s)
{
	int64_t alive = np_deadline_after(EVENTS_ALIVE);
	int err;

	np_fd_set_read_deadline(&s->c->fd, alive);
	err = np_fd_wait(&s->c->fd, NP_READ);
	np_fd_set_read_deadline(&s->c->fd, 0);
	if (err != -NP_EDEADLINE && (err != 0 || admin_reader_left(s->c)))
		s->over = "gone";
	else if (err == -NP_EDEADLINE && np_nanotime() >= alive)
		say_word(s, "alive", NULL);
}

/* All that is there goes out. */
static void say_all(struct events_stream *s)
{
	do {
		while (say_next(s))
			;
		(void)has_room(s, REPLY_BLOCK);
	} while (s->r->err == 0 && event_reader_lags(&s->reader, &s->keeper->ring));
	if (s->r->err != 0)
		s->over = "gone";
}

/* Between the look at the ring and the wait nothing parks, so no event is missed. */
static void follow_events(struct events_stream *s)
{
	while (s->over == NULL) {
		if (s->c->admin->stopping)
			s->over = "stop";
		else
			wait_for_event(s);
		say_all(s);
	}
}

static void run_stream(struct events_stream *s, bool follow)
{
	struct event_keeper *k = s->keeper;

	if (follow) {
		s->c->close = s->c->linger = s->c->streams = true;
		list_push_back(&k->streams, &s->link);
		k->nstreams++;
	}
	s->r->type = "application/json";
	say_word(s, "began", NULL);
	say_all(s);
	if (follow) {
		follow_events(s);
		list_remove(&s->link);
		k->nstreams--;
	}
	if (s->r->err == 0)
		say_word(s, "over", s->over != NULL ? s->over : "end");
}

/* ---- the request ---- */

struct events_query {
	uint64_t since;
	bool has_since, follow;
};

static bool take_since(void *into, const char *value)
{
	struct events_query *q = into;

	q->has_since = true;
	return admin_number(value, 0, EVENTS_SEQ, &q->since);
}

static bool take_follow(void *into, const char *value)
{
	struct events_query *q = into;
	uint64_t n = 0;
	bool valid = admin_number(value, 0, 1, &n);

	q->follow = n == 1;
	return valid;
}

void admin_events(struct client *c, struct reply *r)
{
	static const struct admin_param own[] = {
		{"since", take_since, "the number of an event"},
		{"follow", take_follow, "0 or 1"},
	};
	struct events_query q = {.follow = true};
	const struct admin_params p = {.own = own, .nown = array_len(own), .into = &q};
	struct events_stream s = {.keeper = c->admin->events, .c = c, .r = r};

	if (!admin_query_read(c, r, &p) || r->head_only)
		return;
	if (q.follow && s.keeper->nstreams >= EVENT_STREAMS) {
		reply_error(r, 429, "32 readers of events are there", "follow=0 answers with what is kept, and ends");
		return;
	}
	event_ring_note_lost(&s.keeper->ring, event_lost());
	event_reader_init(&s.reader, &s.keeper->ring, q.has_since ? &q.since : NULL);
	run_stream(&s, q.follow);
}
