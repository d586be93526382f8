/* admin_conns: /v1/conns: the live connections, a line of JSON each. A block of ours goes to one worker after the other
 * and comes back with rows; a reader that is slow stops all of it. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/admin/admin_conns_row.h"
#include "proxy/admin/admin_filter.h"

#define CONNS_TIME    (60 * NP_S)
#define CONNS_READERS 16 /* at a time: the other clients' places are not for lists */
#define DEFAULT_FIELDS ((UINT32_C(1) << CONN_FIELD_TCP) - 1)
#define ALL_FIELDS     ((UINT32_C(1) << CONN_FIELDS) - 1)

/* One list under way. On the heap, with its block. */
struct conns {
	struct client *c;
	struct reply *r;
	struct conn_filter filter;
	uint64_t limit, generation;
	uint32_t fields;
	bool tcp;
	int64_t by;          /* when it ends */
	struct conn_slice slice;
};

/* ---- the question ---- */

/* What only this request has; the filter's own parameters are admin_filter's. */
static bool take_list_limit(void *into, const char *value)
{
	return admin_number(value, 1, INT64_MAX, &((struct conns *)into)->limit);
}

static bool take_fields(void *into, const char *value)
{
	return conn_fields_read(value, &((struct conns *)into)->fields);
}

static bool take_tcp(void *into, const char *value)
{
	((struct conns *)into)->tcp = value[0] == '1';
	return strcmp(value, "1") == 0 || strcmp(value, "0") == 0;
}

static const struct admin_param conns_params[] = {
	{"limit", take_list_limit, "how many at most: 1 or more"},
	{"fields", take_fields, "names of members, divided by commas, as this answer has them"},
	{"tcp", take_tcp, "1 or 0"},
};

/* Without fields all but what costs system calls, and with tcp=1 that too. */
static bool read_question(struct conns *l)
{
	const struct admin_params params = {
		.filter = &l->filter, .own = conns_params, .nown = array_len(conns_params), .into = l};

	l->limit = UINT64_MAX;
	if (!admin_query_read(l->c, l->r, &params))
		return false;
	if (l->fields == 0)
		l->fields = l->tcp ? ALL_FIELDS : DEFAULT_FIELDS;
	l->slice.filter = &l->filter;
	l->slice.wants = conn_fields_want(l->fields);
	return true;
}

/* ---- the walk ---- */

/* Why no more is asked for; NULL: it goes on. */
static const char *conns_end(const struct conns *l)
{
	if (l->c->admin->stopping)
		return "the process ends";
	return np_nanotime() >= l->by ? "a list of connections has 60 s" : NULL;
}

/* Returns false when no more are wanted. Parks. */
static bool put_slice(struct conns *l)
{
	const struct conn_row *row;
	size_t at = 0;

	while ((row = conn_slice_next(&l->slice, &at)) != NULL) {
		if (l->limit == 0 || !reply_room(l->r, ADMIN_ROW_ROOM))
			return false;
		conn_row_put(l->r, row, l->fields, l->generation);
		l->limit--;
	}
	return l->limit > 0;
}

/* All of one worker. Parks.   Returns  as put_slice. */
static bool walk_worker(struct conns *l, struct shard *s, const char **why)
{
	bool more = true;

	l->slice.over = false;
	while (more && !l->slice.over && *why == NULL) {
		shard_call(s, conn_slice_fill, &l->slice);
		more = put_slice(l);
		*why = conns_end(l);
	}
	if (l->slice.walking)
		shard_call(s, conn_slice_end, &l->slice);
	return more && *why == NULL;
}

/* A list that has an end of ours says so in its last line. */
static void put_list_cut(struct conns *l, const char *why)
{
	struct json j;

	if (!reply_room(l->r, ADMIN_ROW_ROOM))
		return;
	reply_object(l->r, &j, l->generation);
	json_enter(&j, "error", '{');
	json_str(&j, "code", "E503");
	json_str(&j, "message", why);
	json_leave(&j, '}');
	json_leave(&j, '}');
	text_char(&l->r->body, '\n');
}

/* One worker after the other: each is asked only when the lines of the one before are out. */
static void put_conns(struct conns *l)
{
	struct process *p = l->c->admin->p;
	struct inventory *inv = inventory_hold(&l->c->admin->reader);
	const char *why = NULL;

	l->generation = inv != NULL ? inv->generation : 0;
	if (inv != NULL)
		inventory_drop(inv);
	l->r->type = "application/json";
	l->by = np_deadline_after(CONNS_TIME);
	np_fd_set_write_deadline(&l->c->fd, admin_deadline(l->c->admin, CONNS_TIME));
	for (unsigned i = 0; i < p->nworkers && !l->r->head_only; i++)
		if (!walk_worker(l, &p->shards[i], &why))
			break;
	if (why != NULL)
		put_list_cut(l, why);
}

/* The block is too large for a coroutine's stack. */
void admin_conns(struct client *c, struct reply *r)
{
	struct admin *a = c->admin;
	struct conns *l;

	if (a->lists == CONNS_READERS) {
		reply_error(r, 429, "16 lists of connections are being read: try again soon", NULL);
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		reply_error(r, 503, "out of memory", NULL);
		return;
	}
	l->c = c;
	l->r = r;
	a->lists++;
	if (read_question(l))
		put_conns(l);
	a->lists--;
	free(l);
}
