/* passive: reports to rows, rows to ejections, ejections to trials. All of it runs under the upstream's lock, reads no
 * clock (who reports says what time it is) and allocates nothing, so the tests step through hours in microseconds. */
#include "proxy/upstream/passive.h"

#include "netpoll/check.h"
#include "proxy/upstream/balance_gather.h"
#include "proxy/upstream/silence.h"
#include "proxy/upstream/upstream.h"
#include "proxy/upstream/waiter.h"

#define UNREACHABLE_TOGETHER INT64_C(1000000000) /* within so much all of a tier: it is this machine */
#define SLOW_LEAST INT64_C(1000000000) /* no connect has worked for so long, or slow ones eject nobody */
#define JITTER_SHARE 10 /* a tenth of the time, both ways */
#define DOUBLINGS_MOST 20

const char *fault_word(enum fault f)
{
	static const char *const words[] = {
#define X(id, word, sentence) [FAULT_##id] = word,
		FAULT_TBL(X)
#undef X
	};

	return words[f];
}

const char *fault_sentence(enum fault f)
{
	static const char *const sentences[] = {
#define X(id, word, sentence) [FAULT_##id] = sentence,
		FAULT_TBL(X)
#undef X
	};

	return sentences[f];
}

const char *passive_word(enum server_passive state)
{
	static const char *const words[] = {
		[SERVER_IN] = "in",
		[SERVER_SPARE] = "spare",
		[SERVER_OUT] = "out",
		[SERVER_TRIAL] = "trial",
	};

	return words[state];
}

struct passive passive_now(const struct server *s)
{
	struct passive now;

	pthread_mutex_lock(&s->live->lock);
	now = s->passive;
	pthread_mutex_unlock(&s->live->lock);
	return now;
}

/* ---- the state, and its copy in the word ---- */

static uint64_t passive_to(uint64_t word, const void *to)
{
	return server_word_passive(word, *(const enum server_passive *)to);
}

static void set_state(struct server *s, enum server_passive to, int64_t now)
{
	struct passive *p = &s->passive;

	s->live->out += (to != SERVER_IN) - (p->state != SERVER_IN);
	p->state = (uint8_t)to;
	p->changed = now;
	(void)server_change_word(s, passive_to, &to);
}

static void set_row(struct passive *p, unsigned row)
{
	__atomic_store_n(&p->row, (uint16_t)row, __ATOMIC_RELAXED);
}

/* k stays: it is lived down by good service alone. */
static void come_in(struct server *s, int64_t now)
{
	set_row(&s->passive, 0);
	s->passive.since = now;
	s->passive.clock_alone = false;
	set_state(s, SERVER_IN, now);
}

/* ---- how many would be left ---- */

/* Of one tier. */
struct census {
	unsigned allowed; /* by the inputs other than passive */
	unsigned in;
};

static bool is_allowed(const struct member *m)
{
	uint64_t word = server_word_passive(server_now(m->server), SERVER_IN);

	return server_usable(word, m->weight, NULL) != USABLE_NO;
}

/* By what the words say now, not by what the members have seen of them: a drain of a moment ago counts. */
static struct census count_tier(const struct upstream *u, unsigned tier)
{
	struct census c = {0};

	for (unsigned i = u->members->tiers[tier].first; i < u->members->tiers[tier].end; i++) {
		const struct member *m = &u->members->at[i];

		if (!is_allowed(m))
			continue;
		c.allowed++;
		c.in += m->server->passive.state == SERVER_IN;
	}
	return c;
}

/* Is a connection sent to that tier, since those before it have nobody, or too little? */
static bool is_reached(const struct upstream *u, unsigned tier)
{
	balance_note_changes(u);
	for (unsigned t = 0; t < tier; t++)
		if (count_tier(u, t).in > 0 && !u->members->tiers[t].weak)
			return false;
	return true;
}

static void count_usable(const struct upstream *u, struct passive_change *c)
{
	c->of = u->members->n;
	c->usable = 0;
	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];

		c->usable += server_usable(server_now(m->server), m->weight, NULL) == USABLE_YES;
	}
}

/* Of a tier half of the servers must stay in, and at least one. How many would stay without s, which is in or not,
 * is compared with that. */
static bool leaves_too_few(const struct census *c, const struct server *s)
{
	unsigned left = c->in - (s->passive.state == SERVER_IN);

	return left * 2 < c->allowed || left == 0;
}

/* A machine without a network fails all dials: that proves nothing against a server. What the others of the tier were
 * charged for it within the same moment is taken back. */
static bool all_unreachable(const struct upstream *u, const struct tier *t, int64_t now)
{
	for (unsigned i = t->first; i < t->end; i++) {
		const struct member *m = &u->members->at[i];
		const struct passive *p = &m->server->passive;

		/* One that is out is not dialled, so nothing is known of it. */
		if (is_allowed(m) && p->state != SERVER_OUT && p->state != SERVER_TRIAL &&
		    (p->unreachable == 0 || now - p->unreachable > UNREACHABLE_TOGETHER))
			return false;
	}
	for (unsigned i = t->first; i < t->end; i++) {
		struct passive *p = &u->members->at[i].server->passive;

		if (p->connects_only)
			set_row(p, p->state != SERVER_IN);
	}
	return true;
}

/* ---- failures ---- */

/* For each `out` served without a failure one ejection is lived down. */
static void live_down(struct passive *p, const struct passive_rules *rules, int64_t now)
{
	int64_t lived = p->since != 0 ? (now - p->since) / rules->out : 0;

	p->k = lived < p->k ? (uint8_t)(p->k - lived) : 0;
}

/* out x 2^k, at most max_out, give or take a tenth, so that servers that failed together do not come back together. */
static int64_t ejection_time(const struct server *s, const struct passive_rules *rules, int64_t now)
{
	int64_t t = rules->out, lot;

	for (unsigned i = 0; i < s->passive.k && t < rules->max_out; i++)
		t *= 2;
	if (t > rules->max_out)
		t = rules->max_out;
	lot = (int64_t)((s->hash ^ (uint64_t)now * UINT64_C(0x9e3779b97f4a7c15)) >> 33 & 0xffff);
	t += t / JITTER_SHARE * (lot * 2 - 0xffff) / 0xffff;
	return t < rules->max_out ? t : rules->max_out;
}

/* From in, from spare or from a trial that failed. The row is at 1 from here on, so that a success is reported. */
static void eject(struct server *s, const struct passive_rules *rules, enum server_passive to, int64_t now,
		  struct passive_change *c)
{
	struct passive *p = &s->passive;

	if (p->state == SERVER_IN)
		p->since = now;
	c->out_for = ejection_time(s, rules, now);
	p->until = p->over = now + c->out_for;
	if (p->k < DOUBLINGS_MOST)
		p->k++;
	relaxed_add(&p->ejections[p->fault], 1);
	p->clock_alone = p->by_probe = p->passed_over = false;
	set_row(p, 1);
	set_state(s, to, now);
}

/* Its service is not as well as its port: the ejection goes on as if there had been no probe, which would let a client
 * in each second. */
static void resume_ejection(struct server *s, enum server_passive to, int64_t now)
{
	struct passive *p = &s->passive;

	p->until = p->over;
	p->clock_alone = true;
	p->by_probe = false;
	set_state(s, to, now);
}

/* Enough failures, or the trial's one. */
static void try_to_eject(const struct upstream *u, struct server *s, const struct census *census,
			 const struct report *r, struct passive_change *c)
{
	struct passive *p = &s->passive;

	enum server_passive to = SERVER_OUT;

	c->capped = leaves_too_few(census, s);
	if (c->capped && p->state == SERVER_IN)
		relaxed_add(&p->capped, 1);
	if (c->capped && p->connects_only)
		to = SERVER_SPARE;
	else if (c->capped && p->state == SERVER_IN)
		to = SERVER_IN;
	if (to == SERVER_IN)
		set_row(p, 0);
	else if (to == SERVER_SPARE && p->state == SERVER_SPARE)
		set_row(p, 1); /* it is as it was: used where no other is left */
	else if (p->state == SERVER_TRIAL && p->by_probe && r->now < p->over)
		resume_ejection(s, to, r->now);
	else
		eject(s, &u->passive, to, r->now, c);
}

/* The next failure of the row that begins with it, or goes on. */
static void extend_row(struct passive *p, const struct passive_rules *rules, const struct report *r)
{
	bool connect = r->fault == FAULT_CONNECT || r->fault == FAULT_SLOW_CONNECT;

	if (p->row == 0 || r->now - p->row_began > rules->within) {
		set_row(p, 0);
		p->row_began = r->now;
		p->connects_only = true;
	}
	p->connects_only &= connect;
	p->fault = (uint8_t)r->fault;
	if (p->state == SERVER_IN)
		p->since = r->now;
	if (p->row < UINT16_MAX)
		set_row(p, p->row + 1U);
}

/* Its verdict is not known: it is due again at once, and nothing else has changed. */
static void lose_trial(const struct upstream *u, struct server *s, const struct member *m, int64_t now)
{
	struct passive *p = &s->passive;
	struct census census = count_tier(u, m->tier);

	p->until = now;
	set_state(s, p->connects_only && leaves_too_few(&census, s) ? SERVER_SPARE : SERVER_OUT, now);
}

/* Is there anything to hold against it? Not what all of a tier cannot do, not against one that nobody is preferred to,
 * and not what becomes of connections to one that is held out anyway: an operator restarts what he has drained. */
static bool is_a_fault(const struct upstream *u, struct server *s, const struct member *m, const struct report *r,
		       const struct census *census)
{
	if (r->unreachable) {
		s->passive.unreachable = r->now;
		if (all_unreachable(u, &u->members->tiers[m->tier], r->now))
			return false;
	}
	return census->allowed >= 2 && is_allowed(m);
}

/* A connect that works ends the row. While it is younger than a second, lost segments of a good path may be all of
 * it. */
static bool may_be_the_path(const struct passive *p, const struct report *r)
{
	return r->fault == FAULT_SLOW_CONNECT && r->now - p->row_began < SLOW_LEAST;
}

/* Silent connections that are long polls. */
static bool may_be_the_clients(const struct upstream *u, struct server *s, const struct member *m,
			       const struct report *r)
{
	if (r->fault != FAULT_SILENT || u->passive.answer != PASSIVE_LEARNT)
		return false;
	return silence_is_chance(u, s, &u->members->tiers[m->tier], r->now);
}

static void judge_failure(const struct upstream *u, struct server *s, const struct member *m, const struct report *r,
			 struct passive_change *c)
{
	struct passive *p = &s->passive;
	struct census census = count_tier(u, m->tier);
	bool chance;

	if (!is_a_fault(u, s, m, r, &census)) {
		if (r->trial)
			lose_trial(u, s, m, r->now);
		return;
	}
	if (p->state == SERVER_IN)
		live_down(p, &u->passive, r->now);
	extend_row(p, &u->passive, r);
	chance = may_be_the_path(p, r) || may_be_the_clients(u, s, m, r);
	if (r->trial || (p->row >= u->passive.failures && !chance))
		try_to_eject(u, s, &census, r, c);
}

/* ---- successes ---- */

/* For a row of failed connects alone a connect that works is enough. */
static void judge_success_of(struct server *s, const struct report *r, bool sole, struct passive_change *c)
{
	struct passive *p = &s->passive;

	if (r->kind == REPORT_CONNECTED && !p->connects_only)
		return;
	c->was = p->state != SERVER_IN ? r->now - p->since : 0;
	if (p->state == SERVER_IN)
		set_row(p, 0);
	else if (r->trial || sole || p->state == SERVER_SPARE)
		come_in(s, r->now);
}

/* May this report change anything? A trial's, while it is one: another may be under way when one has lapsed. Of one
 * that is out only who was sent there since, because nobody else of its tier was in. */
static bool is_heard(const struct passive *p, const struct report *r, bool sole)
{
	if (r->began < p->changed)
		return false;
	if (r->trial)
		return p->state == SERVER_TRIAL;
	return p->state == SERVER_IN || p->state == SERVER_SPARE || (sole && p->state == SERVER_OUT);
}

struct passive_change passive_report(struct upstream *u, struct server *s, const struct report *r)
{
	struct passive_change c = {.fault = r->fault};
	const struct member *m;
	bool sole;

	pthread_mutex_lock(&u->live->lock);
	c.from = c.to = (enum server_passive)s->passive.state;
	m = upstream_member(u, s);
	sole = m != NULL && s->passive.state == SERVER_OUT && count_tier(u, m->tier).in == 0;
	if (m != NULL && is_heard(&s->passive, r, sole)) {
		if (r->kind == REPORT_FAILED)
			judge_failure(u, s, m, r, &c);
		else if (r->kind == REPORT_NOTHING)
			lose_trial(u, s, m, r->now);
		else
			judge_success_of(s, r, sole, &c);
		c.to = (enum server_passive)s->passive.state;
		if (c.to != c.from)
			count_usable(u, &c);
	}
	pthread_mutex_unlock(&u->live->lock);
	if (unlikely(c.to != c.from))
		upstream_wake(u->live, r->now);
	return c;
}

/* ---- trials ---- */

bool passive_due(const struct upstream *u, const struct member *m, int64_t now, bool may_retry)
{
	struct passive *p = &m->server->passive;

	if (p->state == SERVER_IN || now < p->until || !is_allowed(m))
		return false;
	if (p->state == SERVER_SPARE && count_tier(u, m->tier).in == 0)
		return false;
	if (!is_reached(u, m->tier))
		return false; /* nobody is sent to it while a server of a tier before is there */
	if (may_retry || p->passed_over)
		return true;
	p->passed_over = true;
	return false;
}

void passive_begin_trial(struct server *s, int64_t now, int64_t lapses)
{
	s->passive.until = lapses;
	s->passive.passed_over = false;
	set_state(s, SERVER_TRIAL, now);
}

void passive_probed(struct server *s, int64_t now)
{
	struct passive *p = &s->passive;

	pthread_mutex_lock(&s->live->lock);
	if ((p->state == SERVER_OUT || p->state == SERVER_SPARE) && !p->clock_alone && now < p->until) {
		p->until = now;
		p->by_probe = true;
	}
	pthread_mutex_unlock(&s->live->lock);
	upstream_wake(s->live, now);
}

struct passive_change passive_checked(struct server *s, bool speaks, int64_t began, int64_t now)
{
	struct passive *p = &s->passive;
	struct passive_change c = {.from = SERVER_IN};

	pthread_mutex_lock(&s->live->lock);
	c.from = c.to = (enum server_passive)p->state;
	if ((p->state == SERVER_OUT || p->state == SERVER_SPARE) && began >= p->changed &&
	    (speaks || p->connects_only)) {
		c.was = now - p->since;
		come_in(s, now);
		c.to = SERVER_IN;
	}
	pthread_mutex_unlock(&s->live->lock);
	if (c.from != c.to)
		upstream_wake(s->live, now);
	return c;
}

/* Times are of the same clock as in that process. The row is younger than it was: what came before counts as much, and
 * `within` begins anew. What was counted since the start is counted by who adds both processes' numbers. */
void passive_recall(struct server *s, const struct passive *was, int64_t now)
{
	bool tried = was->state == SERVER_TRIAL;
	struct passive *p = &s->passive;

	pthread_mutex_lock(&s->live->lock);
	p->fault = was->fault;
	p->k = was->k;
	p->until = tried ? now : was->until;
	p->over = was->over;
	p->since = was->since;
	p->row_began = now;
	p->connects_only = was->connects_only;
	p->clock_alone = was->clock_alone;
	set_row(p, was->row);
	set_state(s, tried ? SERVER_OUT : (enum server_passive)was->state, now);
	pthread_mutex_unlock(&s->live->lock);
}

enum server_passive passive_forget(struct server *s, int64_t now)
{
	enum server_passive before;

	pthread_mutex_lock(&s->live->lock);
	before = (enum server_passive)s->passive.state;
	s->passive.k = 0;
	come_in(s, now);
	pthread_mutex_unlock(&s->live->lock);
	upstream_wake(s->live, now);
	return before;
}
