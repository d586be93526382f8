/* Which handshake gives up its place. Stale ones first; an honest handshake is never stale. So a
 * crowd of clients behind one address does not suffer while a storm of silent ones lasts. Then, where
 * clients do not wait, the source address with the most handshakes loses its oldest one: clients that
 * never finish can block only themselves.
 *
 *   a stale one, of the source with the most stale ones
 *   else the oldest of the source with the most, if it has more than the newcomer's would
 *   else the oldest of another source that shares the newcomer's bucket
 *   else none
 *
 * A worker judges by its own handshakes alone, with those that the newcomer's source has on the
 * newcomer's worker.
 *
 * Sources are counted in SHARD_SOURCES buckets by a seeded hash, so no client can choose with which
 * other one it shares a bucket. Two in one bucket are told apart by the whole hash: a newcomer does
 * not pay for places that another source holds there. An IPv6 source is its network of 64 bits,
 * since a host that has one address there has them all.
 *
 * If all sources have the same number and none is stale, nobody yields. Rejected: always end the
 * oldest. Where many honest clients come back at once, each would end the handshake of one before
 * it, and none would be done. */
#include "proxy/conn/conn_yield.h"

#include <string.h>

#define LONG_PAST 1 /* a deadline that has passed; 0 would be none */
/* Older is stale: an honest handshake is done by then, over the longest ways. */
#define PATIENCE (1000 * NP_MS)

/* All clients over Unix sockets are one source. */
uint64_t yield_source(const struct shard *s, const union np_inet *client)
{
	union np_inet a = *client;

	if (a.sa.sa_family == AF_UNIX)
		return 0;
	if (a.sa.sa_family == AF_INET6)
		memset(&a.in6.sin6_addr.s6_addr[8], 0, 8);
	return np_addr_hash_host(&a.sa, sizeof(a), s->source_seed);
}

/* ---- the handshakes of a worker ---- */

static void count(const struct handshake *p, int by)
{
	struct shard *s = p->conn->shard;
	uint32_t *n = &p->conn->listener->counts->on[s->id].count;

	s->handshakes_of[yield_bucket(p->source)] += (uint32_t)by;
	__atomic_store_n(n, *n + (uint32_t)by, __ATOMIC_RELAXED);
}

void yield_join(struct handshake *p)
{
	p->has_place = true;
	p->since = np_now();
	list_push_back(&p->conn->shard->handshakes, &p->link);
	count(p, 1);
}

void yield_leave(struct handshake *p)
{
	struct shard *s = p->conn->shard;

	DCHECK(p->has_place && !list_empty(&p->link), "a handshake with a place is in a list");
	DCHECK(s->handshakes_of[yield_bucket(p->source)] > 0, "a handshake is counted for its source");
	list_remove(&p->link);
	s->stale_of[yield_bucket(p->source)] -= p->stale;
	p->has_place = false;
	count(p, -1);
}

/* ---- which one yields ---- */

static uint32_t fullest_bucket(const uint32_t of[SHARD_SOURCES])
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < SHARD_SOURCES; i++)
		if (of[i] > of[most])
			most = i;
	return most;
}

/* A place belongs to a listener's limit. */
static bool may_give(const struct handshake *old, const struct yield_ask *ask)
{
	return ask->counts == NULL || old->conn->listener->counts == ask->counts;
}

static void let_age(struct shard *s)
{
	int64_t long_ago = np_now() - PATIENCE;

	while (!list_empty(&s->handshakes)) {
		struct handshake *p = list_entry(s->handshakes.next, struct handshake, link);

		if (p->since > long_ago)
			return; /* the list is in order: the rest is younger */
		list_remove(&p->link);
		list_push_back(&s->stale, &p->link);
		p->stale = true;
		s->stale_of[yield_bucket(p->source)]++;
	}
}

/* The oldest of the source that has the most stale ones; if those are other listeners', the oldest
 * stale one. */
static struct handshake *stale_for(const struct shard *s, const struct yield_ask *ask)
{
	uint32_t most = fullest_bucket(s->stale_of);
	struct handshake *oldest = NULL;

	list_for_each(it, &s->stale) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (!may_give(old, ask))
			continue;
		if (yield_bucket(old->source) == most)
			return old;
		oldest = oldest != NULL ? oldest : old;
	}
	return oldest;
}

static struct handshake *oldest_in(const struct shard *s, uint32_t bucket, const struct yield_ask *ask)
{
	list_for_each(it, &s->handshakes) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (yield_bucket(old->source) == bucket && may_give(old, ask))
			return old;
	}
	return NULL;
}

/* The oldest of the source with the most, if it has more than the newcomer's would have; or of
 * another source in the newcomer's bucket. */
static struct handshake *greedy_for(const struct shard *s, const struct yield_ask *ask)
{
	const uint32_t *of = s->handshakes_of;
	uint32_t own = yield_bucket(ask->source), most = fullest_bucket(of);
	struct handshake *victim = NULL;

	if (of[most] > of[own] + ask->elsewhere + 1)
		victim = oldest_in(s, most, ask);
	if (victim != NULL)
		return victim;
	victim = oldest_in(s, own, ask);
	return victim != NULL && victim->source != ask->source ? victim : NULL;
}

static struct handshake *victim_for(struct shard *s, const struct yield_ask *ask)
{
	struct handshake *victim;

	let_age(s);
	victim = list_empty(&s->stale) ? NULL : stale_for(s, ask);
	return victim != NULL || ask->stale_only ? victim : greedy_for(s, ask);
}

void yield_run(struct shard *s, void *arg)
{
	struct yield_ask *ask = arg;
	struct handshake *victim = victim_for(s, ask);

	DCHECK_SHARD(s);
	if (victim == NULL)
		return;
	/* At once, and not when the victim runs: until then others come, who must not take its
	 * place again. */
	yield_leave(victim);
	if (!ask->takes_over)
		limit_give(&victim->conn->listener->counts->handshakes_limit);
	/* Not conn_kill: np_fd_close would park us until the victim's coroutine has left its
	 * read. */
	victim->conn->kill = (uint8_t)ask->why;
	np_fd_set_deadline(&victim->conn->client.fd, LONG_PAST);
	ask->yields = true;
}
