/* admin_kill: POST /v1/conns/kill: end the connections that a filter means, at a rate, with a reset at both sides. The
 * answer comes when that is done. It ends early with the process, and with an asker on the socket who hangs up: so an
 * operator stops what he began.
 *
 * The body has the members of a list's filter, and beside them
 *   all       true: every connection; needed where there is no filter, refused where there is one
 *   dry_run   true: count only
 *   rate      connections a second
 *   patience  how much longer one may live whose client waits for an answer
 *   reason    a text for the log */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_filter.h"
#include "proxy/conn/closer.h"
#include "proxy/log/event.h"
#include "proxy/proto/json_object.h"

#define MEMBERS_MOST 32
#define KILLS_MOST   4    /* at a time */
#define RATE         1000 /* where nothing is said */
#define PATIENCE     (1 * UNITS_H)
#define KILL_TEXT    200  /* bytes of the target, and of the reason, as they are logged */

struct killing {
	struct client *c;
	struct reply *r;
	struct closer *closer;
	bool all, dry_run;
	char target[KILL_TEXT], reason[KILL_TEXT];
};

/* ---- the body ---- */

/* Each take_ function: NULL, or the sentence that refuses the member. */

static const char *take_truth(bool *out, const struct json_member *m, const char *what)
{
	*out = m->kind == JSON_BOOL && m->truth;
	return m->kind == JSON_BOOL ? NULL : what;
}

static const char *take_all(struct killing *k, const struct json_member *m)
{
	return take_truth(&k->all, m, "all is true or false");
}

static const char *take_dry_run(struct killing *k, const struct json_member *m)
{
	return take_truth(&k->dry_run, m, "dry_run is true or false");
}

static const char *take_rate(struct killing *k, const struct json_member *m)
{
	if (m->kind != JSON_NUMBER || m->number < 1 || m->number > CLOSER_RATE_MOST)
		return "rate is a number of connections a second, from 1 to 1000000";
	k->closer->order.rate = (uint64_t)m->number;
	return NULL;
}

static const char *take_patience(struct killing *k, const struct json_member *m)
{
	struct units_refusal why;

	if (m->kind == JSON_STRING && units_duration(&k->closer->order.patience, m->text, &why) == 0 &&
	    k->closer->order.patience <= PATIENCE)
		return NULL;
	return "patience is a duration such as 5s or 2m, 1h at most";
}

static const char *take_reason_text(struct killing *k, const struct json_member *m)
{
	if (m->kind != JSON_STRING || strlen(m->text) >= sizeof(k->reason))
		return "reason is a text for the log, 199 bytes at most";
	snprintf(k->reason, sizeof(k->reason), "%s", m->text);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*take)(struct killing *k, const struct json_member *m);
} kill_members[] = {
	{"all", take_all}, {"dry_run", take_dry_run}, {"rate", take_rate}, {"patience", take_patience},
	{"reason", take_reason_text},
};

/* What is meant, as it was asked for: the log tells it. */
static void note_target(struct killing *k, const struct json_member *m)
{
	size_t n = strlen(k->target);

	snprintf(k->target + n, sizeof(k->target) - n, "%s%s=%s", n > 0 ? " " : "", m->name, m->text);
}

/* Its own members first; the others are the filter's.   Returns  false: r is the refusal. */
static bool take_kill_member(struct killing *k, const struct json_member *m)
{
	static const char help[] = "there are those of a list of connections, and all, dry_run, rate, patience, reason";
	const char *refused = m->listed ? "no member here is a list" : NULL;
	enum admin_taken taken = ADMIN_UNKNOWN;
	char why[ADMIN_WHY];

	for (size_t i = 0; i < array_len(kill_members) && refused == NULL; i++) {
		if (strcmp(kill_members[i].name, m->name) != 0)
			continue;
		refused = kill_members[i].take(k, m);
		taken = ADMIN_TAKEN;
	}
	if (refused == NULL && taken == ADMIN_UNKNOWN && m->kind == JSON_STRING) {
		taken = admin_filter_take(&k->closer->order.filter, m->name, m->text, why);
		if (taken == ADMIN_TAKEN)
			note_target(k, m);
		if (taken == ADMIN_WRONG)
			refused = why;
	}
	if (refused != NULL)
		reply_error(k->r, 400, refused, NULL);
	else if (taken == ADMIN_UNKNOWN)
		reply_error(k->r, 400, "the body has a member that is not known here, or that takes a text", help);
	return refused == NULL && taken == ADMIN_TAKEN;
}

static bool read_kill_members(struct killing *k)
{
	static const char help[] = "{\"src\":\"192.0.2.0/24\",\"dry_run\":true}";
	struct json_member read[MEMBERS_MOST];
	struct client *c = k->c;
	const char *why = NULL;
	int n = c->body == NULL ? 0 : json_object_read(c->body, c->request.length, read, MEMBERS_MOST, &why);

	if (n < 0) {
		reply_error(k->r, 400, why, help);
		return false;
	}
	for (int i = 0; i < n; i++)
		if (!take_kill_member(k, &read[i]))
			return false;
	return true;
}

/* A filter that means all is a slip more often than not. */
static no_inline bool read_kill(struct killing *k)
{
	bool empty;

	if (k->c->request.query.n > 0) {
		reply_error(k->r, 400, "what is to be ended is said in the body, not in the query", NULL);
		return false;
	}
	if (!read_kill_members(k))
		return false;
	empty = conn_filter_is_empty(&k->closer->order.filter);
	if (empty && !k->all)
		reply_error(k->r, 400, "without a filter this is about every connection", "say so with \"all\": true");
	else if (!empty && k->all)
		reply_error(k->r, 400, "all is for every connection: no filter stands beside it", NULL);
	return empty == k->all;
}

/* ---- the end of them ---- */

static bool kill_goes_on(struct closer *closer, void *arg)
{
	const struct killing *k = arg;

	(void)closer;
	return !k->c->admin->stopping && !admin_hung_up(k->c);
}

/* Beside the audit line, which has who and when: what was meant, and what it came to. */
static void say_killed(const struct killing *k)
{
	const struct closer *closer = k->closer;
	struct event *e = event_begin();

	event_number(e, "matched", (int64_t)closer->matched);
	event_number(e, "killed", (int64_t)closer->ended);
	event_fact(e, "target", k->all ? "all" : k->target);
	event_fact(e, "reason", k->reason[0] != '\0' ? k->reason : NULL);
	event_log(e, LVL_NOTICE, "killed", "%llu of %llu connections were ended by an operator: %s%s%s%s",
		  (unsigned long long)closer->ended, (unsigned long long)closer->matched,
		  k->all ? "all" : k->target, k->reason[0] != '\0' ? "; " : "", k->reason,
		  closer->cut ? "; cut short" : "");
}

static void reply_killed(struct killing *k)
{
	struct inventory *inv = inventory_hold(&k->c->admin->reader);
	struct json j;

	reply_object(k->r, &j, inv != NULL ? inv->generation : 0);
	if (inv != NULL)
		inventory_drop(inv);
	json_u64(&j, "matched", k->closer->matched);
	json_u64(&j, "killed", k->closer->ended);
	json_bool(&j, "dry_run", k->dry_run);
	json_bool(&j, "complete", !k->closer->cut);
	json_leave(&j, '}');
	text_char(&k->r->body, '\n');
}

/* What the asker saw is what the inventory lists, which is what the lists of connections are made of.
 *   Returns  false: r is the refusal. */
static bool kill_holds(const struct killing *k)
{
	struct inventory *inv = k->c->conditional ? inventory_hold(&k->c->admin->reader) : NULL;
	uint64_t generation = inv != NULL ? inv->generation : 0;

	if (inv != NULL)
		inventory_drop(inv);
	if (!k->c->conditional || generation == k->c->match)
		return true;
	admin_match_refuse(k->c, k->r, generation);
	return false;
}

/* Parks for as long as it takes. */
static void run_kill(struct killing *k)
{
	k->closer->order.why = CLOSE_ADMIN;
	k->closer->order.count_only = k->dry_run;
	k->c->admin->kills++;
	closer_run(k->closer, kill_goes_on, k);
	k->c->admin->kills--;
	/* It may have taken longer than the time that an answer has. */
	np_fd_set_write_deadline(&k->c->fd, admin_deadline(k->c->admin, 30 * NP_S));
	if (!k->dry_run)
		say_killed(k);
	reply_killed(k);
}

void admin_kill(struct client *c, struct reply *r)
{
	struct process *p = c->admin->p;
	struct killing k = {.c = c, .r = r, .closer = closer_new(p->shards, p->nworkers)};

	if (k.closer == NULL) {
		reply_error(r, 503, "out of memory", NULL);
		return;
	}
	k.closer->order.rate = RATE;
	if (c->admin->kills == KILLS_MOST)
		reply_error(r, 429, "four orders to end connections are under way", "wait for one, or stop one");
	else if (read_kill(&k) && kill_holds(&k))
		run_kill(&k);
	free(k.closer);
}
