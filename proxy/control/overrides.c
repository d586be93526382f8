/* overrides: the list, its ends, and the servers that it is about. */
#include "proxy/control/overrides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "netpoll/hash.h"
#include "proxy/base/wall.h"
#include "proxy/control/control.h"
#include "proxy/control/names_list.h"
#include "proxy/control/override_tell.h"
#include "proxy/control/override_text.h"
#include "proxy/control/overrides_find.h"
#include "proxy/control/state.h"
#include "proxy/health/health.h"
#include "proxy/log/event.h"
#include "proxy/log/log.h"
#include "proxy/policy/snapshot.h"

static const struct server_inputs nothing_said = {.admin_weight = -1, .agent_weight = -1};

/* ---- the list ---- */

/* By name and address, because a reload makes new servers and the override must outlive the old ones. */
static struct override *override_find(const struct overrides *o, const char *upstream, const char *address)
{
	uint64_t hash = hash_text(address);

	list_for_each(it, &o->all) {
		struct override *one = list_entry(it, struct override, link);

		if (one->hash == hash && strcmp(one->address, address) == 0 && strcmp(one->upstream, upstream) == 0)
			return one;
	}
	return NULL;
}

/* Takes it out of the list first. */
static void override_free(struct overrides *o, struct override *one)
{
	list_remove(&one->link);
	o->n--;
	free(one->upstream);
	free(one->address);
	free(one);
}

/* Returns NULL: no memory, and the list is as before. */
static struct override *override_new(struct overrides *o, const char *upstream, const char *address)
{
	struct override *one = calloc(1, sizeof(*one));

	if (one == NULL)
		return NULL;
	list_init(&one->link);
	o->n++;
	one->upstream = strdup(upstream);
	one->address = strdup(address);
	one->hash = hash_text(address); /* as the server's */
	one->said = nothing_said;
	if (one->upstream != NULL && one->address != NULL) {
		list_push_back(&o->all, &one->link);
		return one;
	}
	override_free(o, one);
	return NULL;
}

/* Such a one is dropped from the list. */
static bool says_nothing(const struct override *one)
{
	return one->said.admin == SERVER_READY && one->said.admin_weight < 0 && one->said.admin_most == 0;
}

/* Empty: what a former process kept comes by overrides_restore. */
void overrides_init(struct overrides *o)
{
	*o = (struct overrides){.n = 0};
	list_init(&o->all);
}

void overrides_fini(struct overrides *o)
{
	list_for_each_safe(it, &o->all)
		override_free(o, list_entry(it, struct override, link));
}

/* No end is watched any more; what is in force stays so for the connections that drain. */
void overrides_stop(struct overrides *o)
{
	np_timer_stop(&o->timer);
}

/* ---- one setting ---- */

/* One of the three, the others stay. */
static void take_setting(struct server_inputs *to, const struct server_inputs *from, enum server_set which)
{
	if (which == SERVER_SET_STATE)
		to->admin = from->admin;
	else if (which == SERVER_SET_WEIGHT)
		to->admin_weight = from->admin_weight;
	else
		to->admin_most = from->admin_most;
}

/* Does it differ from the file? */
static bool setting_is_said(const struct server_inputs *in, enum server_set which)
{
	if (which == SERVER_SET_STATE)
		return in->admin != SERVER_READY;
	return which == SERVER_SET_WEIGHT ? in->admin_weight >= 0 : in->admin_most != 0;
}

/* What is as configured has no end. */
static void change_one(struct override *one, const struct server_change *c, enum server_set which)
{
	bool ends = c->lasts > 0 && setting_is_said(&c->said, which);

	if (!c->sets[which])
		return;
	take_setting(&one->said, &c->said, which);
	one->ends[which] = ends ? wall_now() + c->lasts : 0;
	one->by[which] = ends ? np_nanotime() + c->lasts : 0;
}

/* ---- servers ---- */

/* A server of which nothing is said is left as it is, unless something was said before. */
void overrides_apply_to(const struct overrides *o, struct server *s)
{
	static const int64_t no_ends[SERVER_SETS];
	const struct override *one = override_find(o, s->live->name, overrides_address(s));

	if (one != NULL)
		server_set_admin(s, &one->said, one->ends);
	else if (server_is_set(s))
		server_set_admin(s, &nothing_said, no_ends);
}

/* To the servers of a new generation, before it takes connections. */
void overrides_apply(struct process *p, const struct snapshot *s)
{
	for (unsigned i = 0; i < s->nupstreams; i++)
		for (unsigned j = 0; j < s->upstreams[i]->u->members->n; j++)
			overrides_apply_to(&p->overrides, s->upstreams[i]->u->members->at[j].server);
}

/* ---- ends ---- */

static void watch_ends(struct process *p);

/* An operator who forgot it reads here why the server is back. */
static void say_override_ended(const struct override *one)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", one->upstream);
	event_fact(e, "address", one->address);
	event_log(e, LVL_NOTICE, "override_ended", "server %s/%s: the time of an override is over", one->upstream,
		  one->address);
}

/* Returns whether a setting of it has ended. */
static bool end_what_is_over(struct override *one, int64_t now)
{
	bool any = false;

	for (unsigned i = 0; i < SERVER_SETS; i++) {
		if (one->by[i] == 0 || one->by[i] > now)
			continue;
		take_setting(&one->said, &nothing_said, (enum server_set)i);
		one->ends[i] = one->by[i] = 0;
		any = true;
	}
	if (any)
		say_override_ended(one);
	return any;
}

/* On the control worker's loop. */
static void override_is_over(struct np_timer *t)
{
	struct process *p = container_of(t, struct process, overrides.timer);
	int64_t now = np_nanotime();
	bool any = false;

	list_for_each_safe(it, &p->overrides.all) {
		struct override *one = list_entry(it, struct override, link);

		if (!end_what_is_over(one, now))
			continue;
		any = true;
		if (says_nothing(one))
			override_free(&p->overrides, one);
	}
	if (p->snap != NULL)
		overrides_apply(p, p->snap);
	if (any)
		state_changed(p);
	server_closes_judge(p);
	watch_ends(p);
}

static void watch_ends(struct process *p)
{
	int64_t next = INT64_MAX;

	list_for_each(it, &p->overrides.all) {
		const struct override *one = list_entry(it, struct override, link);

		for (unsigned i = 0; i < SERVER_SETS; i++)
			if (one->by[i] != 0 && one->by[i] < next)
				next = one->by[i];
	}
	p->overrides.timer.fn = override_is_over;
	if (next == INT64_MAX)
		np_timer_stop(&p->overrides.timer);
	else
		np_timer_set(&p->overrides.timer, next);
}

bool overrides_hold_out(const struct overrides *o, const char *name)
{
	list_for_each(it, &o->all) {
		const struct override *one = list_entry(it, struct override, link);
		size_t n = strlen(one->upstream);

		if (strncmp(name, one->upstream, n) == 0 && name[n] == '/' && strcmp(name + n + 1, one->address) == 0)
			return one->said.admin == SERVER_DRAIN || one->said.admin == SERVER_MAINT;
	}
	return false;
}

/* ---- a change ---- */

static void describe(struct server_change *c, const struct member *m)
{
	const struct server *s = m->server;

	c->result = CHANGE_DONE;
	snprintf(c->name, sizeof(c->name), "%s", s->name);
	c->word = server_now(s);
	c->weight = m->weight;
	for (unsigned i = 0; i < SERVER_SETS; i++)
		c->ends[i] = server_set_ends(s, (enum server_set)i);
}

/* Before the change, which then needs no way back. It runs after it, and stops if that fails. */
static bool close_starts(struct process *p, struct server_change *c, const struct server *s)
{
	int err = c->close_over > 0 ? server_close_start(p, s, c->close_over) : 0;

	if (err != 0)
		c->result = err == -NP_EAGAIN ? CHANGE_TOO_MANY_CLOSES : CHANGE_NO_MEMORY;
	return err == 0;
}

/* Of a server that has left, which DNS or a reload may bring back, alone or with its whole upstream: what is said of it
 * can be changed and undone, or nobody could remove its row. */
static void change_absent(struct process *p, struct override *one, struct server_change *c)
{
	struct server_inputs in;

	c->was = server_word(&one->said);
	for (unsigned i = 0; i < SERVER_SETS; i++)
		change_one(one, c, (enum server_set)i);
	in = one->said;
	in.leaving = true;
	c->result = CHANGE_DONE;
	snprintf(c->name, sizeof(c->name), "%s/%s", one->upstream, one->address);
	c->word = server_word(&in);
	memcpy(c->ends, one->ends, sizeof(c->ends));
	if (says_nothing(one))
		override_free(&p->overrides, one);
	override_tell(c);
	server_closes_judge(p);
	watch_ends(p);
}

/* Of a server that is there. c has the result. */
static void change_member(struct process *p, const struct member *m, struct server_change *c)
{
	struct overrides *o = &p->overrides;
	struct override *one = override_find(o, m->server->live->name, overrides_address(m->server));

	if (one == NULL && o->n >= OVERRIDES_MOST) {
		c->result = CHANGE_TOO_MANY;
		return;
	}
	if (!close_starts(p, c, m->server))
		return;
	if (one == NULL)
		one = override_new(o, m->server->live->name, overrides_address(m->server));
	if (one == NULL) {
		c->result = CHANGE_NO_MEMORY;
		server_closes_judge(p);
		return;
	}
	c->was = server_now(m->server);
	for (unsigned i = 0; i < SERVER_SETS; i++)
		change_one(one, c, (enum server_set)i);
	if (says_nothing(one))
		override_free(o, one);
	overrides_apply_to(o, m->server);
	if (c->forgets_passive)
		(void)passive_forget(m->server, np_nanotime());
	if (c->forgets_check && !health_forget(p->health, m->server->name))
		log_msg(LVL_ERROR, "out_of_memory", "server %s: its check is not forgotten: out of memory",
			m->server->name);
	describe(c, m);
	override_tell(c);
	server_closes_judge(p);
	watch_ends(p);
}

/* Where a name means several, the first that fails ends it, and the answer has the last one's values. */
void overrides_change(struct process *p, struct server_change *c)
{
	const struct upstream *u = overrides_upstream(p->snap, c);
	unsigned n = u != NULL ? overrides_members(u, c) : 0;
	struct override *one;

	DCHECK(np_self() == p->registry.control, "overrides are the control thread's");
	if (n == 0) {
		one = override_find(&p->overrides, c->upstream, c->server);
		if (one != NULL)
			change_absent(p, one, c); /* else c says that there is no such server */
		return;
	}
	c->result = CHANGE_DONE;
	for (unsigned i = 0; i < u->members->n && c->result == CHANGE_DONE; i++)
		if (overrides_mean(u, &u->members->at[i], c->server))
			change_member(p, &u->members->at[i], c);
	if (n > 1 && c->result == CHANGE_DONE)
		snprintf(c->name, sizeof(c->name), "%s/%s", c->upstream, c->server);
	c->servers = n;
}

/* ---- from a former process ---- */

/* By text, as the address was written down. A server that DNS brings may come later, or come back: whoever drained it
 * must not find it in use then. */
static bool has_row(const struct snapshot *s, const struct override_row *row)
{
	for (unsigned i = 0; i < s->nupstreams; i++) {
		const struct upstream *u = s->upstreams[i]->u;

		if (strcmp(u->name, row->upstream) != 0)
			continue;
		if (names_bring_servers(&s->config->upstreams[i]))
			return true;
		for (unsigned j = 0; j < u->members->n; j++)
			if (strcmp(overrides_address(u->members->at[j].server), row->address) == 0)
				return true;
	}
	return false;
}

/* The wall clock told when it ends; how long that is from now on the monotonic one tells. */
static void restore_setting(struct override *one, const struct override_row *row, enum server_set which, int64_t wall)
{
	int64_t left = row->ends[which] - wall;

	take_setting(&one->said, &row->said, which);
	if (row->ends[which] == 0)
		return;
	one->ends[which] = row->ends[which];
	one->by[which] = np_nanotime() + (left < OVERRIDE_LONGEST ? left : OVERRIDE_LONGEST);
}

/* What is over is not restored, also if the rest of the row is.
 *   Returns  false when all or a part of it is dropped. */
static bool restore_row(struct overrides *o, const struct override_row *row, int64_t wall)
{
	struct override *one = override_new(o, row->upstream, row->address);
	bool whole = true;

	if (one == NULL) {
		log_msg(LVL_ERROR, "override_dropped", "server %s/%s: out of memory", row->upstream, row->address);
		return true; /* the file keeps it until the next change */
	}
	for (unsigned i = 0; i < SERVER_SETS; i++) {
		if (row->ends[i] == 0 || row->ends[i] > wall)
			restore_setting(one, row, (enum server_set)i, wall);
		else
			whole = false;
	}
	if (!whole)
		log_msg(LVL_NOTICE, "override_ended", "server %s/%s: the time of an override was over before the start",
			row->upstream, row->address);
	if (says_nothing(one))
		override_free(o, one);
	return whole;
}

/* The first of it: the line tells which servers to look at, and the numbers are in the status of each. */
static const char *what_is_said(const struct override *one)
{
	if (one->said.admin != SERVER_READY)
		return server_admin_text(one->said.admin);
	return one->said.admin_weight >= 0 ? "weight" : "max_connections";
}

/* As many as a line has room for. */
static void say_in_force(const struct overrides *o)
{
	char room[400];
	struct text t;
	unsigned told = 0;

	text_init(&t, room, sizeof(room) - 1);
	list_for_each(it, &o->all) {
		const struct override *one = list_entry(it, struct override, link);
		size_t before = t.n;

		text_str(&t, told > 0 ? ", " : "");
		text_str(&t, one->upstream);
		text_char(&t, '/');
		text_str(&t, one->address);
		text_char(&t, ' ');
		text_str(&t, what_is_said(one));
		if (t.cut) {
			t.n = before;
			break;
		}
		told++;
	}
	room[t.n] = '\0';
	if (o->n > 0)
		log_msg(LVL_NOTICE, "overrides_in_force", "overrides of %u server%s are in force: %s%s", o->n,
			o->n == 1 ? "" : "s", room, told < o->n ? ", ..." : "");
}

/* The rows' order is kept, so that a file that is written again differs by what changed alone. Ends that have
 * passed are judged by the wall clock, the only one that a restart of the machine leaves. */
bool overrides_restore(struct process *p, const struct snapshot *s, const struct override_row *rows, unsigned n)
{
	int64_t wall = wall_now();
	bool dropped = false;

	for (unsigned i = 0; i < n; i++) {
		bool known = has_row(s, &rows[i]);

		if (!known)
			log_msg(LVL_NOTICE, "override_dropped", "server %s/%s: it is gone, and so is its override",
				rows[i].upstream, rows[i].address);
		if (!known || !restore_row(&p->overrides, &rows[i], wall))
			dropped = true;
	}
	say_in_force(&p->overrides);
	watch_ends(p);
	return dropped;
}
