/* admin_trace: /v1/trace: what becomes of the next connections that match, a line for each stage, as it happens. The
 * lines come as messages from the workers, which never wait for the reader; it ends with the last of `limit`
 * connections, with its time, with the process, or with its reader. */
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "proxy/admin/admin_filter.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/policy/inventory.h"

#define TRACE_TIME    (60 * NP_S) /* at most, and where nothing is said */
#define TRACE_LAST    (NP_S / 2)  /* of it: what is still to be said when the time is over */
#define TRACE_LIMIT   20
#define TRACE_MOST    1000
#define TRACE_PATIENT (10 * NP_S) /* a reader that takes nothing for so long is gone */

struct trace_options {
	uint64_t limit;
	int64_t time;
};

/* A reader. Its records wait in a queue. */
struct tracing {
	struct trace *t;
	struct client *c;
	struct reply *r;
	uint64_t generation;
	int64_t ends, last; /* no line is begun then; nothing is written any more */
	const char *over; /* why; NULL: it goes on */
};

/* ---- the query ---- */

static bool take_trace_limit(void *into, const char *value)
{
	struct trace_options *o = into;

	return admin_number(value, 1, TRACE_MOST, &o->limit);
}

/* In the units of the configuration; longer than a minute nobody waits at a terminal. */
static bool take_time(void *into, const char *value)
{
	struct trace_options *o = into;
	struct units_refusal why;

	return units_duration(&o->time, value, &why) == 0 && o->time > 0 && o->time <= TRACE_TIME;
}

static bool read_trace_query(struct client *c, struct reply *r, struct conn_filter *f, struct trace_options *o)
{
	static const struct admin_param own[] = {
		{"limit", take_trace_limit, "a number from 1 to 1000"},
		{"for", take_time, "a duration up to 60s"},
	};
	struct admin_params p = {.filter = f, .own = own, .nown = array_len(own), .into = o};

	return admin_query_read(c, r, &p);
}

/* ---- lines ---- */

/* Each line is an object of its own that a reader may take out of the stream. */
static void begin_line(struct tracing *g, struct json *j, int64_t wall)
{
	*j = (struct json){.t = &g->r->body};
	json_enter(j, NULL, '{');
	json_u64(j, "schema", 1);
	json_u64(j, "generation", g->generation);
	json_time(j, "time", wall);
}

static void end_line(struct tracing *g, struct json *j)
{
	json_leave(j, '}');
	text_char(&g->r->body, '\n');
}

/* Room for a line, and time to write it. A reader who takes a little now and then would be patient for hours. */
static bool line_room(struct tracing *g)
{
	int64_t by = admin_deadline(g->c->admin, TRACE_PATIENT);

	np_fd_set_write_deadline(&g->c->fd, by < g->last ? by : g->last);
	return reply_room(g->r, TRACE_LINE + 256);
}

/* taken is counted also where the line found no room: the worker's window must open again. */
static void put_record(struct tracing *g, struct trace_record *rec)
{
	struct json j;

	if (line_room(g)) {
		begin_line(g, &j, rec->wall);
		text_char(&g->r->body, ',');
		text_bytes(&g->r->body, rec->json, rec->n);
		end_line(g, &j);
	}
	__atomic_add_fetch(&rec->ear->taken, 1, __ATOMIC_RELEASE);
	free(rec);
}

static void put_began(struct tracing *g, const struct trace_options *o)
{
	struct json j;

	begin_line(g, &j, wall_now());
	json_str(&j, "trace", "began");
	json_u64(&j, "limit", o->limit);
	json_i64(&j, "for_ms", o->time / NP_MS);
	end_line(g, &j);
}

/* The last line says why there is no more, so that a reader knows a whole trace from one that broke off. */
static void put_over(struct tracing *g)
{
	const struct trace *t = g->t;
	uint64_t lost = 0;
	struct json j;

	for (unsigned i = 0; i < t->nears; i++)
		lost += t->ears[i].lost;
	if (!line_room(g))
		return;
	begin_line(g, &j, wall_now());
	json_str(&j, "trace", "over");
	json_str(&j, "why", g->over);
	json_u64(&j, "connections", t->began < t->limit ? t->began : t->limit);
	json_u64(&j, "lost", lost);
	end_line(g, &j);
}

/* ---- the stream ---- */

static void trace_take_record(struct np_msg *m)
{
	struct trace_record *rec = container_of(m, struct trace_record, msg);
	struct trace *t = rec->ear->trace;

	rec->next = NULL;
	*t->last = rec;
	t->last = &rec->next;
	np_fd_set_read_deadline(t->wake, 1);
}

static void put_queue(struct tracing *g)
{
	struct trace *t = g->t;

	while (t->first != NULL) {
		struct trace_record *rec = t->first;

		t->first = rec->next;
		if (t->first == NULL)
			t->last = &t->first;
		put_record(g, rec);
	}
	(void)reply_room(g->r, REPLY_BLOCK); /* as far as it is, it goes out */
}

/* Until a record comes, the reader speaks or goes, or it is time to look again. */
static void wait_for_record(struct tracing *g)
{
	int64_t slice = np_deadline_after(ADMIN_SLICE);
	int err;

	np_fd_set_read_deadline(&g->c->fd, slice < g->ends ? slice : g->ends);
	err = np_fd_wait(&g->c->fd, NP_READ);
	np_fd_set_read_deadline(&g->c->fd, 0);
	if (err != -NP_EDEADLINE && (err != 0 || admin_reader_left(g->c)))
		g->over = "gone";
}

static void run_trace(struct tracing *g)
{
	struct trace *t = g->t;

	while (g->over == NULL) {
		if (t->first == NULL)
			wait_for_record(g);
		put_queue(g);
		if (g->over != NULL)
			return;
		if (g->r->err != 0)
			g->over = "gone";
		else if (g->c->admin->stopping)
			g->over = "stop";
		else if (__atomic_load_n(&t->ended, __ATOMIC_RELAXED) >= t->limit)
			g->over = "limit";
		else if (np_nanotime() >= g->ends)
			g->over = "time";
	}
}

/* ---- places ---- */

static int free_slot(const struct admin *a)
{
	for (int i = 0; i < TRACE_READERS; i++)
		if ((a->traces & 1u << i) == 0)
			return i;
	return -1;
}

static void trace_for(struct client *c, struct reply *r, struct trace *t, const struct trace_options *o)
{
	struct admin *a = c->admin;
	struct inventory *inv = inventory_hold(&a->reader);
	int64_t most = TRACE_TIME - TRACE_LAST;
	struct tracing g = {.t = t, .c = c, .r = r, .ends = np_deadline_after(o->time < most ? o->time : most)};

	g.last = g.ends + TRACE_LAST;
	if (inv != NULL) {
		g.generation = inv->generation;
		inventory_drop(inv);
	}
	t->serial = ++a->traced;
	t->reader = a->worker;
	t->told = trace_take_record;
	t->limit = (uint32_t)o->limit;
	t->wake = &c->fd;
	t->last = &t->first;
	c->close = c->linger = c->streams = true;
	r->type = "application/json";
	trace_listen(t, a->p->shards);
	put_began(&g, o);
	run_trace(&g);
	trace_deafen(t, a->p->shards);
	put_queue(&g);
	put_over(&g);
}

void admin_trace(struct client *c, struct reply *r)
{
	struct trace_options o = {.limit = TRACE_LIMIT, .time = TRACE_TIME};
	struct admin *a = c->admin;
	struct trace *t = trace_new(a->p->nshards);
	int slot = free_slot(a);

	if (t == NULL) {
		reply_error(r, 503, "out of memory", NULL);
		return;
	}
	if (!read_trace_query(c, r, &t->filter, &o) || r->head_only) {
		free(t);
		return;
	}
	if (slot < 0) {
		reply_error(r, 429, "four traces are under way", "one ends after 60 s at the latest");
		free(t);
		return;
	}
	t->slot = (unsigned)slot;
	a->traces |= 1u << slot;
	trace_for(c, r, t, &o);
	a->traces &= ~(1u << slot);
	free(t);
}
