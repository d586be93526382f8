/* Handshakes under way, bounded and fair: at the bound, the source with the most of them gives up its oldest, so that
 * clients that never finish keep out nobody but themselves. First of all those give up that are stale, which an honest
 * handshake never becomes: a crowd of clients behind one address is not held against them while a storm stands.
 *
 * Each worker has its share of the listener's bound and judges by what it sees itself, so nobody who chooses its ports
 * such that one worker gets them all is in the way of clients of the others. Rejected: one count for all workers. One
 * of them could hold every place, and the next would have nobody to take one from. Sources are counted in SHARD_SOURCES
 * buckets by a seeded hash, so nobody can choose with whom it shares one. Two in one bucket are told apart by the whole
 * hash: a newcomer does not pay for what another source holds there. An IPv6 source is its network of 64 bits, since
 * whoever has one address there has them all.
 *
 * Among equals, and none of them stale, the newcomer is closed. Rejected: always the oldest. Where many honest clients
 * come back at once, each would end the handshake of one before it, and none would be done. */
#include <string.h>

#include "proxy/conn/conn.h"

#define OVER     1 /* a deadline: long past, and so at once */
#define PATIENCE (1000 * NP_MS) /* older is stale: an honest handshake is done by then, over the longest ways */

static uint64_t source_of(const struct conn *c)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	union np_inet a = *conn_client(c);

	if (a.sa.sa_family == AF_UNIX)
		return 0;
	if (a.sa.sa_family == AF_INET6 && memcmp(&a.in6.sin6_addr, mapped, sizeof(mapped)) != 0)
		memset(&a.in6.sin6_addr.s6_addr[8], 0, 8);
	return np_addr_hash_host(&a.sa, sizeof(a), c->shard->source_seed);
}

static uint32_t bucket_of(const struct handshake *p)
{
	return (uint32_t)(p->source % SHARD_SOURCES);
}

static uint32_t greediest(const uint32_t of[SHARD_SOURCES])
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < SHARD_SOURCES; i++)
		if (of[i] > of[most])
			most = i;
	return most;
}

/* ---- whoever gives up its place -------------------------------------------------------------- */

/* Its place is one that p may take. */
static bool may_give(const struct handshake *old, const struct handshake *p)
{
	return old->conn->listener->counts == p->conn->listener->counts;
}

static void let_age(struct shard *s)
{
	int64_t long_ago = np_now() - PATIENCE;

	while (!list_empty(&s->handshakes)) {
		struct handshake *p = list_entry(s->handshakes.next, struct handshake, link);

		if (p->since > long_ago)
			return;
		list_remove(&p->link);
		list_push_back(&s->stale, &p->link);
		p->stale = true;
		s->stale_of[bucket_of(p)]++;
	}
}

/* Of the source that has the most stale ones, the oldest; if these are other listeners', the oldest of all. */
static struct handshake *stale_for(const struct handshake *p)
{
	const struct shard *s = p->conn->shard;
	uint32_t most = greediest(s->stale_of);
	struct handshake *oldest = NULL;

	list_for_each(it, &s->stale) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (!may_give(old, p))
			continue;
		if (bucket_of(old) == most)
			return old;
		oldest = oldest != NULL ? oldest : old;
	}
	return oldest;
}

static struct handshake *oldest_in(uint32_t bucket, const struct handshake *p)
{
	list_for_each(it, &p->conn->shard->handshakes) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (bucket_of(old) == bucket && may_give(old, p))
			return old;
	}
	return NULL;
}

/* The oldest of the greediest, if that is greedier than p's source would be; or of another source in p's bucket. */
static struct handshake *greedy_for(const struct handshake *p)
{
	const uint32_t *of = p->conn->shard->handshakes_of;
	uint32_t own = bucket_of(p), most = greediest(of);
	struct handshake *victim = NULL;

	if (of[most] > of[own] + 1)
		victim = oldest_in(most, p);
	if (victim != NULL)
		return victim;
	victim = oldest_in(own, p);
	return victim != NULL && victim->source != p->source ? victim : NULL;
}

static struct handshake *victim_for(const struct handshake *p)
{
	struct handshake *victim;

	let_age(p->conn->shard);
	victim = stale_for(p);
	return victim != NULL ? victim : greedy_for(p);
}

/* ---- places ---------------------------------------------------------------------------------- */

static void leave(struct handshake *p)
{
	struct shard *s = p->conn->shard;

	list_remove(&p->link);
	s->handshakes_of[bucket_of(p)]--;
	s->stale_of[bucket_of(p)] -= p->stale;
	p->has_place = false;
}

static bool take_place(struct handshake *p)
{
	struct conn *c = p->conn;
	struct listener_counts *counts = c->listener->counts;
	struct handshake *victim;

	if (counts->handshakes[c->shard->id] < __atomic_load_n(&counts->handshakes_most, __ATOMIC_RELAXED)) {
		counts->handshakes[c->shard->id]++;
		return true;
	}
	victim = victim_for(p);
	if (victim == NULL)
		return false;
	leave(victim); /* at once: until it runs others come, who must not take it for one that still has a place */
	/* Not conn_kill: closing waits for who reads there, and that one frees what we would wait at. */
	victim->conn->kill = CLOSE_MAX_HANDSHAKES;
	np_fd_set_deadline(&victim->conn->client.fd, OVER);
	return true;
}

bool handshake_begin(struct handshake *p, struct conn *c)
{
	struct shard *s = c->shard;

	*p = (struct handshake){.conn = c, .source = source_of(c), .since = np_now()};
	p->has_place = take_place(p);
	if (!p->has_place)
		return false;
	list_push_back(&s->handshakes, &p->link);
	s->handshakes_of[bucket_of(p)]++;
	return true;
}

void handshake_end(struct handshake *p)
{
	struct conn *c = p->conn;

	if (!p->has_place)
		return; /* given to another */
	leave(p);
	c->listener->counts->handshakes[c->shard->id]--;
}
