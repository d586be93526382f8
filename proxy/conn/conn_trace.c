/* Marks of traced connections, and the messages that tell of them. */
#include "proxy/conn/conn_trace.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/json.h"
#include "proxy/conn/conn_extra.h"

/* What one trace makes of a connection: its filter cannot tell yet, does not want it, or is told of all its marks. */
enum heard { HEARD_OPEN, HEARD_NEVER, HEARD_TOLD };

struct mark {
	int64_t ns; /* since the accept */
	const char *server; /* its text, owned by a kept mark: DNS may take the server away; NULL: none, or no memory */
	int16_t err;
	uint8_t stage, why;
};

/* In conn_extra; owned by it. */
struct conn_marks {
	unsigned n, dropped; /* marks that are kept, and those beyond TRACE_MARKS */
	struct {
		uint64_t serial; /* of the trace that is meant */
		enum heard heard;
	} of[TRACE_READERS];
	struct mark marks[TRACE_MARKS];
};

/* ---- a record ---- */

static const char *trace_stage_word(unsigned stage)
{
	static const char *const words[] = {
#define X(id, word) word,
		TRACE_STAGE_TBL(X)
#undef X
	};

	return words[stage];
}

/* A client of a Unix socket has no address. */
static void put_client(struct json *j, const union np_inet *a)
{
	char text[NP_ADDR_TEXT] = "unix";

	if (a->sa.sa_family != AF_UNIX)
		np_addr_format(&a->sa, sizeof(*a), text, sizeof(text));
	json_str(j, "client", text);
}

/* Its name for machines, its sentence for people. */
static void put_error(struct json *j, int err)
{
	if (err == 0)
		return;
	json_str(j, "error", np_err_name(err));
	json_str(j, "message", np_err_text(err));
}

/* A member without a value is left out. */
static void put_name(struct json *j, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		json_bytes(j, name, value, strnlen(value, TEXT_FIELD_MAX));
}

/* struct tls_facts has 1 KiB: not beside other frames. */
static no_inline void put_traced_tls(struct json *j, const struct tls *t)
{
	struct tls_facts facts;

	if (t == NULL)
		return;
	tls_facts(t, &facts);
	put_name(j, "version", facts.version);
	put_name(j, "cipher", facts.cipher);
	put_name(j, "sni", facts.sni);
	put_name(j, "alpn", facts.alpn);
	json_bool(j, "resumed", facts.resumed);
}

/* rule is null where no rule matched and the default upstream is taken, or where there are no rules. */
static void put_route(struct json *j, const struct conn *c)
{
	const struct target *t = conn_target(c);

	if (c->rule < c->listener->nrules)
		json_u64(j, "rule", c->rule);
	else
		json_null(j, "rule");
	put_name(j, "upstream", t != NULL ? t->upstream->name : NULL);
}

/* Without a server the reason: all full, or all tried. */
static void put_pick(struct json *j, const struct conn *c, const struct mark *m)
{
	const struct target *t = conn_target(c);

	put_name(j, "upstream", t->upstream->name);
	if (m->err == 0)
		put_name(j, "server", m->server);
	else
		json_str(j, "message", m->err == NP_EAGAIN ? "every server is full" : "no server is left");
}

/* The words are those of the access log, so that both can be compared. */
static void put_end(struct json *j, const struct conn *c, const struct mark *m)
{
	enum close_reason why = (enum close_reason)m->why;

	json_str(j, "reason", close_word(why));
	json_str(j, "message", close_sentence(why));
	if (c->err != 0)
		json_str(j, "error", np_err_name(c->err));
	put_name(j, "detail", c->extra->detail);
	json_u64(j, "retries", c->retries);
	json_u64(j, "bytes_in", c->dir[0].bytes);
	json_u64(j, "bytes_out", c->dir[1].bytes);
}

/* The members of a stage are these and no others: staunch trace and the tests read them. */
static void put_stage(struct json *j, const struct conn *c, const struct mark *m)
{
	switch ((enum trace_stage)m->stage) {
	case TRACE_ACCEPT:
		json_str(j, "listener", c->listener->name);
		put_client(j, &c->peer);
		json_u64(j, "worker", c->shard->id);
		return;
	case TRACE_HEADER:
		put_client(j, conn_client(c));
		return;
	case TRACE_HELLO:
		put_name(j, "sni", c->extra->sni);
		return;
	case TRACE_TLS:
		put_traced_tls(j, c->client.tls);
		return;
	case TRACE_ROUTE:
		put_route(j, c);
		return;
	case TRACE_PICK:
		put_pick(j, c, m);
		return;
	case TRACE_UPSTREAM_TLS:
		put_traced_tls(j, c->upstream.tls);
		return;
	case TRACE_FAILED:
		put_name(j, "server", m->server);
		json_str(j, "result", close_word((enum close_reason)m->why));
		put_error(j, m->err);
		return;
	case TRACE_DIAL:
	case TRACE_HEDGE:
	case TRACE_CONNECTED:
		put_name(j, "server", m->server);
		return;
	case TRACE_END:
		put_end(j, c, m);
		return;
	case TRACE_FIRST_BYTE:
	case TRACE_QUEUED:
		return;
	}
}

/* A record is made on the worker of c, because no other thread may look at it; the reader adds the frame of a line. */
static void fill_record(struct trace_record *r, struct conn *c, const struct mark *m)
{
	struct ulid id = conn_id(c);
	char name[ULID_TEXT];
	struct json j;
	struct text t;

	text_init(&t, r->json, TRACE_LINE);
	j = (struct json){.t = &t};
	ulid_format(&id, name);
	json_str(&j, "id", name);
	json_i64(&j, "us", m->ns / NP_US);
	json_str(&j, "stage", trace_stage_word(m->stage));
	put_stage(&j, c, m);
	DCHECK(!t.cut, "TRACE_LINE has room for every stage");
	r->n = t.n;
	r->wall = shard_wall(c->shard, c->accepted + m->ns);
}

/* As large as it is: a queue that nobody reads has hundreds of them, and few stages say much. */
static struct trace_record *fit_record(struct trace_record *r)
{
	struct trace_record *fitting = realloc(r, sizeof(*r) + r->n);

	if (fitting == NULL)
		return r;
	return fitting;
}

/* A worker never waits for a reader: what exceeds the queue is counted and dropped. taken is written by the reader
 * alone and told by this worker alone, so their difference is what is under way. */
static void trace_tell(struct trace_ear *e, struct conn *c, const struct mark *m)
{
	uint32_t ahead = e->told - __atomic_load_n(&e->taken, __ATOMIC_ACQUIRE);
	struct trace_record *r = ahead < TRACE_QUEUE ? malloc(sizeof(*r) + TRACE_LINE) : NULL;

	if (r == NULL) {
		relaxed_add(&e->lost, 1);
		return;
	}
	fill_record(r, c, m);
	r = fit_record(r);
	r->ear = e;
	r->msg.fn = e->trace->told;
	e->told++;
	np_post(e->trace->reader, &r->msg);
}

/* ---- who is told ---- */

/* Does c belong to the trace, and may it be one of those that he gets? */
static enum heard trace_judge(struct trace *t, const struct conn *c)
{
	enum conn_match m = conn_filter_match(&t->filter, c, np_nanotime());

	if (m == CONN_MAYBE)
		return HEARD_OPEN;
	if (m == CONN_NEVER || __atomic_load_n(&t->began, __ATOMIC_RELAXED) >= t->limit)
		return HEARD_NEVER;
	return __atomic_fetch_add(&t->began, 1, __ATOMIC_RELAXED) < t->limit ? HEARD_TOLD : HEARD_NEVER;
}

/* Marks are kept while a filter is undecided: sni and server are known only later. */
static void tell_past(struct trace_ear *e, struct conn *c, const struct conn_marks *k)
{
	for (unsigned i = 0; i < k->n; i++)
		trace_tell(e, c, &k->marks[i]);
	relaxed_add(&e->lost, k->dropped);
}

/* What a filter did not match before, it may match with this mark: then those before it are told first. */
static void hear_mark(struct trace_ear *e, struct conn *c, struct conn_marks *k, const struct mark *m)
{
	struct trace *t = e->trace;
	unsigned slot = t->slot;

	if (k->of[slot].serial != t->serial) {
		k->of[slot].serial = t->serial;
		k->of[slot].heard = HEARD_OPEN;
	}
	if (k->of[slot].heard == HEARD_OPEN) {
		k->of[slot].heard = trace_judge(t, c);
		if (k->of[slot].heard == HEARD_TOLD)
			tell_past(e, c, k);
	}
	if (k->of[slot].heard != HEARD_TOLD)
		return;
	if (m->stage == TRACE_END)
		__atomic_add_fetch(&t->ended, 1, __ATOMIC_RELAXED);
	trace_tell(e, c, m);
}

static void keep_mark(struct conn_marks *k, struct mark m)
{
	if (k->n == TRACE_MARKS) {
		k->dropped++;
		return;
	}
	if (m.server != NULL)
		m.server = strdup(m.server);
	k->marks[k->n++] = m;
}

/* Each ear first, then the mark is kept: tell_past must not tell it twice. */
void trace_mark(struct conn *c, enum trace_stage stage, const struct server *server, int err, enum close_reason why)
{
	struct conn_marks *k = c->extra->marks;
	struct mark m = {
		.ns = np_nanotime() - c->accepted,
		.server = server != NULL ? server->text : NULL,
		.err = (int16_t)(err < 0 ? -err : err),
		.stage = (uint8_t)stage,
		.why = (uint8_t)why,
	};

	DCHECK_CONN(c);
	DCHECK(c->traced && k != NULL, "a traced connection has marks");
	for (struct trace_ear *e = c->shard->trace; e != NULL; e = e->next)
		hear_mark(e, c, k, &m);
	keep_mark(k, m);
}

void trace_marks_free(struct conn_marks *k)
{
	if (k == NULL)
		return;
	for (unsigned i = 0; i < k->n; i++)
		free((void *)(uintptr_t)k->marks[i].server);
	free(k);
}

/* Without memory it is not traced. */
void trace_accept(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	if (x == NULL)
		return;
	x->marks = calloc(1, sizeof(*x->marks));
	if (x->marks == NULL)
		return;
	c->traced = true;
	trace_mark(c, TRACE_ACCEPT, NULL, 0, CLOSE_NONE);
}

/* A listener without rules has a route, too, which the first pick says. A server that was picked is dialled at once. */
void trace_pick(struct conn *c, const struct server *server, int err)
{
	if (c->listener->routes == NULL && c->retries == 0 && (c->extra == NULL || c->extra->queued == 0))
		trace_mark(c, TRACE_ROUTE, NULL, 0, CLOSE_NONE);
	trace_mark(c, TRACE_PICK, server, err, CLOSE_NONE);
	if (server != NULL)
		trace_mark(c, TRACE_DIAL, server, 0, CLOSE_NONE);
}

/* ---- readers ---- */

/* One block: an ear for each worker behind the trace. */
struct trace *trace_new(unsigned n)
{
	size_t size = sizeof(struct trace) + n * sizeof(struct trace_ear);
	struct trace *t = aligned_alloc(_Alignof(struct trace), size);

	if (t == NULL)
		return NULL;
	memset(t, 0, size);
	t->nears = n;
	for (unsigned i = 0; i < n; i++)
		t->ears[i].trace = t;
	return t;
}

/* On each worker: from here on its new connections are marked. */
static void add_ear(struct shard *s, void *arg)
{
	struct trace *t = arg;

	DCHECK_SHARD(s);
	t->ears[s->id].next = s->trace;
	s->trace = &t->ears[s->id];
}

/* It is in the list: add_ear came before by the same queue of calls. */
static void remove_ear(struct shard *s, void *arg)
{
	struct trace *t = arg;
	struct trace_ear **at = &s->trace;

	DCHECK_SHARD(s);
	while (*at != &t->ears[s->id])
		at = &(*at)->next;
	*at = t->ears[s->id].next;
}

/* Parks until every worker knows of it, so no connection that is accepted later is missed. */
void trace_listen(struct trace *t, struct shard *shards)
{
	for (unsigned i = 0; i < t->nears; i++)
		shard_call(&shards[i], add_ear, t);
}

/* Parks. No worker writes to the trace after it, though records may still be under way to its reader. */
void trace_deafen(struct trace *t, struct shard *shards)
{
	for (unsigned i = 0; i < t->nears; i++)
		shard_call(&shards[i], remove_ear, t);
}
