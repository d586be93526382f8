/* admin_explain: what is told and not done: /v1/explain of a connection, /v1/plan of a reload. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/control/explain.h"

#define EXPLAIN_PATIENCE (5 * NP_S)
#define VALUE_ROOM       1024 /* bytes of one value of the query */

/* The values of the query. On the heap, for they are long. */
struct values {
	char listener[VALUE_ROOM], src[VALUE_ROOM], sni[VALUE_ROOM], alpn[VALUE_ROOM], tls[VALUE_ROOM];
};

/* Returns the value, or NULL. */
static const char *value_of(const struct http_request *q, const char *name, char out[VALUE_ROOM], const char **wrong)
{
	ssize_t n = http_query_get(q, name, out, VALUE_ROOM);

	if (n == -NP_EINVAL)
		*wrong = "a value of the query is too long, or cannot be decoded";
	return n >= 0 ? out : NULL;
}

/* Returns NULL with the question read, or what is wrong. */
static const char *read_query(const struct http_request *q, struct values *v, struct explain_question *out)
{
	const char *wrong = NULL;
	struct explain_words w = {
		.listener = value_of(q, "listener", v->listener, &wrong),
		.src = value_of(q, "src", v->src, &wrong),
		.sni = value_of(q, "sni", v->sni, &wrong),
		.alpn = value_of(q, "alpn", v->alpn, &wrong),
		.tls = value_of(q, "tls", v->tls, &wrong),
	};

	return wrong != NULL ? wrong : explain_read(out, &w);
}

static void put_answer(struct reply *r, const struct order *o)
{
	struct json j;

	reply_object(r, &j, o->generation);
	text_char(&r->body, ',');
	reply_text(r, o->text);
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

static void ask_control(struct client *c, struct reply *r, struct explain_question *question)
{
	struct order *o = admin_order(c, &(struct order){.kind = ORDER_EXPLAIN, .question = question},
				      EXPLAIN_PATIENCE);

	if (o == NULL || o->err == -NP_ENOMEM)
		reply_error(r, 503, "the control thread does not answer", NULL);
	else if (o->err == -NP_ENOENT)
		reply_error(r, 404, o->text, "--listener NAME, or listener=NAME in the query, names it");
	else if (o->err != 0)
		reply_error(r, 409, "no configuration is in force", NULL);
	else
		put_answer(r, o);
	admin_order_free(o);
}

void admin_explain(struct client *c, struct reply *r)
{
	struct values *v = malloc(sizeof(*v));
	struct explain_question *question = malloc(sizeof(*question));
	const char *wrong = "out of memory";
	bool room = v != NULL && question != NULL;

	if (room)
		wrong = read_query(&c->request, v, question);
	if (wrong == NULL) {
		ask_control(c, r, question);
		question = NULL;
	} else {
		reply_error(r, room ? 400 : 503, wrong, NULL);
	}
	free(question);
	free(v);
}

static void answer_plan(struct reply *r, const struct order *o)
{
	if (o == NULL || o->err == -NP_ENOMEM)
		reply_error(r, 503, "out of memory", NULL);
	else if (o->err == -EBUSY)
		reply_error(r, 429, "a load still waits for a file", NULL);
	else if (o->err == -NP_EDEADLINE)
		reply_error(r, 503, "a file that the configuration names was not read in time", NULL);
	else if (o->err != 0)
		reply_error(r, 409, "the process ends", NULL);
	else
		put_answer(r, o);
}

/* The body is the text, and becomes the order's. */
void admin_plan(struct client *c, struct reply *r)
{
	struct order what = {.kind = ORDER_PLAN, .plan = c->body, .nplan = c->request.length};
	struct order *o;

	if (c->admin->planning) {
		reply_error(r, 429, "another plan is under way", NULL);
		return;
	}
	if (c->body == NULL) {
		reply_error(r, 400, "the body is to be the text of a configuration", NULL);
		return;
	}
	c->body = NULL;
	c->admin->planning = true;
	o = admin_order(c, &what, 0);
	c->admin->planning = false;
	if (!admin_order_stale(c, r, o))
		answer_plan(r, o);
	admin_order_free(o);
}
