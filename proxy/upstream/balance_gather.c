/* One loop over members that stand side by side, with a bound: how good must one be? The tiers in turn, each first with
 * GRADE_YES, then with GRADE_SPARE; and when all have been asked in vain, in turn with GRADE_OUT. A member that is good
 * enough and full makes the refusal -NP_EAGAIN, for waiting helps then. */
#include "proxy/upstream/balance_gather.h"

#include "netpoll/err.h"
#include "proxy/upstream/balance_hash.h"
#include "proxy/upstream/slow_start.h"

/* ---- the walk over tiers ---- */

static enum standing member_standing(const struct member *m, const struct pick_args *a, enum grade least)
{
	if (m->grade < least)
		return STANDING_HELD;
	if (balance_was_tried(a, m->server))
		return STANDING_TRIED;
	if (m->most != 0 && server_active(m->server) >= m->most)
		return STANDING_FULL;
	return STANDING_USABLE;
}

/* Members side by side, of at least that grade.   Returns  whether one of them is only full. */
static bool gather_range(const struct upstream *u, const struct pick_args *a, struct tier range, enum grade least,
			 struct pool *p)
{
	bool full = false;

	for (unsigned i = range.first; i < range.end; i++) {
		struct member *m = &u->members->at[i];
		enum standing standing = member_standing(m, a, least);

		if (standing == STANDING_USABLE)
			p->at[p->n++] = m;
		full |= standing == STANDING_FULL;
	}
	return full;
}

/* Nobody else is left, since the others went after it was left out: one that only its failures hold out is better than
 * none. */
static bool gather_out(const struct upstream *u, const struct pick_args *a, struct pool *p)
{
	bool full = false;

	for (unsigned t = 0; u->live->out > 0 && p->n == 0 && t < u->members->ntiers; t++)
		full |= gather_range(u, a, u->members->tiers[t], GRADE_OUT, p);
	return full;
}

/* Tier by tier; weak ones together with those that join them. Spare members are taken where a tier has no other, and
 * before the next tier. */
static void walk_tiers(const struct upstream *u, const struct pick_args *a, struct pool *p)
{
	const struct members *all = u->members;
	enum grade best = all->panics ? GRADE_SICK : GRADE_YES;
	struct tier range = {0};
	bool full = false;

	p->n = 0;
	for (unsigned t = 0; p->n == 0 && t < all->ntiers; t++) {
		while (t + 1 < all->ntiers && all->tiers[t].weak)
			t++;
		range.first = range.end;
		range.end = all->tiers[t].end;
		full |= gather_range(u, a, range, best, p);
		if (p->n == 0)
			full |= gather_range(u, a, range, GRADE_SPARE, p);
	}
	if (p->n == 0 && !full)
		full = gather_out(u, a, p);
	p->err = full ? -NP_EAGAIN : -NP_ENOENT;
}

/* ---- what the words of servers say ---- */

void balance_forget_credits(const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		u->members->at[i].server->credit = 0;
}

/* Another word of its server.   Returns  whether its weight is another one, too. */
static bool adopt_word(const struct upstream *u, struct member *m, uint64_t word)
{
	uint32_t before = server_weight(m->seen, m->weight), weight = server_weight(word, m->weight);

	m->grade = (uint8_t)server_grade(u->passive.on ? word : server_word_passive(word, SERVER_IN), m->weight);
	m->share = weight * u->unit;
	m->ramps = false;
	m->most = server_most(word, m->max_connections);
	m->seen = word;
	return weight != before;
}

/* A weight that has changed begins a new round: debts of the old weights would be paid in a burst of picks. One that is
 * only left out for a time keeps its credit. */
static void adopt_words(const struct upstream *u)
{
	bool reweighed = false;

	for (unsigned i = 0; i < u->members->n; i++) {
		struct member *m = &u->members->at[i];
		uint64_t word = server_now(m->server);

		if (word != m->seen)
			reweighed |= adopt_word(u, m, word);
	}
	if (reweighed)
		balance_forget_credits(u);
}

/* Sums of configured weights, but for that of the whole round. Too little of a tier, or of all tiers together? */
static void weigh_tiers(const struct upstream *u)
{
	struct members *all = u->members;
	uint64_t allowed = 0, usable = 0;

	all->weight = 0;
	for (unsigned t = 0; t < all->ntiers; t++) {
		struct tier *tier = &all->tiers[t];
		uint64_t before = usable;

		for (unsigned i = tier->first; i < tier->end; i++) {
			const struct member *m = &all->at[i];

			allowed += m->grade > GRADE_NO ? m->weight : 0;
			usable += m->grade == GRADE_YES ? m->weight : 0;
			all->weight += server_weight(m->seen, m->weight);
		}
		tier->weak = (usable - before) * 100 < tier->weight * u->failover_below;
	}
	all->panics = usable * 100 < allowed * u->panic;
}

/* What hangs on the clock, or on how many connections there are, is another at each pick. */
static bool may_keep(const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		if (u->members->at[i].most != 0)
			return false;
	return u->slow_start == 0 && u->max_load == 0;
}

static void keep_ready(const struct upstream *u)
{
	const struct pick_args nobody_tried = {0};

	u->members->ready.n = 0;
	if (may_keep(u))
		walk_tiers(u, &nobody_tried, &u->members->ready);
}

void balance_renew(const struct upstream *u, uint64_t changes)
{
	u->members->changes = changes;
	adopt_words(u);
	weigh_tiers(u);
	keep_ready(u);
}

/* ---- for the pick, and for who asks what it would do ---- */

enum standing balance_standing(const struct upstream *u, const struct member *m, const struct pick_args *a,
			       enum grade least)
{
	balance_note_changes(u);
	return member_standing(m, a, least);
}

const struct pool *balance_gather_anew(const struct upstream *u, const struct pick_args *a)
{
	struct pool *p = &u->members->scratch;

	if (u->slow_start != 0)
		slow_start_ramp(u, a->now);
	walk_tiers(u, a, p);
	if (u->slow_start != 0 && u->balance == BALANCE_LEAST_CONN)
		slow_start_thin(a, p);
	if (u->max_load != 0 && a->hash != 0)
		balance_bound_load(u, p);
	return p;
}
