/* lesson: sums over the others, and what follows from them. */
#include "proxy/health/lesson.h"

#include <stdlib.h>

#include "proxy/health/minute.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/server.h"

#define ANSWERS_LEAST 100         /* of the others in a minute, or the time of an answer is not known */
#define ANSWER_LEAST  NP_S        /* a shorter silence proves nothing */
#define ANSWER_TIMES  10          /* what 99 of 100 answers take, so often */
#define CONNECTS_LEAST 20         /* of the server itself, or those of its tier count */
#define CONNECT_TIMES 4           /* what 99 of 100 connects take, so often: such a dial is slow */
#define EARLY_ANSWERS 20          /* of the others, or an early end is nobody's fault */
#define EARLY_SHARE   10          /* at most one in so many of theirs may end early */

/* The bound of the bucket in which the 99th of 100 lies; 0: there is none. */
static int64_t p99_bound(const struct histogram *h)
{
	uint64_t n = histogram_count(h), below = 0;

	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		below += h->bucket[i];
		if (below * 100 >= n * 99)
			return histogram_latency.bound[i];
	}
	return 0;
}

/* A bound of a bucket, not a quantile between two: a time that is too long costs a client or two, one that is too short
 * a server that is well. */
static struct server_lesson lesson_of(const struct minute_counts *others)
{
	uint64_t answers = histogram_count(&others->first_byte);
	struct server_lesson l = {0};
	int64_t bound = p99_bound(&others->first_byte);

	if (answers >= ANSWERS_LEAST && bound > 0)
		l.answer = bound * ANSWER_TIMES > ANSWER_LEAST ? bound * ANSWER_TIMES : ANSWER_LEAST;
	l.early_ends_count = answers >= EARLY_ANSWERS && others->early * EARLY_SHARE <= answers + others->early;
	return l;
}

/* What a dial takes depends on the way to the server, so its own are asked first. */
static int64_t hedge_of(const struct minute_counts *own, const struct minute_counts *tier)
{
	const struct histogram *h = histogram_count(&own->connect) >= CONNECTS_LEAST ? &own->connect : &tier->connect;

	return p99_bound(h) * CONNECT_TIMES;
}

/* From the first time on that it is asked for.   NULL: no memory, or it is no member any more. */
static struct server_minute *minute_of(const struct inventory *inv, const struct inventory_server *s, int64_t now)
{
	struct server *server = s->server;

	if (!s->listed)
		return NULL;
	if (server->minute == NULL) {
		server->minute = malloc(sizeof(*server->minute));
		if (server->minute != NULL)
			minute_begin(server->minute, server->stats, inv->registry->nworkers, now);
	}
	return server->minute;
}

void lesson_begin(const struct inventory *inv, const struct inventory_upstream *u, int64_t now)
{
	for (unsigned i = 0; i < u->n; i++)
		(void)minute_of(inv, &inv->servers[u->first + i], now);
}

/* Also of servers that are listed no more: who goes takes no connect of the last seconds back. */
static uint64_t connects_of(const struct inventory *inv, const struct inventory_upstream *u)
{
	struct server_stats total;
	uint64_t retries;

	inventory_upstream_totals(inv, u, &total, &retries);
	return histogram_count(&total.connect);
}

/* Who is listed no more is judged no more, and one without memory for its minute has nothing to tell. */
static bool is_taught(const struct inventory_server *s)
{
	return s->listed && s->server->minute != NULL;
}

/* An answer is measured by the neighbours alone, or a server that fails slowly would set its own standard. */
static struct minute_counts without(const struct minute_counts *sum, const struct minute_counts *own)
{
	struct minute_counts others = *sum;

	histogram_since(&others.first_byte, &own->first_byte);
	others.early -= own->early;
	return others;
}

/* Each tier on its own: a backup in another place has times of its own. */
static void teach_tier(const struct inventory_server *all, unsigned n, unsigned tier, int64_t now)
{
	struct minute_counts sum = {0};

	for (unsigned i = 0; i < n; i++)
		if (is_taught(&all[i]) && all[i].tier == tier)
			minute_add(&sum, all[i].server->minute);
	for (unsigned i = 0; i < n; i++) {
		struct minute_counts others, own = {0};
		struct server_lesson l;

		if (!is_taught(&all[i]) || all[i].tier != tier)
			continue;
		minute_add(&own, all[i].server->minute);
		others = without(&sum, &own);
		l = lesson_of(&others);
		l.hedge = hedge_of(&own, &sum);
		server_learn(all[i].server, &l, now);
	}
}

void lesson_teach(const struct inventory *inv, const struct inventory_upstream *u, int64_t now)
{
	const struct inventory_server *all = &inv->servers[u->first];
	unsigned tiers = 0;

	for (unsigned i = 0; i < u->n; i++) {
		struct server_minute *m = minute_of(inv, &all[i], now);

		if (m == NULL)
			continue;
		minute_look(m, all[i].server->stats, inv->registry->nworkers, now);
		if (all[i].tier >= tiers)
			tiers = all[i].tier + 1;
	}
	for (unsigned t = 0; t < tiers; t++)
		teach_tier(all, u->n, t, now);
	upstream_live_connects(u->live, connects_of(inv, u), now);
}
