/* What a pick would do, told without doing it. The choice is the pick's own (balance.h); here it is
 * only put beside the servers that it was made from. */
#include "proxy/upstream/upstream.h"

#include "netpoll/check.h"
#include "proxy/upstream/balance.h"

static const struct {
	const char *word, *why;
} standings[] = {
#define X(id, word, why) [STANDING_##id] = {word, why},
	STANDING_TBL(X)
#undef X
};

const char *standing_word(enum standing s)
{
	return standings[s].word;
}

const char *standing_why(enum standing s)
{
	return standings[s].why;
}

static struct member_view view_member(struct upstream *u, struct member *m, const struct pick_args *a)
{
	enum standing standing = balance_standing(u, m, a);

	return (struct member_view){
		.server = m->server,
		.standing = standing,
		.weight = m->share,
		.max_connections = m->most,
		.active = server_active(m->server),
		.backup = m->backup,
	};
}

/* Of usable backups, where a primary server is usable. */
static void spare_backups(struct member_view *views, unsigned n)
{
	bool primary = false;

	for (unsigned i = 0; i < n; i++)
		primary |= views[i].standing == STANDING_USABLE && !views[i].backup;
	for (unsigned i = 0; primary && i < n; i++)
		if (views[i].standing == STANDING_USABLE && views[i].backup)
			views[i].standing = STANDING_SPARE;
}

/* Returns the sum of weights. */
static double share_weights(struct member_view *views, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += views[i].standing == STANDING_USABLE ? views[i].weight : 0;
	for (unsigned i = 0; i < n; i++)
		views[i].weight_share = views[i].standing == STANDING_USABLE ? views[i].weight / sum : 0;
	return sum;
}

/* The one drawn second has to be the lighter one, or the first stays. */
static void share_pair(struct member_view *one, struct member_view *two, double sum)
{
	double likely = one->weight_share * two->weight / (sum - one->weight);
	bool moves = balance_lighter(two->active, two->weight, one->active, one->weight);

	(moves ? two : one)->chance += likely;
}

/* random_two: the chance of each ordered pair, given to the one of them that is taken. */
static void draw_chances(struct member_view *views, unsigned n, double sum)
{
	for (unsigned i = 0; i < n; i++) {
		if (views[i].standing != STANDING_USABLE)
			continue;
		if (views[i].weight == sum)
			views[i].chance = 1;
		for (unsigned j = 0; j < n; j++)
			if (j != i && views[j].standing == STANDING_USABLE)
				share_pair(&views[i], &views[j], sum);
	}
}

int upstream_view(struct upstream *u, const struct pick_args *a, struct member_view *views)
{
	struct members *all = u->members; /* this is the thread that replaces it */
	struct pool pool = {.at = all->pool};
	struct member *chosen;
	double sum;
	int err;

	pthread_mutex_lock(&u->live->lock);
	for (unsigned i = 0; i < all->n; i++)
		views[i] = view_member(u, &all->at[i], a);
	err = balance_choose(u, a, &pool, &chosen);
	pthread_mutex_unlock(&u->live->lock);
	spare_backups(views, all->n);
	sum = share_weights(views, all->n);
	if (err == 0 && balance_draws(u))
		draw_chances(views, all->n, sum);
	else if (err == 0)
		views[chosen - all->at].chance = 1;
	return err;
}
