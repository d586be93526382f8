/* checks: timers, places, and who has gone. */
#include "proxy/health/checks.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/health/agent.h"
#include "proxy/health/check_run.h"
#include "proxy/health/check_verdict.h"
#include "proxy/upstream/server.h"

static void on_due(struct np_timer *t);

void checks_init(struct checks *c, struct inventory_reader *reader, unsigned places)
{
	list_init(&c->all);
	for (unsigned i = 0; i < 4; i++)
		list_init(&c->waiting[i / 2][i % 2]);
	list_init(&c->running);
	list_init(&c->pulse.users);
	c->reader = reader;
	c->places = places > 2 ? places : 2;
	c->lots = (uint64_t)np_nanotime() | 1;
}

/* 16 bits of a multiplicative generator: the jitter needs no better lot. */
static unsigned draw(struct checks *c)
{
	c->lots = c->lots * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(c->lots >> 48);
}

/* Is it checked? The memory of one that is not stays with its server, for the next inventory may have it again. */
static bool is_listed(const struct check *c)
{
	return !list_empty(&c->link);
}

/* ---- one check after the other ---- */

/* How many results in a row change the verdict; without one, or one of another check, the next decides. */
static unsigned needed(const struct check *c)
{
	const struct check_rules *rules = &check_plan_now(c)->rules;

	if (c->state.open)
		return 1;
	return c->state.verdict == SERVER_CHECK_DOWN ? rules->rise : rules->fall;
}

/* Whatever changes the row or the time of the next check comes through here, so what is shown is that. One under way
 * sets the next one's time at its end. */
static void set_timer(struct check *c)
{
	struct server_check_row row = {.against = c->state.against, .needed = needed(c)};

	if (!c->agent)
		server_checked_next(&c->server->checked, row, c->state.due);
	if (!c->all->stopping && !c->running)
		np_timer_set(&c->timer, c->state.due);
}

/* It could not even begin: nothing is proven. */
static void put_off(struct check *c, int64_t now)
{
	const struct check_outcome o = {.began = now, .now = now, .lot = draw(c->all)};
	const struct server_check_last none = {.result = CHECK_LOCAL, .err = -NP_ENOMEM, .at = now};

	server_checked_note(c->agent ? &c->server->agent_heard.contacts : &c->server->checked, &none);
	(void)check_state_result(&c->state, &check_plan_now(c)->rules, &o);
	set_timer(c);
}

/* Whose places its check takes. */
static unsigned half_of(const struct check *c)
{
	return c->state.verdict == SERVER_CHECK_DOWN;
}

static bool has_place(const struct checks *all, unsigned half)
{
	return all->used[0] + all->used[1] < all->places && (half == 0 || all->used[1] < all->places / 2);
}

/* The half is chosen by what is known now. */
static void begin(struct check *c)
{
	struct checks *all = c->all;
	struct inventory *inv = all->reader->current;
	int64_t now = np_nanotime();

	if (check_run_start(all, c, inv, now) != 0) {
		put_off(c, now);
		return;
	}
	c->running = true;
	c->half = half_of(c);
	all->used[c->half]++;
}

/* On the loop: where no place is left it waits, first come, first served among its like. */
static void on_due(struct np_timer *t)
{
	struct check *c = container_of(t, struct check, timer);
	struct checks *all = c->all;
	unsigned half = half_of(c);

	if (has_place(all, half))
		begin(c);
	else
		list_push_back(&all->waiting[half][c->state.against > 0], &c->waiting);
}

/* Whose turn it is; NULL: nobody's. Those that are down come first, since they leave half of the places to the others,
 * who may have taken all of them. */
static struct check *next_waiting(struct checks *all)
{
	for (unsigned i = 4; i-- > 0;) {
		struct list *waiting = &all->waiting[i / 2][i % 2];

		if (has_place(all, i / 2) && !list_empty(waiting))
			return list_entry(waiting->next, struct check, waiting);
	}
	return NULL;
}

static void give_places(struct checks *all)
{
	struct check *c;

	while (!all->stopping && (c = next_waiting(all)) != NULL) {
		list_remove(&c->waiting);
		begin(c);
	}
}

/* The first run of each counts, whatever came of it. */
static void note_tried(struct check *c)
{
	if (c->tried)
		return;
	c->tried = true;
	__atomic_store_n(&c->all->untried, c->all->untried - 1, __ATOMIC_RELEASE);
}

static void take_outcome(struct check *c, const struct check_run *r, const struct check_outcome *o)
{
	struct check_change change = check_state_result(&c->state, &check_plan_now(c)->rules, o);

	if (c->agent) {
		server_checked_note(&r->server->agent_heard.contacts, &r->result);
		agent_outcome(c, r, &change);
		return;
	}
	note_tried(c);
	server_checked_note(&r->server->checked, &r->result);
	if (o->good)
		verdict_good(r->inv, r->upstream, r->server, r->began);
	verdict_is(r->inv, r->upstream, r->server, &change, &r->result);
	if (change.from != change.to && r->upstream->closes_down && c->all->tell != NULL)
		c->all->tell(c->all, r->server, change.to == SERVER_CHECK_DOWN);
}

/* What is checked no more, or in another way by now, has no use for the result. */
void checks_ended(struct checks *all, struct check_run *r, const struct check_outcome *o)
{
	struct check *c = r->check;
	struct check_outcome with_lot = *o;

	with_lot.lot = draw(all);
	c->running = false;
	all->used[c->half]--;
	list_remove(&r->link);
	if (is_listed(c)) {
		if (c->same == r->plan->same && !all->stopping)
			take_outcome(c, r, &with_lot);
		set_timer(c);
	}
	inventory_drop(r->inv);
	give_places(all);
	free(r->answer);
	free(r);
}

/* ---- who is checked ---- */

/* Returns NULL: no memory; then it is as a server without a check, or without an agent. */
static struct check *check_of(struct checks *all, struct server *s, bool agent)
{
	struct check **at = agent ? &s->agent : &s->check, *c = *at;

	if (c != NULL)
		return c;
	c = *at = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	list_init(&c->link);
	list_init(&c->waiting);
	c->all = all;
	c->server = s;
	c->agent = agent;
	c->timer.fn = on_due;
	return c;
}

/* Returns whether its checks begin, or begin anew. A verdict of other checks stays until the first result of these; one
 * that was not looked after for a while is none. */
static bool take_up(struct checks *all, const struct inventory_upstream *u, struct server *s, bool agent)
{
	struct check *c = check_of(all, s, agent);

	if (c == NULL)
		return false;
	c->upstream = u;
	c->mark = all->mark;
	c->fresh = !is_listed(c) || c->same != check_plan_now(c)->same;
	c->same = check_plan_now(c)->same;
	if (is_listed(c))
		return c->fresh;
	c->state = (struct check_state){0};
	c->tried = agent;
	agent_forget(&c->said);
	if (!agent)
		__atomic_store_n(&all->untried, all->untried + 1, __ATOMIC_RELEASE);
	list_push_back(&all->all, &c->link);
	return true;
}

/* Forgotten: its timer, its turn and its verdict, or what it said. */
static void leave_out(struct check *c)
{
	np_timer_stop(&c->timer);
	list_remove(&c->waiting);
	list_remove(&c->link);
	note_tried(c);
	if (c->agent)
		agent_none(c);
	else
		verdict_none(c->server);
}

/* What is not fresh keeps its time, unless the interval has become shorter than that. */
static void schedule(struct check *c, struct check_place *place, int64_t now)
{
	int64_t latest = now + check_plan_now(c)->rules.interval;

	if (!c->fresh && c->state.due <= latest)
		return;
	c->state.due = latest;
	if (c->fresh) {
		check_state_begin(&c->state, &check_plan_now(c)->rules, *place, now);
		place->nth++;
		if (!c->agent)
			verdict_begins(c->server, c->state.verdict, c->state.since);
	}
	list_remove(&c->waiting);
	set_timer(c);
}

/* An agent stands at a port of the server's machine: beside a Unix socket there is none.
 *   Returns  how many checks begin with it. */
static unsigned take_up_server(struct checks *all, const struct inventory_upstream *u, struct server *s)
{
	unsigned begin = 0;

	if (u->check != NULL)
		begin += take_up(all, u, s, false);
	if (u->agent != NULL && !np_addr_is_unix(&s->addr))
		begin += take_up(all, u, s, true);
	return begin;
}

void checks_sync(struct checks *all, struct inventory *inv)
{
	struct check_place place = {0};
	int64_t now = np_nanotime();

	all->mark++;
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];

		for (unsigned j = u->first; u->listed && j < u->first + u->n; j++)
			if (inv->servers[j].listed)
				place.of += take_up_server(all, u, inv->servers[j].server);
	}
	list_for_each_safe(it, &all->all) {
		struct check *c = list_entry(it, struct check, link);

		if (c->mark != all->mark)
			leave_out(c);
	}
	list_for_each(it, &all->all)
		schedule(list_entry(it, struct check, link), &place, now);
}

/* A run that is under way tells its result as the first one. */
void checks_forget(struct checks *all, const char *server)
{
	list_for_each(it, &all->all) {
		struct check *c = list_entry(it, struct check, link);

		if (c->agent || strcmp(c->server->name, server) != 0)
			continue;
		check_state_forget(&c->state, np_nanotime());
		verdict_begins(c->server, c->state.verdict, c->state.since);
		list_remove(&c->waiting);
		set_timer(c);
		return;
	}
}

void checks_recall(struct checks *all, const char *server, enum server_check verdict, int64_t since)
{
	list_for_each(it, &all->all) {
		struct check *c = list_entry(it, struct check, link);

		if (c->agent || strcmp(c->server->name, server) != 0)
			continue;
		check_state_recall(&c->state, verdict, since);
		verdict_begins(c->server, c->state.verdict, c->state.since);
		return;
	}
}

/* As probes are stopped: a wait whose deadline is over ends by itself. */
void checks_stop(struct checks *c)
{
	c->stopping = true;
	list_for_each(it, &c->all)
		np_timer_stop(&list_entry(it, struct check, link)->timer);
	np_yield(); /* those that have just begun see it, and have no descriptor to wake */
	while (!list_empty(&c->running)) { /* a stage that begins meanwhile sets a deadline of its own */
		list_for_each(it, &c->running)
			np_fd_set_deadline(&list_entry(it, struct check_run, link)->io.fd, 1);
		np_sleep(NP_MS);
	}
}
