/* What a pick would do, told without doing it. The choice is the pick's own (balance.h); here it is
 * only put beside the servers that it was made from. */
#include "proxy/upstream/upstream.h"

#include "netpoll/check.h"
#include "proxy/upstream/balance.h"
#include "proxy/upstream/slow_start.h"

const char *standing_sentence(enum standing standing)
{
	static const char *const sentences[] = {
#define X(id, why) [STANDING_##id] = why,
		STANDING_TBL(X)
#undef X
	};

	return sentences[standing];
}

const char *member_view_why(const struct member_view *v, char out[SERVER_REASON])
{
	bool taken = v->standing == STANDING_USABLE;

	/* One that is spare, and taken: nobody better is left, and that is worth a word. */
	if (v->standing == STANDING_HELD || (taken && v->usable == USABLE_SPARE))
		return server_reason(v->server, v->input, out);
	if (v->standing == STANDING_RAMPS || (taken && v->factor < SLOW_START_UNIT))
		return server_reason_share(v->factor, v->share_left, out);
	return standing_sentence(v->standing);
}

/* At least 1, however young it is. */
static uint32_t shown_weight(const struct upstream *u, const struct member *m)
{
	return m->share > u->unit ? m->share / u->unit : m->share > 0;
}

/* As if it were not in the pool. One that may take it and is not there is of a later tier. */
static struct member_view view_member(const struct upstream *u, const struct member *m, const struct pick_args *a)
{
	enum standing standing = balance_standing(u, m, a, GRADE_YES);
	enum server_why input;
	/* Where passive is off, what it once said is left in the word and holds nobody out. */
	uint64_t word = u->passive.on ? m->seen : server_word_passive(m->seen, SERVER_IN);
	enum usable usable = server_usable(word, m->weight, &input);

	return (struct member_view){
		.server = m->server,
		.standing = standing == STANDING_USABLE ? STANDING_SPARE : standing,
		.usable = usable,
		.input = input,
		.weight = m->grade < GRADE_SPARE ? 0 : shown_weight(u, m),
		.share = m->share,
		.factor = SLOW_START_UNIT,
		.max_connections = m->most,
		.active = server_active(m->server),
		.priority = m->priority,
		.tier = m->tier,
		.zone = m->zone,
	};
}

/* One that the pick chooses from. */
static void view_pooled(const struct upstream *u, struct member_view *v, const struct member *m, bool panics)
{
	v->standing = STANDING_USABLE;
	if (m->grade < GRADE_SPARE)
		v->standing = panics ? STANDING_PANIC : STANDING_LAST;
	v->weight = shown_weight(u, m);
	v->share = m->share;
}

/* Its share as the pick that has just been looked at left it. */
static void view_ramp(const struct upstream *u, struct member_view *v, const struct member *m, int64_t now)
{
	if (!m->ramps)
		return;
	v->factor = slow_start_factor(m->server, u->slow_start, now);
	v->share_left = __atomic_load_n(&m->server->back, __ATOMIC_RELAXED) + u->slow_start - now;
}

static bool is_pooled(const struct member_view *v)
{
	return v->standing <= STANDING_PANIC;
}

/* Returns the sum of weights. */
static double share_weights(struct member_view *views, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += is_pooled(&views[i]) ? views[i].share : 0;
	for (unsigned i = 0; i < n; i++)
		views[i].weight_share = is_pooled(&views[i]) ? views[i].share / sum : 0;
	return sum;
}

/* The one drawn second has to be the lighter one, or the first stays. */
static void share_pair(struct member_view *one, struct member_view *two, double sum)
{
	double likely = one->weight_share * two->share / (sum - one->share);
	bool moves = balance_lighter(two->active, two->share, one->active, one->share);

	(moves ? two : one)->chance += likely;
}

/* random_two: the chance of each ordered pair, given to the one of them that is taken. */
static void draw_chances(struct member_view *views, unsigned n, double sum)
{
	for (unsigned i = 0; i < n; i++) {
		if (!is_pooled(&views[i]))
			continue;
		if (views[i].share == sum)
			views[i].chance = 1;
		for (unsigned j = 0; j < n; j++)
			if (j != i && is_pooled(&views[j]))
				share_pair(&views[i], &views[j], sum);
	}
}

/* Those that might have been in the pool, and were taken out of it. */
static void view_left_out(const struct upstream *u, struct member_view *v, const struct pool *pool)
{
	if (v->standing != STANDING_SPARE || pool->n == 0 || v->tier > pool->at[pool->n - 1]->tier)
		return;
	v->standing = u->max_load != 0 ? STANDING_LOADED : STANDING_RAMPS;
}

static int pool_refusal(const struct pool *p)
{
	return p->n > 0 ? 0 : p->err;
}

int upstream_has_other(struct upstream *u, const struct pick_args *a)
{
	int err;

	pthread_mutex_lock(&u->live->lock);
	err = pool_refusal(balance_gather(u, a));
	pthread_mutex_unlock(&u->live->lock);
	return err;
}

int upstream_view(struct upstream *u, const struct pick_args *a, struct member_view *views)
{
	struct members *all = u->members; /* this is the thread that replaces it */
	const struct pool *pool;
	struct member *chosen = NULL;
	double sum;
	int err;

	pthread_mutex_lock(&u->live->lock);
	for (unsigned i = 0; i < all->n; i++)
		views[i] = view_member(u, &all->at[i], a);
	pool = balance_gather(u, a);
	err = pool_refusal(pool);
	for (unsigned i = 0; i < pool->n; i++)
		view_pooled(u, &views[pool->at[i] - all->at], pool->at[i], all->panics);
	for (unsigned i = 0; i < all->n; i++) {
		view_left_out(u, &views[i], pool);
		view_ramp(u, &views[i], &all->at[i], a->now);
	}
	if (err == 0)
		chosen = balance_choose(u, a, pool);
	pthread_mutex_unlock(&u->live->lock);
	sum = share_weights(views, all->n);
	if (chosen != NULL && balance_draws(u))
		draw_chances(views, all->n, sum);
	else if (chosen != NULL)
		views[chosen - all->at].chance = 1;
	return err;
}
