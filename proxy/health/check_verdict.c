/* check_verdict: the word, and who is told. */
#include "proxy/health/check_verdict.h"

#include "proxy/base/probe.h"
#include "proxy/health/check_run.h"
#include "proxy/policy/server_event.h"
#include "proxy/policy/usable.h"

/* ---- the word ---- */

/* Every change of the word by a check comes through here. Who waits for a server of its upstream is woken by it
 * (server_set_check). */
static void set_word(struct server *s, enum server_check to, int64_t since)
{
	__atomic_store_n(&s->checked.since, since, __ATOMIC_RELAXED);
	(void)server_set_check(s, to);
}

void verdict_begins(struct server *s, enum server_check verdict, int64_t since)
{
	set_word(s, verdict, since);
}

void verdict_none(struct server *s)
{
	set_word(s, SERVER_CHECK_NONE, 0);
}

/* ---- the log ---- */

/* How many servers may be taken, also where no other is left. Words may change meanwhile: it is for people. */
static unsigned usable_some(const struct inventory *inv, const struct inventory_upstream *u)
{
	const struct usable_count n = usable_count(inv, u);

	return n.usable + n.spare;
}

static struct event *begin_verdict(const struct server *s, const struct check_change *c,
				   const struct server_check_last *last, const struct usable_count *l)
{
	struct event *e = server_event_begin(s);

	event_fact(e, "from", server_check_text(c->from));
	event_fact(e, "to", server_check_text(c->to));
	event_fact(e, "result", check_result_word(last->result));
	event_fact(e, "detail", last->detail);
	event_fact(e, "errno", last->err != 0 ? np_err_name(last->err) : NULL);
	event_number(e, "was_ms", c->was / NP_MS);
	server_event_left(e, l->usable, l->servers);
	return e;
}

/* NULL: the result's sentence says all. Of a refused connect the error says the same once more. */
static const char *said_why(const struct server_check_last *last)
{
	bool known = last->result == CHECK_REFUSED || last->result == CHECK_RESET || last->result == CHECK_TIMEOUT;

	if (last->detail != NULL)
		return last->detail;
	return last->err != 0 && !known ? np_err_text(last->err) : NULL;
}

/* The first verdict on a server: nothing has changed, for nobody has known how it is. Those that are well are not worth
 * a notice. */
static void tell_first(const struct server *s, const struct check_change *c, const struct server_check_last *last,
		       const struct usable_count *l)
{
	struct event *e = begin_verdict(s, c, last, l);
	const char *why = said_why(last);

	if (c->to == SERVER_CHECK_UP)
		event_log(e, LVL_INFO, "server_up", "server %s is up: its first check is good; %u of %u usable",
			  s->name, l->usable, l->servers);
	else
		event_log(e, LVL_WARNING, "server_not_up",
			  "server %s is not up: its first check: %s%s%s; %u of %u usable", s->name,
			  check_result_sentence(last->result), why != NULL ? ": " : "", why != NULL ? why : "",
			  l->usable, l->servers);
}

static void tell_change(const struct server *s, const struct check_change *c, const struct server_check_last *last,
			const struct usable_count *l)
{
	struct event *e = begin_verdict(s, c, last, l);
	double was = (double)c->was / NP_S;
	const char *why = said_why(last);

	if (c->to == SERVER_CHECK_DOWN)
		event_log(e, LVL_WARNING, "server_down",
			  "server %s is down: %s%s%s; it was %s for %.1f s; %u of %u usable", s->name,
			  check_result_sentence(last->result), why != NULL ? ": " : "", why != NULL ? why : "",
			  server_check_text(c->from), was, l->usable, l->servers);
	else
		event_log(e, LVL_NOTICE, "server_up",
			  "server %s is up: its check is good; it was %s for %.1f s; %u of %u usable", s->name,
			  server_check_text(c->from), was, l->usable, l->servers);
}

/* The last one gone, or the first one back: for clients that is more than one server. `first`: there was none before,
 * but nobody knew. */
static void tell_upstream(const struct server *s, unsigned before, bool first, const struct usable_count *l)
{
	struct event *e;

	if ((before == 0) == (l->usable + l->spare == 0))
		return;
	e = event_begin();
	event_fact(e, "upstream", s->live->name);
	event_number(e, "servers", l->servers);
	if (l->usable + l->spare == 0)
		event_log(e, LVL_WARNING, "upstream_down", "upstream %s has no usable server%s, of %u", s->live->name,
			  first ? "" : " any more", l->servers);
	else
		event_log(e, LVL_NOTICE, "upstream_up", "upstream %s has a usable server again, of %u", s->live->name,
			  l->servers);
}

/* ---- a verdict ---- */

void verdict_is(const struct inventory *inv, const struct inventory_upstream *u, struct server *s,
		const struct check_change *change, const struct server_check_last *last)
{
	bool first = change->from == SERVER_CHECK_UNKNOWN;
	unsigned before;
	struct usable_count left;

	if (change->from == change->to)
		return;
	before = usable_some(inv, u);
	set_word(s, change->to, last->at);
	left = usable_count(inv, u);
	PROBE(server_state, s->name, server_check_text(change->to));
	(first ? tell_first : tell_change)(s, change, last, &left);
	tell_upstream(s, before, first, &left);
}

static void tell_in_by_check(const struct server *s, const struct passive_change *c, const struct usable_count *l)
{
	struct event *e = server_event_begin(s);

	event_number(e, "was_out_ms", c->was / NP_MS);
	server_event_left(e, l->usable, l->servers);
	event_log(e, LVL_NOTICE, "server_in", "server %s is in again after %.1f s: its check is good; %u of %u usable",
		  s->name, (double)c->was / NP_S, l->usable, l->servers);
}

/* Mostly there is nothing to be over: a load. */
void verdict_good(const struct inventory *inv, const struct inventory_upstream *u, struct server *s, int64_t began)
{
	struct passive_change change;
	struct usable_count left;

	if (passive_is_clean(&s->passive))
		return;
	change = passive_checked(s, u->check->kind != CHECK_KIND_TCP, began, np_nanotime());
	if (change.from == change.to)
		return;
	left = usable_count(inv, u);
	PROBE(server_state, s->name, "in");
	tell_in_by_check(s, &change, &left);
}

/* ---- an agent ---- */

/* The line is foreign: the log and the event escape it. */
static void tell_agent(const struct server *s, const struct server_inputs *in, const struct usable_count *l)
{
	struct event *e = server_event_begin(s);
	char line[SERVER_AGENT_LINE];

	server_agent_line(s, line);
	event_fact(e, "state", server_agent_text(in->agent));
	event_fact(e, "said", line);
	event_number(e, "weight", in->agent_weight >= 0 ? in->agent_weight : 100);
	event_number(e, "max_connections", in->agent_most);
	server_event_left(e, l->usable, l->servers);
	event_log(e, LVL_NOTICE, "server_agent", "the agent of server %s says \"%s\"; %u of %u usable", s->name, line,
		  l->usable, l->servers);
}

static void tell_agent_lost(const struct server *s, const struct server_check_last *last, const struct usable_count *l)
{
	struct event *e = server_event_begin(s);
	const char *why = said_why(last);

	event_fact(e, "result", check_result_word(last->result));
	event_fact(e, "errno", last->err != 0 ? np_err_name(last->err) : NULL);
	server_event_left(e, l->usable, l->servers);
	event_log(e, LVL_WARNING, "server_agent_lost",
		  "the agent of server %s is not heard: %s%s%s; what it said is forgotten; %u of %u usable", s->name,
		  check_result_sentence(last->result), why != NULL ? ": " : "", why != NULL ? why : "", l->usable,
		  l->servers);
}

/* Mostly it repeats itself: a load of the word, and no walk over the others. */
void verdict_agent(const struct check_run *r, const struct server_inputs *in, const struct check_change *change)
{
	struct server *s = r->server;
	bool lost = change->from != change->to && change->to == SERVER_CHECK_DOWN;
	bool found = change->from == SERVER_CHECK_DOWN && change->to == SERVER_CHECK_UP, changed;
	uint64_t word = server_now(s);
	unsigned before;
	struct usable_count left;

	if (!lost && !found && server_word_agent(word, in) == word)
		return;
	before = usable_some(r->inv, r->upstream);
	changed = server_set_agent(s, in);
	left = usable_count(r->inv, r->upstream);
	PROBE(server_state, s->name, server_agent_text(in->agent));
	if (lost)
		tell_agent_lost(s, &r->result, &left);
	else if (changed || found)
		tell_agent(s, in, &left);
	tell_upstream(s, before, false, &left);
}
