/* The pick: which server gets the next connection. One function per algorithm, behind one table.
 *
 *   gather the members that may take it -> choose one -> take its slot -> note it for round robin
 *   '----------- balance_gather -------'  balance_choose: both also for who only asks
 *
 * Choosing only reads. The credits of round robin are written after the slot is taken, so a pick
 * that fails leaves no trace. Loads and scores are compared for their weight by multiplying
 * crosswise: no division, no rounding. All of it runs under the upstream's lock. */
#include "proxy/upstream/balance.h"

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/upstream/balance_hash.h"
#include "proxy/upstream/maglev.h"
#include "proxy/upstream/waiter.h"

#define TRIAL_MARGIN (1000 * INT64_C(1000000)) /* beside the times that a connect and an answer may take */

struct algorithm {
	/* never NULL; p->n > 0 */
	struct member *(*choose)(const struct pool *p, const struct pick_args *a);
	bool rotates; /* it reads credits, so each pick must move them */
};

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

static struct member *round_robin(const struct pool *p, const struct pick_args *a)
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
static struct member *least_conn(const struct pool *p, const struct pick_args *a)
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

/* Draws one of the others than `but` by weight, whose sum is given. lot is 32 random bits; the bias, sum / 2^32, is
 * below 1e-4. */
static struct member *draw_member(const struct pool *p, const struct member *but, uint64_t sum, uint32_t lot)
{
	uint64_t left = lot * sum >> 32;

	for (unsigned i = 0;; i++) {
		struct member *m = p->at[i];

		if (m == but)
			continue;
		if (left < m->share)
			return m;
		left -= m->share;
	}
}

/* The less loaded of two members drawn by weight: close to least_conn, and two proxies that do not
 * know each other's connections do not all choose the same server. */
static struct member *random_two(const struct pool *p, const struct pick_args *a)
{
	uint64_t sum = (uint64_t)pool_weight(p), loads[2];
	struct member *one = draw_member(p, NULL, sum, (uint32_t)(a->random >> 32)), *two;

	DCHECK(p->n > 1, "one that is alone is not drawn");
	two = draw_member(p, one, sum - one->share, (uint32_t)a->random);
	loads[0] = server_active(one->server);
	loads[1] = server_active(two->server);
	return balance_lighter(loads[1], two->share, loads[0], one->share) ? two : one;
}

/* Where the table's member may take it, so will it; else the next in the key's own order. */
static struct member *maglev(const struct pool *p, const struct pick_args *a)
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
	balance_forget_credits(u);
	u->live->round = u->members->round;
}

struct member *balance_choose(const struct upstream *u, const struct pick_args *a, const struct pool *p)
{
	DCHECK(p->n > 0 && p->n <= u->members->n, "the pool holds each member once");
	return p->n == 1 ? p->at[0] : algorithm_for(u, a)->choose(p, a);
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

		if (m->server->passive.state == SERVER_IN || balance_was_tried(a, m->server) ||
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

/* One look instead of a walk: the table's member, if there can be no better one. With max_load it is looked for as all
 * are. */
static no_inline bool pick_by_table(struct upstream *u, const struct pick_args *a, struct server **out)
{
	struct member *m;

	if (u->max_load != 0 || u->members->table == NULL || a->hash == 0)
		return false;
	m = &u->members->at[maglev_look(u->members->table, a->hash)];
	if (balance_standing(u, m, a, GRADE_YES) != STANDING_USABLE || !server_try_take(m->server, m->most))
		return false;
	*out = m->server;
	return true;
}

/* It repeats only if a slot was lost to another upstream that lists the same server, as during a
 * reload. In line for the two that follow, since each connection picks; the compiler's own measure says no. */
static __attribute__((always_inline)) inline int pick_locked(struct upstream *u, struct pick_args *a,
							     struct server **out)
{
	const struct pool *pool;
	struct member *m;

	a->trial = false;
	if (unlikely(u->live->out != 0) && !a->hedge && pick_trial(u, a, out))
		return 0;
	if (unlikely(u->balance == BALANCE_MAGLEV) && pick_by_table(u, a, out))
		return 0;
	if (unlikely(u->live->round != u->members->round))
		begin_round(u);
	do {
		pool = balance_gather(u, a);
		if (unlikely(pool->n == 0))
			return pool->err;
		m = balance_choose(u, a, pool);
	} while (!server_try_take(m->server, m->most));
	if (pool->n > 1 && algorithm_for(u, a)->rotates)
		pay_credits(u, pool, m);
	*out = m->server;
	return 0;
}

int balance_pick(struct upstream *u, struct pick_args *a, struct server **out)
{
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
	err = pick_locked(u, a, out);
	pthread_mutex_unlock(&u->live->lock);
	return err;
}
