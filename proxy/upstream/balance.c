/* The pick: which server gets the next connection. One function per algorithm, behind one table.
 *
 *   gather the members that may take it -> choose one -> take its slot -> note it for round robin
 *   '----------- balance_gather -------'  balance_choose: both also for who only asks
 *
 * Gathering is one loop over members that stand side by side, with a bound: how good must one be? The tiers in turn,
 * each first with GRADE_YES, then with GRADE_SPARE; and when all have been asked in vain, in turn with GRADE_OUT. A
 * member that is good enough and full makes the refusal -NP_EAGAIN, for waiting helps then.
 *
 * Choosing only reads. The credits of round robin are written after the slot is taken, so a pick
 * that fails leaves no trace. Loads and scores are compared for their weight by multiplying
 * crosswise: no division, no rounding. All of it runs under the upstream's lock. */
#include "proxy/upstream/balance.h"

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/upstream/balance_hash.h"
#include "proxy/upstream/maglev.h"
#include "proxy/upstream/slow_start.h"
#include "proxy/upstream/waiter.h"

#define TRIAL_MARGIN (1000 * INT64_C(1000000)) /* beside the times that a connect and an answer may take */

struct algorithm {
	/* never NULL; p->n > 0 */
	struct member *(*choose)(struct pool *p, const struct pick_args *a);
	bool rotates; /* it reads credits, so each pick must move them; it leaves the pool whole */
};

/* By this connection, in vain. A handful at most, so a list is quicker than a set. */
static bool was_tried(const struct pick_args *a, const struct server *s)
{
	for (unsigned i = 0; i < a->ntried; i++) {
		if (a->tried[i] == s)
			return true;
	}
	return false;
}

/* Also of members that are left out now: they come back without a debt. */
static void forget_credits(const struct upstream *u)
{
	for (unsigned i = 0; i < u->members->n; i++)
		u->members->at[i].server->credit = 0;
}

static void count_in_tier(struct tier *t, const struct member *m, int sign)
{
	t->usable += m->grade == GRADE_YES ? (uint64_t)(sign * (int64_t)m->weight) : 0;
	t->allowed += m->grade > GRADE_NO ? (uint64_t)(sign * (int64_t)m->weight) : 0;
}

/* The server's word has changed. A weight that has changed begins a new round: debts of the old weights would be paid
 * in a burst of picks. One that is only left out for a time keeps its credit. */
static no_inline void adopt_word(const struct upstream *u, struct member *m, uint64_t word)
{
	uint32_t before = server_weight(m->seen, m->weight), weight = server_weight(word, m->weight);
	struct tier *t = &u->members->tiers[m->tier];

	count_in_tier(t, m, -1);
	m->grade = (uint8_t)server_grade(u->passive.on ? word : server_word_passive(word, SERVER_IN), m->weight);
	count_in_tier(t, m, 1);
	m->share = weight * u->unit;
	m->ramps = false;
	m->most = server_most(word, m->max_connections);
	m->seen = word;
	if (weight == before)
		return;
	u->members->weight += (int64_t)weight - before;
	forget_credits(u);
}

/* In line for the pick, which asks it of each member. */
static inline enum standing member_standing(const struct upstream *u, struct member *m, const struct pick_args *a,
					    enum grade least)
{
	uint64_t word = server_now(m->server);

	if (unlikely(word != m->seen))
		adopt_word(u, m, word);
	if (unlikely(m->grade < least))
		return STANDING_HELD;
	if (was_tried(a, m->server))
		return STANDING_TRIED;
	if (m->most != 0 && server_active(m->server) >= m->most)
		return STANDING_FULL;
	return STANDING_USABLE;
}

enum standing balance_standing(struct upstream *u, struct member *m, const struct pick_args *a, enum grade least)
{
	return member_standing(u, m, a, least);
}

/* ---- the walk over tiers ---- */

/* Members side by side, of at least that grade.   Returns  whether one of them is only full. */
static inline bool gather_range(struct upstream *u, const struct pick_args *a, struct tier range, enum grade least,
				struct pool *p)
{
	bool full = false;

	for (unsigned i = range.first; i < range.end; i++) {
		struct member *m = &u->members->at[i];
		enum standing standing = member_standing(u, m, a, least);

		if (standing == STANDING_USABLE)
			p->at[p->n++] = m;
		full |= standing == STANDING_FULL;
	}
	return full;
}

/* The best of a range is taken already, or may not take it. */
static no_inline bool gather_lesser(struct upstream *u, const struct pick_args *a, struct tier range, enum grade least,
				    struct pool *p)
{
	return gather_range(u, a, range, least, p);
}

/* What the words of a range say now. */
static void adopt_range(const struct upstream *u, const struct tier *range)
{
	for (unsigned i = range->first; i < range->end; i++) {
		struct member *m = &u->members->at[i];
		uint64_t word = server_now(m->server);

		if (word != m->seen)
			adopt_word(u, m, word);
	}
}

static bool is_weak(const struct upstream *u, const struct tier *t)
{
	return t->usable * 100 < t->weight * u->failover_below;
}

bool balance_tier_is_weak(const struct upstream *u, const struct tier *t)
{
	adopt_range(u, t);
	return is_weak(u, t);
}

/* Of an upstream as a whole, not of a tier: who has little left anywhere doubts what says so. */
static bool is_panic(const struct upstream *u)
{
	uint64_t allowed = 0, usable = 0;

	for (unsigned t = 0; t < u->members->ntiers; t++) {
		allowed += u->members->tiers[t].allowed;
		usable += u->members->tiers[t].usable;
	}
	return usable * 100 < allowed * u->panic;
}

/* Nobody else is left, since the others went after it was left out: one that only its failures hold out is better than
 * none. */
static no_inline int gather_out(struct upstream *u, const struct pick_args *a, struct pool *p)
{
	bool full = false;

	for (unsigned t = 0; u->live->out > 0 && p->n == 0 && t < u->members->ntiers; t++)
		full |= gather_range(u, a, u->members->tiers[t], GRADE_OUT, p);
	if (p->n > 0)
		return 0;
	return full ? -NP_EAGAIN : -NP_ENOENT;
}

/* One for all picks and one for those by more keys: in line by order, since the compiler's own measure says no.
 *
 * Tier by tier; weak ones, if there may be any, together with those that join them. `best` is the grade of those that
 * are preferred; spare ones are taken where a tier has no other, and before the next tier. */
static __attribute__((always_inline)) inline int
walk_tiers(struct upstream *u, const struct pick_args *a, enum grade best, bool joins, struct pool *p)
{
	const struct members *all = u->members;
	struct tier range = {0};
	bool full = false;

	p->n = 0;
	for (unsigned t = 0; t < all->ntiers; t++) {
		while (joins && t + 1 < all->ntiers && is_weak(u, &all->tiers[t]))
			t++;
		range.first = range.end;
		range.end = all->tiers[t].end;
		full |= gather_range(u, a, range, best, p);
		if (likely(p->n > 0))
			return 0;
		full |= gather_lesser(u, a, range, GRADE_SPARE, p);
		if (p->n > 0)
			return 0;
	}
	return full ? -NP_EAGAIN : gather_out(u, a, p);
}

/* With the keys that ask more: all words are read first, so that the sums of the tiers are those of now. */
static no_inline int gather_by_keys(struct upstream *u, const struct pick_args *a, struct pool *p)
{
	int err;

	adopt_range(u, &(struct tier){.end = u->members->n});
	if (u->slow_start != 0)
		slow_start_ramp(u, a->now);
	err = walk_tiers(u, a, is_panic(u) ? GRADE_SICK : GRADE_YES, true, p);
	if (u->slow_start != 0 && u->balance == BALANCE_LEAST_CONN)
		slow_start_thin(a, p);
	if (u->max_load != 0 && a->hash != 0)
		balance_bound_load(u, p);
	return err;
}

/* In line for the pick, which each connection makes: what a pick without a failed server and without such keys costs is
 * counted by the gates, so whatever else there is stands in functions of its own. */
static inline int gather_members(struct upstream *u, const struct pick_args *a, struct pool *p)
{
	if (likely(u->plain))
		return walk_tiers(u, a, GRADE_YES, false, p);
	return gather_by_keys(u, a, p);
}

bool balance_panics(const struct upstream *u)
{
	return is_panic(u);
}

int balance_gather(struct upstream *u, const struct pick_args *a, struct pool *p)
{
	return gather_members(u, a, p);
}

/* ---- the algorithms ---- */

static int64_t pool_weight(const struct pool *p)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < p->n; i++)
		sum += p->at[i]->share;
	return sum;
}

/* Smooth weighted round robin: each pick pays every member its weight and charges the richest all
 * that was paid. The credits always sum to 0, and from 0 they return to 0 after sum(w) picks; hence
 * any sum(w) in a row are exact. A member left out keeps its credit and returns without a burst. */
static bool richer(const struct member *a, const struct member *b)
{
	return a->server->credit + a->share > b->server->credit + b->share;
}

static struct member *round_robin(struct pool *p, const struct pick_args *a)
{
	struct member *best = p->at[0];

	(void)a;
	for (unsigned i = 1; i < p->n; i++) {
		if (richer(p->at[i], best))
			best = p->at[i];
	}
	return best;
}

/* least_conn pays by the same rule, so that its ties are round robin, too. But there the loads may
 * favour one server for hours, and its debt would grow: the bound, which plain round robin never
 * reaches, forgets such a debt. Rejected: paying only the members that tie, which fills two servers
 * a b b a. */
static void pay_credits(const struct upstream *u, const struct pool *p, struct member *chosen)
{
	int64_t most = u->members->weight * u->unit;

	chosen->server->credit -= pool_weight(p);
	for (unsigned i = 0; i < p->n; i++) {
		int64_t *credit = &p->at[i]->server->credit;

		*credit += p->at[i]->share;
		if (*credit > most)
			*credit = most;
		if (*credit < -most)
			*credit = -most;
	}
}

/* Reads each count once: other workers change them meanwhile. */
static struct member *least_conn(struct pool *p, const struct pick_args *a)
{
	struct member *best = p->at[0];
	int64_t least = server_active(best->server);

	(void)a;
	for (unsigned i = 1; i < p->n; i++) {
		struct member *m = p->at[i];
		int64_t load = server_active(m->server);
		int64_t more = load * best->share - least * m->share;

		if (more > 0 || (more == 0 && !richer(m, best)))
			continue;
		best = m;
		least = load;
	}
	return best;
}

/* Draws a member by weight and takes it out of the pool. lot is 32 random bits; the bias, sum(w) /
 * 2^32, is below 1e-4. */
static struct member *draw_member(struct pool *p, uint32_t lot)
{
	uint64_t left = lot * (uint64_t)pool_weight(p) >> 32;
	struct member *m;
	unsigned i = 0;

	DCHECK(p->n > 0, "a pool with a member");
	while (left >= p->at[i]->share)
		left -= p->at[i++]->share;
	m = p->at[i];
	p->at[i] = p->at[--p->n];
	return m;
}

/* The less loaded of two members drawn by weight: close to least_conn, and two proxies that do not
 * know each other's connections do not all choose the same server. */
static struct member *random_two(struct pool *p, const struct pick_args *a)
{
	struct member *one = draw_member(p, (uint32_t)(a->random >> 32)), *two;
	uint64_t loads[2];

	if (p->n == 0)
		return one;
	two = draw_member(p, (uint32_t)a->random);
	loads[0] = server_active(one->server);
	loads[1] = server_active(two->server);
	return balance_lighter(loads[1], two->share, loads[0], one->share) ? two : one;
}

/* Where the table's member may take it, so will it; else the next in the key's own order. */
static struct member *maglev(struct pool *p, const struct pick_args *a)
{
	const struct member *wanted = p->of->table != NULL ? &p->of->at[maglev_look(p->of->table, a->hash)] : NULL;

	for (unsigned i = 0; i < p->n; i++)
		if (p->at[i] == wanted)
			return p->at[i];
	return balance_rendezvous(p, a);
}

static const struct algorithm algorithms[] = {
	[BALANCE_ROUND_ROBIN] = {round_robin, true},
	[BALANCE_LEAST_CONN] = {least_conn, true},
	[BALANCE_RANDOM_TWO] = {random_two, false},
	[BALANCE_SOURCE_HASH] = {balance_rendezvous, false},
	[BALANCE_MAGLEV] = {maglev, false},
};

static const struct algorithm *algorithm_for(const struct upstream *u, const struct pick_args *a)
{
	CHECK((unsigned)u->balance < array_len(algorithms), "an upstream has an algorithm");
	if (u->balance >= BALANCE_SOURCE_HASH && a->hash == 0)
		return &algorithms[BALANCE_ROUND_ROBIN];
	return &algorithms[u->balance];
}

bool balance_draws(const struct upstream *u)
{
	return u->balance == BALANCE_RANDOM_TWO;
}

/* Another generation of this upstream has picked last, with other servers or weights: debts of those would be paid in a
 * burst of picks. */
static no_inline void begin_round(const struct upstream *u)
{
	forget_credits(u);
	u->live->round = u->members->round;
}

static inline struct member *choose_member(const struct upstream *u, const struct pick_args *a, struct pool *p)
{
	DCHECK(p->n > 0 && p->n <= u->members->n, "the pool holds each member once");
	p->by = algorithm_for(u, a);
	return p->by->choose(p, a);
}

struct member *balance_choose(const struct upstream *u, const struct pick_args *a, struct pool *p)
{
	return choose_member(u, a, p);
}

/* It repeats only if a slot was lost to another upstream that lists the same server, as during a
 * reload. */
static int pick_locked(struct upstream *u, const struct pick_args *a, struct server **out)
{
	struct pool pool = {.at = u->members->pool, .of = u->members};
	struct member *m;
	int err;

	if (unlikely(u->live->round != u->members->round))
		begin_round(u);
	do {
		err = gather_members(u, a, &pool);
		if (unlikely(err != 0))
			return err;
		m = choose_member(u, a, &pool);
	} while (!server_try_take(m->server, m->most));
	if (pool.by->rotates && pool.n > 1) /* one that is alone would pay itself */
		pay_credits(u, &pool, m);
	*out = m->server;
	return 0;
}

/* A trial lapses when its connect, its preamble and its answer have had their times: one of which nothing is heard,
 * since its worker is stuck, must not keep the server out for ever. */
static int64_t trial_time(const struct upstream *u, const struct server *s, int64_t now)
{
	int64_t answer = u->passive.answer == PASSIVE_LEARNT ? server_learnt(s, now).answer : u->passive.answer;
	int64_t connect = u->connect_timeout > u->retry_budget ? u->connect_timeout : u->retry_budget;

	return connect + answer + TRIAL_MARGIN;
}

/* Somebody is out: is this connection its trial? It moves no credit: the round goes on without it. */
static no_inline bool pick_trial(struct upstream *u, struct pick_args *a, struct server **out)
{
	for (unsigned i = 0; u->passive.on && i < u->members->n; i++) {
		struct member *m = &u->members->at[i];

		if (m->server->passive.state == SERVER_IN || was_tried(a, m->server) ||
		    !passive_due(u, m, a->now, a->may_retry) ||
		    !server_try_take(m->server, server_most(server_now(m->server), m->max_connections)))
			continue;
		passive_begin_trial(m->server, a->now, a->now + trial_time(u, m->server, a->now));
		a->trial = true;
		*out = m->server;
		return true;
	}
	return false;
}

/* One look instead of a walk: the table's member, if there can be no better one. With keys that ask more of a pick it
 * is looked for as all are. */
static no_inline bool pick_by_table(struct upstream *u, const struct pick_args *a, struct server **out)
{
	struct member *m;

	if (!u->plain || u->members->table == NULL || a->hash == 0)
		return false;
	m = &u->members->at[maglev_look(u->members->table, a->hash)];
	if (member_standing(u, m, a, GRADE_YES) != STANDING_USABLE || !server_try_take(m->server, m->most))
		return false;
	*out = m->server;
	return true;
}

int balance_pick(struct upstream *u, struct pick_args *a, struct server **out)
{
	a->trial = false;
	if (unlikely(u->live->out != 0) && !a->hedge && pick_trial(u, a, out))
		return 0;
	if (unlikely(u->balance == BALANCE_MAGLEV) && pick_by_table(u, a, out))
		return 0;
	return pick_locked(u, a, out);
}

/* Who comes while somebody waits goes another way, so one who waits is not overtaken (waiter.c). */
int upstream_pick(struct upstream *u, struct pick_args *a, struct server **out)
{
	int err;

	pthread_mutex_lock(&u->live->lock);
	if (unlikely(upstream_waiting(u->live) != 0)) {
		pthread_mutex_unlock(&u->live->lock);
		return waiter_pick_behind(u, a, out);
	}
	err = balance_pick(u, a, out);
	pthread_mutex_unlock(&u->live->lock);
	return err;
}
