/* What of an upstream outlives a reload, counted by those that need it. */
#include "proxy/upstream/upstream_live.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"

#define SECOND       INT64_C(1000000000)
#define HEDGE_SHARE  10 /* of the connects one in so many */
#define HEDGES_LEAST 10

static struct upstream_live *upstream_live_free(struct upstream_live *live)
{
	pthread_mutex_destroy(&live->lock);
	free((void *)(uintptr_t)live->name);
	free(live->stats);
	free(live);
	return NULL;
}

static struct upstream_live *upstream_live_new(const char *name, unsigned nworkers)
{
	struct upstream_live *live = aligned_alloc(_Alignof(struct upstream_live), sizeof(*live));

	if (live == NULL)
		return NULL;
	memset(live, 0, sizeof(*live));
	list_init(&live->link);
	list_init(&live->servers);
	list_init(&live->waiters);
	pthread_mutex_init(&live->lock, NULL);
	live->name = strdup(name);
	live->stats = upstream_stats_new(nworkers);
	live->changes = 1;
	return live->name != NULL && live->stats != NULL ? live : upstream_live_free(live);
}

struct upstream_live *upstream_live_get(struct list *all, const char *name, unsigned nworkers)
{
	struct upstream_live *live;

	list_for_each(it, all) {
		live = list_entry(it, struct upstream_live, link);
		if (strcmp(live->name, name) == 0) {
			live->refs++;
			return live;
		}
	}
	live = upstream_live_new(name, nworkers);
	if (live == NULL)
		return NULL;
	live->refs = 1;
	list_push_back(all, &live->link);
	return live;
}

/* Seconds of the clock stand in a ring, each with its number, so no timer is needed to forget the old ones. Under the
 * lock of the picks: it is asked for slow dials alone, of which there are few. */
bool upstream_live_hedge(struct upstream_live *live, int64_t now)
{
	uint32_t most = __atomic_load_n(&live->connects, __ATOMIC_RELAXED) / HEDGE_SHARE, n = 0;
	int64_t second = now / SECOND;
	unsigned at = (unsigned)(second % HEDGE_SECONDS);
	bool may;

	pthread_mutex_lock(&live->lock);
	for (unsigned i = 0; i < HEDGE_SECONDS; i++)
		if (second - live->hedges[i].second < HEDGE_SECONDS)
			n += live->hedges[i].n;
	may = n < (most > HEDGES_LEAST ? most : HEDGES_LEAST);
	if (may && live->hedges[at].second != second)
		live->hedges[at].n = 0;
	if (may) {
		live->hedges[at].second = second;
		live->hedges[at].n++;
	}
	pthread_mutex_unlock(&live->lock);
	return may;
}

/* The oldest total is that of ten turns ago. One that was not asked for so long has no oldest: its history would be
 * taken for ten seconds. */
void upstream_live_connects(struct upstream_live *live, uint64_t total, int64_t now)
{
	uint64_t *oldest, n;

	if (live->counted == 0 || now - live->counted > HEDGE_SECONDS * SECOND)
		for (unsigned i = 0; i < HEDGE_SECONDS; i++)
			live->connected[i] = total;
	live->counted = now;
	oldest = &live->connected[live->turn++ % HEDGE_SECONDS];
	n = total > *oldest ? total - *oldest : 0;
	__atomic_store_n(&live->connects, n < UINT32_MAX ? (uint32_t)n : UINT32_MAX, __ATOMIC_RELAXED);
	*oldest = total;
}

void upstream_live_put(struct upstream_live *live)
{
	if (live == NULL)
		return;
	CHECK(live->refs > 0, "an upstream's numbers are put once for each time they were got");
	if (--live->refs > 0)
		return;
	DCHECK(list_empty(&live->servers), "a server holds its upstream's numbers");
	DCHECK(list_empty(&live->waiters), "who waits for a slot has a generation that holds its upstream");
	list_remove(&live->link);
	upstream_live_free(live);
}
