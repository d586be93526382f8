/* check_verdict: the word, and who is told. */
#include "proxy/health/check_verdict.h"

#include "proxy/base/probe.h"
#include "proxy/health/check_run.h"
#include "proxy/log/event.h"
#include "proxy/upstream/server.h"

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

/* Of an upstream. */
struct left {
	unsigned usable; /* yes */
	unsigned some;   /* yes, or where no other is left */
	unsigned of;
};

/* A walk over the upstream's servers, at a change alone. Words may change meanwhile: it is for people. */
static struct left count_left(const struct inventory *inv, const struct inventory_upstream *u)
{
	struct left l = {0};

	for (unsigned i = u->first; i < u->first + u->n; i++) {
		const struct inventory_server *s = &inv->servers[i];
		enum usable usable;

		if (!s->listed)
			continue;
		usable = server_usable(server_now(s->server), s->weight, NULL);
		l.of++;
		l.usable += usable == USABLE_YES;
		l.some += usable != USABLE_NO;
	}
	return l;
}

static const char *check_word(enum server_check c)
{
	static const char *const words[] = {
		[SERVER_CHECK_NONE] = "none",
		[SERVER_CHECK_UP] = "up",
		[SERVER_CHECK_UNKNOWN] = "unknown",
		[SERVER_CHECK_DOWN] = "down",
	};

	return words[c];
}

static struct event *begin_verdict(const struct server *s, const struct check_change *c,
				   const struct server_check_last *last, const struct left *l)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", s->live->name);
	event_fact(e, "server", s->text);
	event_fact(e, "from", check_word(c->from));
	event_fact(e, "to", check_word(c->to));
	event_fact(e, "result", check_result_word(last->result));
	event_fact(e, "detail", last->detail);
	event_fact(e, "errno", last->err != 0 ? np_err_name(last->err) : NULL);
	event_number(e, "was_ms", c->was / NP_MS);
	event_number(e, "usable", l->usable);
	event_number(e, "servers", l->of);
	return e;
}

/* NULL: the result's sentence says all. */
static const char *said_why(const struct server_check_last *last)
{
	if (last->detail != NULL)
		return last->detail;
	return last->err != 0 ? np_err_text(last->err) : NULL;
}

static void tell_change(const struct server *s, const struct check_change *c, const struct server_check_last *last,
			const struct left *l)
{
	struct event *e = begin_verdict(s, c, last, l);
	double was = (double)c->was / NP_S;
	const char *why = said_why(last);

	if (c->to == SERVER_CHECK_DOWN)
		event_log(e, LVL_WARNING, "server_down",
			  "server %s is down: %s%s%s; it was %s for %.1f s; %u of %u usable", s->name,
			  check_result_sentence(last->result), why != NULL ? ": " : "", why != NULL ? why : "",
			  check_word(c->from), was, l->usable, l->of);
	else
		event_log(e, c->from == SERVER_CHECK_UNKNOWN ? LVL_INFO : LVL_NOTICE, "server_up",
			  "server %s is up: its check is good; it was %s for %.1f s; %u of %u usable", s->name,
			  check_word(c->from), was, l->usable, l->of);
}

/* The last one gone, or the first one back: for clients that is more than one server. */
static void tell_upstream(const struct server *s, unsigned before, const struct left *l)
{
	struct event *e;

	if ((before == 0) == (l->some == 0))
		return;
	e = event_begin();
	event_fact(e, "upstream", s->live->name);
	event_number(e, "servers", l->of);
	if (l->some == 0)
		event_log(e, LVL_WARNING, "upstream_down", "upstream %s has no usable server any more, of %u",
			  s->live->name, l->of);
	else
		event_log(e, LVL_WARNING, "upstream_up", "upstream %s has a usable server again, of %u", s->live->name,
			  l->of);
}

/* ---- a verdict ---- */

void verdict_is(const struct inventory *inv, const struct inventory_upstream *u, struct server *s,
		const struct check_change *change, const struct server_check_last *last)
{
	unsigned before;
	struct left left;

	if (change->from == change->to)
		return;
	before = count_left(inv, u).some;
	set_word(s, change->to, last->at);
	left = count_left(inv, u);
	PROBE(server_state, s->name, check_word(change->to));
	tell_change(s, change, last, &left);
	tell_upstream(s, before, &left);
}

static void tell_in_by_check(const struct server *s, const struct passive_change *c, const struct left *l)
{
	struct event *e = event_begin();

	event_fact(e, "upstream", s->live->name);
	event_fact(e, "server", s->text);
	event_number(e, "was_out_ms", c->was / NP_MS);
	event_number(e, "usable", l->usable);
	event_number(e, "servers", l->of);
	event_log(e, LVL_NOTICE, "server_in", "server %s is in again after %.1f s: its check is good; %u of %u usable",
		  s->name, (double)c->was / NP_S, l->usable, l->of);
}

/* Mostly there is nothing to be over: a load. */
void verdict_good(const struct inventory *inv, const struct inventory_upstream *u, struct server *s, int64_t began)
{
	struct passive_change change;
	struct left left;

	if (passive_is_clean(&s->passive))
		return;
	change = passive_checked(s, u->check->kind != CHECK_KIND_TCP, began, np_nanotime());
	if (change.from == change.to)
		return;
	left = count_left(inv, u);
	PROBE(server_state, s->name, "in");
	tell_in_by_check(s, &change, &left);
}

/* ---- an agent ---- */

static const char *agent_word(enum server_agent a)
{
	static const char *const words[] = {
		[SERVER_AGENT_READY] = "ready",
		[SERVER_AGENT_DRAIN] = "drain",
		[SERVER_AGENT_DOWN] = "down",
	};

	return words[a];
}

/* The line is foreign: the log and the event escape it. */
static void tell_agent(const struct server *s, const struct server_inputs *in, const struct left *l)
{
	struct event *e = event_begin();
	char line[SERVER_AGENT_LINE];

	server_agent_line(s, line);
	event_fact(e, "upstream", s->live->name);
	event_fact(e, "server", s->text);
	event_fact(e, "state", agent_word(in->agent));
	event_fact(e, "said", line);
	event_number(e, "weight", in->agent_weight >= 0 ? in->agent_weight : 100);
	event_number(e, "max_connections", in->agent_most);
	event_number(e, "usable", l->usable);
	event_number(e, "servers", l->of);
	event_log(e, LVL_NOTICE, "server_agent", "the agent of server %s says \"%s\"; %u of %u usable", s->name, line,
		  l->usable, l->of);
}

static void tell_agent_lost(const struct server *s, const struct server_check_last *last, const struct left *l)
{
	struct event *e = event_begin();
	const char *why = said_why(last);

	event_fact(e, "upstream", s->live->name);
	event_fact(e, "server", s->text);
	event_fact(e, "result", check_result_word(last->result));
	event_fact(e, "errno", last->err != 0 ? np_err_name(last->err) : NULL);
	event_number(e, "usable", l->usable);
	event_number(e, "servers", l->of);
	event_log(e, LVL_WARNING, "server_agent_lost",
		  "the agent of server %s is not heard: %s%s%s; what it said is forgotten; %u of %u usable", s->name,
		  check_result_sentence(last->result), why != NULL ? ": " : "", why != NULL ? why : "", l->usable,
		  l->of);
}

/* Mostly it repeats itself: a load of the word, and no walk over the others. */
void verdict_agent(const struct check_run *r, const struct server_inputs *in, const struct check_change *change)
{
	struct server *s = r->server;
	bool lost = change->from != change->to && change->to == SERVER_CHECK_DOWN;
	bool found = change->from == SERVER_CHECK_DOWN && change->to == SERVER_CHECK_UP, changed;
	uint64_t word = server_now(s);
	unsigned before;
	struct left left;

	if (!lost && !found && server_word_agent(word, in) == word)
		return;
	before = count_left(r->inv, r->upstream).some;
	changed = server_set_agent(s, in);
	left = count_left(r->inv, r->upstream);
	PROBE(server_state, s->name, agent_word(in->agent));
	if (lost)
		tell_agent_lost(s, &r->result, &left);
	else if (changed || found)
		tell_agent(s, in, &left);
	tell_upstream(s, before, &left);
}
