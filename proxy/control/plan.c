/* plan: the differences of two models as objects, each with the connections that it has now. */
#include "proxy/control/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_diff.h"
#include "proxy/base/json.h"
#include "proxy/control/changes.h"
#include "proxy/control/control.h"
#include "proxy/control/load.h"

#define CHANGE_ROOM 16384 /* bytes of one change: its object's name escaped, and all keys that it can have */

/* ---- connections ---- */

static uint64_t of_upstream(const struct upstream *u)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < u->members->n; i++)
		n += server_active(u->members->at[i].server);
	return n;
}

/* Of a name: those of all its addresses. */
static uint64_t of_server(const struct upstream *u, const struct config_server *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];
		bool is_its = s->host == NULL ? np_addr_equal(&m->server->addr, &s->addr) :
			m->from != 0 && strcmp(u->listed[m->from - 1].text, s->text) == 0;

		n += is_its ? server_active(m->server) : 0;
	}
	return n;
}

/* Those that the object has at this moment. What is added has none, unless it comes back while some still live. */
static uint64_t connections_of(const struct snapshot *s, const struct config_difference *d)
{
	for (unsigned i = 0; d->name != NULL && i < s->nlisteners; i++)
		if (strcmp(d->noun, "listener") == 0 && strcmp(s->listeners[i].name, d->name) == 0)
			return limit_used(&s->listeners[i].counts->limit);
	for (unsigned i = 0; d->name != NULL && i < s->nupstreams; i++) {
		const struct upstream *u = s->upstreams[i]->u;

		if (strcmp(d->noun, "listener") != 0 && strcmp(u->name, d->name) == 0)
			return d->server != NULL ? of_server(u, d->server) : of_upstream(u);
	}
	return 0;
}

/* ---- the answer ---- */

static void put_object(struct json *j, const struct config_difference *d)
{
	char object[CHANGE_OBJECT];

	change_object(d, object);
	json_str(j, "object", object);
}

static void put_change(struct json *j, const struct snapshot *s, const struct config_difference *d)
{
	static const char *const kinds[] = {"add", "remove", "change"};
	static const char *const effects[] = {"none", "new_only", "drained", "restart"};

	json_enter(j, NULL, '{');
	put_object(j, d);
	json_str(j, "kind", kinds[d->change]);
	json_enter(j, "keys", '[');
	for (unsigned i = 0; i < d->nkeys; i++)
		json_str(j, NULL, d->keys[i]);
	json_leave(j, ']');
	json_u64(j, "connections", connections_of(s, d));
	json_str(j, "effect", effects[d->effect]);
	json_leave(j, '}');
}

struct listing {
	const struct snapshot *snap;
	FILE *out;
	char *room; /* CHANGE_ROOM bytes */
	bool more;  /* a change stands before */
};

static void list_change(void *arg, const struct config_difference *d)
{
	struct listing *l = arg;
	struct text t;
	struct json j = {.t = &t, .more = l->more};

	text_init(&t, l->room, CHANGE_ROOM);
	put_change(&j, l->snap, d);
	DCHECK(!t.cut, "a change has room");
	fwrite(t.p, 1, t.n, l->out);
	l->more = true;
}

static int write_plan(const struct snapshot *now, const struct planned *then, FILE *out)
{
	struct listing l = {.snap = now, .out = out, .room = malloc(CHANGE_ROOM)};
	int err = l.room != NULL ? 0 : -NP_ENOMEM;

	fputs("\"changes\":[", out);
	if (err == 0 && then->trial.snap != NULL)
		err = config_diff(now->config, then->trial.snap->config, list_change, &l);
	fprintf(out, "],\"errors\":[%s],\"warnings\":[%s]", then->errors != NULL ? then->errors : "",
		then->warnings != NULL ? then->warnings : "");
	free(l.room);
	return err;
}

static int tell_plan(const struct snapshot *now, const struct planned *then, char **out)
{
	size_t n;
	FILE *f = open_memstream(out, &n);
	int err = -NP_ENOMEM;

	if (f == NULL)
		return err;
	err = write_plan(now, then, f);
	if (ferror(f) != 0)
		err = -NP_ENOMEM;
	if (fclose(f) == 0 && err == 0)
		return 0;
	free(*out);
	*out = NULL;
	return -NP_ENOMEM;
}

int plan_run(struct process *p, char *text, size_t n, char **out)
{
	struct planned *then;
	int err = load_plan(p, text, n, &then);

	if (err != 0)
		return err;
	err = p->snap != NULL ? tell_plan(p->snap, then, out) : -NP_ECANCELED;
	planned_free(then);
	return err;
}
