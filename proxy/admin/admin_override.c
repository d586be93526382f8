/* admin_override: POST /v1/servers/UPSTREAM/SERVER: what an operator says of a server. What the body does not
 * name stays as it is, so the same body twice says it once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_filter.h"
#include "proxy/control/override_tell.h"
#include "proxy/control/server_close.h"
#include "proxy/proto/json_object.h"
#include "proxy/upstream/upstream.h"

#define MEMBERS_MOST 16
_Static_assert(ADMIN_DID >= OVERRIDE_WORDS && sizeof(((struct server_change *)0)->who) == ADMIN_WHO, "they fit");
#define MOST_MOST    4000000 /* what a server's word has room for (server_state.h) */

/* ---- the body ---- */

/* Each takes its member.   Returns  NULL, or what is wrong with the value. */
static const char *take_state(struct server_change *c, const struct json_member *m)
{
	static const enum server_admin_state states[] = {SERVER_READY, SERVER_DRAIN, SERVER_MAINT};

	c->sets[SERVER_SET_STATE] = true;
	for (size_t i = 0; m->kind == JSON_STRING && i < array_len(states); i++) {
		if (strcmp(m->text, server_admin_text(states[i])) == 0) {
			c->said.admin = states[i];
			return NULL;
		}
	}
	return "state is one of ready, drain, maint";
}

static const char *take_weight(struct server_change *c, const struct json_member *m)
{
	c->sets[SERVER_SET_WEIGHT] = true;
	c->said.admin_weight = -1;
	if (m->kind == JSON_NULL)
		return NULL;
	if (m->kind != JSON_NUMBER || m->number < 0 || m->number > UPSTREAM_WEIGHT_MAX)
		return "weight is a number from 0 to 256, or null: as configured";
	c->said.admin_weight = (int)m->number;
	return NULL;
}

static const char *take_most(struct server_change *c, const struct json_member *m)
{
	c->sets[SERVER_SET_MOST] = true;
	if (m->kind == JSON_NULL)
		return NULL;
	if (m->kind == JSON_STRING && strcmp(m->text, "off") == 0) {
		c->said.admin_most = SERVER_NO_LIMIT;
		return NULL;
	}
	if (m->kind != JSON_NUMBER || m->number < 1 || m->number > MOST_MOST)
		return "max_connections is a number from 1 to 4000000, \"off\", or null: as configured";
	c->said.admin_most = (uint32_t)m->number;
	return NULL;
}

static const char *take_for(struct server_change *c, const struct json_member *m)
{
	struct units_refusal why;

	if (m->kind == JSON_STRING && units_duration(&c->lasts, m->text, &why) == 0 && c->lasts > 0 &&
	    c->lasts <= OVERRIDE_LONGEST)
		return NULL;
	return "for is a duration such as 90s, 10m or 1h30m, 366d at most";
}

static const char *take_close_over(struct server_change *c, const struct json_member *m)
{
	struct units_refusal why;

	if (m->kind == JSON_STRING && units_duration(&c->close_over, m->text, &why) == 0 && c->close_over >= NP_S &&
	    c->close_over <= SERVER_CLOSE_LONGEST)
		return NULL;
	return "close_over is a duration such as 30s or 5m, 1s at least, 1d at most";
}

/* An event into that input, written by its owners: it has no end and is kept nowhere. */
static const char *take_forget(struct server_change *c, const struct json_member *m)
{
	if (m->kind == JSON_NOTHING)
		return NULL; /* an empty list */
	if (m->kind == JSON_STRING && strcmp(m->text, "passive") == 0)
		c->forgets_passive = true;
	else if (m->kind == JSON_STRING && strcmp(m->text, "check") == 0)
		c->forgets_check = true;
	else
		return "forget is a list of inputs: passive, check";
	return NULL;
}

static const struct {
	const char *name;
	const char *(*take)(struct server_change *c, const struct json_member *m);
	bool list;
} members[] = {
	{"state", take_state, false},
	{"weight", take_weight, false},
	{"max_connections", take_most, false},
	{"for", take_for, false},
	{"close_over", take_close_over, false},
	{"forget", take_forget, true},
};

/* A member that is not known is an error: a misspelled one must not be passed over. */
static bool take_member(struct server_change *c, const struct json_member *m, struct reply *r)
{
	static const char help[] = "there are: state, weight, max_connections, for, close_over, forget";

	for (size_t i = 0; i < array_len(members); i++) {
		const char *why;

		if (strcmp(members[i].name, m->name) != 0)
			continue;
		why = m->listed != members[i].list ? "only forget takes a list" : members[i].take(c, m);
		if (why != NULL)
			reply_error(r, 400, why, NULL);
		return why == NULL;
	}
	reply_error(r, 400, "the body has a member that is not known here", help);
	return false;
}

/* Only what is not as configured can end. */
static bool has_end(const struct server_change *c)
{
	return (c->sets[SERVER_SET_STATE] && c->said.admin != SERVER_READY) || c->said.admin_weight >= 0 ||
	       c->said.admin_most != 0;
}

static no_inline bool read_change(struct client *c, struct server_change *change, struct reply *r)
{
	struct json_member read[MEMBERS_MOST];
	const char *why = NULL;
	int n = c->body == NULL ? 0 : json_object_read(c->body, c->request.length, read, MEMBERS_MOST, &why);

	if (n < 0) {
		reply_error(r, 400, why, "{\"state\":\"drain\",\"for\":\"10m\"}");
		return false;
	}
	for (int i = 0; i < n; i++)
		if (!take_member(change, &read[i], r))
			return false;
	if (n == 0)
		reply_error(r, 400, "the body says nothing", "{\"state\":\"drain\",\"for\":\"10m\"}");
	else if (change->lasts > 0 && !has_end(change))
		reply_error(r, 400, "for needs something that ends: drain, maint, a weight or max_connections", NULL);
	else if (change->close_over > 0 && (!change->sets[SERVER_SET_STATE] || change->said.admin == SERVER_READY))
		reply_error(r, 400, "close_over goes with a state: drain or maint", NULL);
	else
		return true;
	return false;
}

/* UPSTREAM/SERVER, of which the second may have slashes, too. */
static bool read_path_of(const char *rest, struct server_change *change, struct reply *r)
{
	const char *slash = strchr(rest, '/');

	if (slash == NULL || slash == rest || slash[1] == '\0' ||
	    (size_t)(slash - rest) >= sizeof(change->upstream) || strlen(slash + 1) >= sizeof(change->server)) {
		reply_error(r, 404, "a server is named by its upstream and its address",
			    "UPSTREAM/ADDRESS, as app/10.0.0.1:80; staunch server lists them");
		return false;
	}
	memcpy(change->upstream, rest, (size_t)(slash - rest));
	snprintf(change->server, sizeof(change->server), "%s", slash + 1);
	return true;
}

/* ---- the answer ---- */

/* Its texts are not beside other frames. */
static no_inline void say_not_found(const struct server_change *change, struct reply *r)
{
	char message[768], help[600];

	if (change->result == CHANGE_NO_UPSTREAM)
		snprintf(message, sizeof(message), "there is no upstream %s", change->upstream);
	else
		snprintf(message, sizeof(message), "upstream %s has no server %s", change->upstream, change->server);
	snprintf(help, sizeof(help), "did you mean %s?", change->nearest);
	reply_error(r, 404, message, change->nearest[0] != '\0' ? help : NULL);
}

/* A setting that is as configured is null, and so is the end of one that has none. */
void override_put(struct json *j, const struct server_inputs *in, const int64_t ends[SERVER_SETS])
{
	json_str(j, "state", server_admin_text(in->admin));
	json_time(j, "state_until", ends[SERVER_SET_STATE]);
	if (in->admin_weight >= 0)
		json_i64(j, "weight", in->admin_weight);
	else
		json_null(j, "weight");
	json_time(j, "weight_until", ends[SERVER_SET_WEIGHT]);
	if (in->admin_most == SERVER_NO_LIMIT)
		json_str(j, "max_connections", "off");
	else if (in->admin_most != 0)
		json_u64(j, "max_connections", in->admin_most);
	else
		json_null(j, "max_connections");
	json_time(j, "max_connections_until", ends[SERVER_SET_MOST]);
}

/* What the inputs were that were forgotten; null: that one was not to be. */
static void put_forgot(struct json *j, const struct server_change *change)
{
	const struct server_inputs was = server_inputs(change->was);

	json_enter(j, "forgot", '{');
	json_str(j, "passive", change->forgets_passive ? passive_word(was.passive) : NULL);
	json_str(j, "check", change->forgets_check ? server_check_text(was.check) : NULL);
	json_leave(j, '}');
}

/* What is in force now, not what was asked for: a second operator may have spoken meanwhile. */
static void say_done(const struct server_change *change, struct reply *r, uint64_t generation)
{
	struct server_inputs in = server_inputs(change->word);
	enum server_why why;
	enum usable usable = server_usable(change->word, change->weight, &why);
	struct json j;

	reply_object(r, &j, generation);
	json_str(&j, "server", change->name);
	override_put(&j, &in, change->ends);
	json_str(&j, "usable", usable == USABLE_YES ? "yes" : "no");
	json_str(&j, "why", server_why_text(why));
	json_u64(&j, "effective_weight", server_weight(change->word, change->weight));
	json_u64(&j, "servers", change->servers > 0 ? change->servers : 1);
	json_bool(&j, "persisted", change->persisted);
	put_forgot(&j, change);
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

/* Each result of the control thread has its status. */
static void say_result(struct client *c, const struct server_change *change, struct reply *r, uint64_t generation)
{
	if (change->result == CHANGE_DONE) {
		override_words(change, c->did);
		say_done(change, r, generation);
	} else if (change->result == CHANGE_TOO_MANY)
		reply_error(r, 429, "1000 servers have overrides, removed ones among them: that is the most",
			    "undo one: staunch server ready UPSTREAM/ADDRESS; the state file lists all of them");
	else if (change->result == CHANGE_TOO_MANY_CLOSES)
		reply_error(r, 429, "the connections of 64 servers are being ended: that is the most",
			    "wait for one, or stop one with state ready");
	else if (change->result == CHANGE_NO_MEMORY)
		reply_error(r, 503, "there is no memory for it", NULL);
	else
		say_not_found(change, r);
}

void admin_override(struct client *c, struct reply *r)
{
	struct server_change *change = calloc(1, sizeof(*change));
	struct order *o;

	if (change == NULL) {
		reply_error(r, 503, "there is no memory for it", NULL);
		return;
	}
	change->said = (struct server_inputs){.admin_weight = -1, .agent_weight = -1};
	if (read_path_of(c->rest, change, r) && read_change(c, change, r)) {
		/* Without patience: the order has our change, so it must come back. */
		admin_who(c, change->who);
		o = admin_order(c, &(struct order){.kind = ORDER_SERVER, .change = change}, 0);
		if (o == NULL || (o->err != 0 && o->err != -ESTALE))
			reply_error(r, 409, admin_order_conflict(o), NULL);
		else if (!admin_order_stale(c, r, o))
			say_result(c, change, r, o->generation);
		admin_order_free(o);
	}
	free(change);
}
