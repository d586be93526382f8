/* admin_log: /v1/log: the level of the process log. GET tells which is in force, which is configured, and until when an
 * operator's is in force instead; POST chooses one for a while, or lets go of it. */
#include <string.h>

#include "config/units.h"
#include "netpoll/err.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/proto/json_object.h"

#define LEVEL_MEMBERS  4
#define LEVEL_PATIENCE (2 * NP_S)

/* Each takes its member.   Returns  NULL, or what is wrong with the value. */
static const char *take_level(struct level_order *o, const struct json_member *m)
{
	o->want = m->kind == JSON_NULL ? LEVEL_LET_GO : LEVEL_HOLD;
	if (m->kind == JSON_NULL || (m->kind == JSON_STRING && log_level_of(m->text, &o->level) == 0))
		return NULL;
	return "level is one of error, warning, notice, info, debug, or null: as configured";
}

/* The same spelling as in the configuration, but for its word off: for ever is not to be had. */
static const char *take_lasts(struct level_order *o, const struct json_member *m)
{
	struct units_refusal why;

	if (m->kind == JSON_STRING && units_duration(&o->lasts, m->text, &why) == 0 && o->lasts > 0 &&
	    o->lasts <= LEVEL_LONGEST)
		return NULL;
	return "for is a duration such as 90s, 10m or 1h30m, 7d at most";
}

/* What is misspelled is refused: a debug log that is not on is missed when it is needed. */
static const char *take_level_member(struct level_order *o, const struct json_member *m)
{
	if (m->listed)
		return "no member here is a list";
	if (strcmp(m->name, "level") == 0)
		return take_level(o, m);
	if (strcmp(m->name, "for") == 0)
		return take_lasts(o, m);
	return "the body has a member that is not known here: there are level and for";
}

/* A level without an end would be forgotten, so one is asked for. */
static no_inline const char *read_level(struct client *c, struct level_order *o)
{
	struct json_member read[LEVEL_MEMBERS];
	const char *why = NULL;
	int n = c->body == NULL ? 0 : json_object_read(c->body, c->request.length, read, LEVEL_MEMBERS, &why);

	for (int i = 0; i < n && why == NULL; i++)
		why = take_level_member(o, &read[i]);
	if (why != NULL)
		return why;
	if (o->want == LEVEL_TELL)
		return "the body names no level";
	if (o->want == LEVEL_HOLD && o->lasts == 0)
		return "a level needs its time: for";
	return o->want == LEVEL_LET_GO && o->lasts > 0 ? "what is as configured has no end: no for" : NULL;
}

/* What holds after the order, also where it changed nothing. */
static void put_level(struct reply *r, const struct order *o)
{
	struct json j;

	reply_object(r, &j, o->generation);
	json_str(&j, "level", log_level_word(o->level.now));
	json_str(&j, "configured", log_level_word(o->level.set));
	json_time(&j, "until", o->level.until);
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

void admin_log(struct client *c, struct reply *r)
{
	struct order what = {.kind = ORDER_LEVEL}, *o;
	bool changes = c->request.method == HTTP_POST;
	const char *wrong = changes ? read_level(c, &what.level) : NULL;

	if (wrong != NULL) {
		reply_error(r, 400, wrong, "{\"level\":\"debug\",\"for\":\"10m\"}");
		return;
	}
	what.level.ends = wall_now() + what.level.lasts;
	/* A change is made however late, so its answer is waited for. */
	o = admin_order(c, &what, changes ? 0 : LEVEL_PATIENCE);
	if (o == NULL)
		reply_error(r, 503, "the control thread does not answer", NULL);
	else if (o->err == 0)
		put_level(r, o);
	else if (!admin_order_stale(c, r, o))
		reply_error(r, 409, "the process ends", NULL);
	admin_order_free(o);
}
