/* admin_orders: what is asked of the control thread, and its answer as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "proxy/admin/admin_priv.h"
#include "proxy/base/digit.h"

/* An order and who waits for it. On the heap: whoever gave up leaves it to its answer. */
struct asked {
	struct order order;
	struct np_event done;
	struct np_timer timer;
	bool given_up, answered;
};

static void asked_answered(struct order *o)
{
	struct asked *k = container_of(o, struct asked, order);

	k->answered = true;
	if (k->given_up)
		admin_order_free(o);
	else
		np_event_set(&k->done);
}

static void asked_late(struct np_timer *t)
{
	np_event_set(&container_of(t, struct asked, timer)->done);
}

void admin_order_free(struct order *o)
{
	if (o == NULL)
		return;
	free(o->problems);
	free(o->text);
	free(o->rows);
	free(o->question);
	free(o->plan);
	free(o->binary);
	free(container_of(o, struct asked, order));
}

struct order *admin_order(struct client *c, const struct order *what, int64_t patience)
{
	struct asked *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		free(what->question);
		free(what->plan);
		free(what->binary);
		return NULL;
	}
	k->order = *what;
	k->order.conditional = c->conditional;
	k->order.match = c->match;
	k->order.answered = asked_answered;
	k->timer.fn = asked_late;
	if (patience > 0)
		np_timer_set(&k->timer, np_deadline_after(patience));
	order_post(c->admin->p, &k->order);
	np_event_wait(&k->done);
	np_timer_stop(&k->timer);
	if (k->answered)
		return &k->order;
	k->given_up = true;
	return NULL;
}

/* ---- If-Match ---- */

/* The number as it stands in an answer's "generation", bare or quoted as RFC 9110 has it. No list, and nothing weak:
 * there is one generation, and it is this one or it is not. */
static bool read_generation(struct http_span s, uint64_t *out)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = (struct http_span){s.p + 1, s.n - 2};
	*out = 0;
	if (s.n == 0 || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!digit_is_decimal(s.p[i]))
			return false;
		*out = *out * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

bool admin_match_read(struct client *c, struct reply *r)
{
	struct http_span s = c->request.if_match;

	c->conditional = c->request.method == HTTP_POST && s.p != NULL && !http_span_is(s, "*");
	if (!c->conditional || read_generation(s, &c->match))
		return true;
	reply_error(r, 400, "If-Match is neither a generation nor *", "If-Match: 7");
	return false;
}

void admin_match_refuse(const struct client *c, struct reply *r, uint64_t in_force)
{
	char message[100];

	snprintf(message, sizeof(message), "generation %llu is in force, not %llu: nothing was done",
		 (unsigned long long)in_force, (unsigned long long)c->match);
	reply_error(r, 409, message, "look again what there is now; If-Match: * holds in every generation");
}

bool admin_order_stale(const struct client *c, struct reply *r, const struct order *o)
{
	if (o == NULL || o->err != -ESTALE)
		return false;
	admin_match_refuse(c, r, o->generation);
	return true;
}

/* ---- the answers ---- */

const char *admin_order_conflict(const struct order *o)
{
	return o != NULL && o->err == -EBUSY ? "an upgrade is under way: another process may serve in a moment" :
					       "the process starts or ends";
}

/* A refusal keeps the form of every error, and names the problems of the file beside it. */
static void refused_reload(const struct client *c, struct reply *r, const struct order *o)
{
	unsigned status = 422;
	char code[8];
	const char *message = o->why;
	struct json j;

	if (admin_order_stale(c, r, o))
		return;
	if (o->err == -NP_ECANCELED || o->err == -NP_ENOENT || o->err == -EBUSY)
		status = 409;
	if (np_err_remedy(o->err) != NULL) /* the file may be good: it was not read */
		status = 503;
	if (o->err == -NP_ECANCELED)
		message = "an order to stop came first";
	if (o->err == -EBUSY)
		message = admin_order_conflict(o);
	if (o->err == -NP_ENOENT)
		message = "the configuration did not come from a file";

	r->status = status;
	snprintf(code, sizeof(code), "E%03u", status);
	reply_object(r, &j, o->generation);
	json_enter(&j, "error", '{');
	json_str(&j, "code", code);
	json_str(&j, "message", message);
	json_leave(&j, '}');
	json_enter(&j, "problems", '[');
	if (o->problems != NULL && status != 409)
		reply_text(r, o->problems);
	json_leave(&j, ']');
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

/* By a process that ends, or because of another generation. */
static void refused_order(const struct client *c, struct reply *r, const struct order *o)
{
	if (!admin_order_stale(c, r, o))
		reply_error(r, 409, admin_order_conflict(o), NULL);
}

/* The control thread works through a load; the order is done all the same. */
static void no_answer(struct reply *r)
{
	reply_error(r, 503, "the control thread does not answer", NULL);
}

/* Waits without a bound: a load that takes minutes is a load that goes on. */
void admin_reload(struct client *c, struct reply *r)
{
	struct order *o = admin_order(c, &(struct order){.kind = ORDER_RELOAD}, 0);
	struct json j;

	if (o == NULL) {
		no_answer(r);
		return;
	}
	if (o->err != 0) {
		refused_reload(c, r, o);
	} else {
		reply_object(r, &j, o->generation);
		json_bool(&j, "restart_needed", o->restart);
		json_str(&j, "changes", o->changes[0] != '\0' ? o->changes : NULL);
		json_leave(&j, '}');
		text_char(&r->body, '\n');
	}
	admin_order_free(o);
}

void admin_logs(struct client *c, struct reply *r)
{
	struct order *o = admin_order(c, &(struct order){.kind = ORDER_LOGS}, 0);
	struct json j;

	if (o == NULL || o->err != 0) {
		refused_order(c, r, o);
	} else {
		reply_object(r, &j, o->generation);
		json_leave(&j, '}');
		text_char(&r->body, '\n');
	}
	admin_order_free(o);
}

/* A number of ms in the query; *ns is -1 where there is none.   Returns  false: it is no number. */
static bool query_ms(const struct http_request *q, const char *name, int64_t *ns)
{
	char text[16];
	ssize_t n = http_query_get(q, name, text, sizeof(text));
	int64_t ms = 0;

	*ns = -1;
	if (n == -NP_ENOENT)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		if (!digit_is_decimal(text[i]) || i == 12)
			return false;
		ms = ms * 10 + (text[i] - '0');
	}
	*ns = ms * NP_MS;
	return n > 0 && ms <= 7 * 24 * 3600 * INT64_C(1000);
}

/* Waits for the end of the drain: the answer says whether it had to cut. */
void admin_drain(struct client *c, struct reply *r)
{
	struct order what = {.kind = ORDER_DRAIN}, *o;
	struct json j;

	if (!query_ms(&c->request, "delay_ms", &what.delay) || !query_ms(&c->request, "timeout_ms", &what.timeout)) {
		reply_error(r, 400, "delay_ms and timeout_ms are numbers of ms, a week at most", NULL);
		return;
	}
	o = admin_order(c, &what, 0);
	if (o == NULL || o->err != 0) {
		refused_order(c, r, o);
	} else {
		reply_object(r, &j, o->generation);
		json_bool(&j, "cut", o->cut);
		json_leave(&j, '}');
		text_char(&r->body, '\n');
	}
	c->close = true;
	admin_order_free(o);
}
