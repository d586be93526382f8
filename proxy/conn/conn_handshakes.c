/* TLS handshakes under way, bounded and fair. At the limit, the source address with the most
 * handshakes loses its oldest one: clients that never finish can block only themselves. Stale
 * handshakes lose their places first; an honest handshake is never stale. So a crowd of clients
 * behind one address does not suffer while a storm of silent ones lasts.
 *
 *   no place left?  a stale one, of the source with the most stale ones
 *                   else the oldest of the source with the most, if it has more than ours would
 *                   else the oldest of another source that shares our bucket
 *                   else ours gets none
 *
 * Each worker has its share of the listener's limit and judges by its own handshakes alone, so a
 * client that picks its ports such that one worker gets them all does not block the clients of the
 * other workers. Rejected: one count for all workers. One worker could hold every place, and the
 * next would have no handshake of its own to end.
 *
 * Sources are counted in SHARD_SOURCES buckets by a seeded hash, so no client can choose with which
 * other one it shares a bucket. Two in one bucket are told apart by the whole hash: a newcomer does
 * not pay for places that another source holds there. An IPv6 source is its network of 64 bits,
 * since a host that has one address there has them all.
 *
 * If all sources have the same number and none is stale, the newcomer is closed. Rejected: always
 * end the oldest. Where many honest clients come back at once, each would end the handshake of one
 * before it, and none would be done. */
#include "proxy/conn/conn_handshakes.h"

#include <string.h>

#include "proxy/conn/conn_extra.h"

#define LONG_PAST 1 /* a deadline that has passed; 0 would be none */
/* Older is stale: an honest handshake is done by then, over the longest ways. */
#define PATIENCE (1000 * NP_MS)

/* All clients over Unix sockets are one source. */
static uint64_t source_of(const struct conn *c)
{
	union np_inet a = *conn_client(c);

	if (a.sa.sa_family == AF_UNIX)
		return 0;
	if (a.sa.sa_family == AF_INET6)
		memset(&a.in6.sin6_addr.s6_addr[8], 0, 8);
	return np_addr_hash_host(&a.sa, sizeof(a), c->shard->source_seed);
}

static uint32_t source_bucket(const struct handshake *p)
{
	return (uint32_t)(p->source % SHARD_SOURCES);
}

static uint32_t fullest_bucket(const uint32_t of[SHARD_SOURCES])
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < SHARD_SOURCES; i++)
		if (of[i] > of[most])
			most = i;
	return most;
}

/* ---- which handshake loses its place ---- */

/* A place belongs to a listener's limit: p can take over only one of the same. */
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
			return; /* the list is in order: the rest is younger */
		list_remove(&p->link);
		list_push_back(&s->stale, &p->link);
		p->stale = true;
		s->stale_of[source_bucket(p)]++;
	}
}

/* The oldest of the source that has the most stale ones; if those are other listeners', the oldest
 * stale one. */
static struct handshake *stale_for(const struct handshake *p)
{
	const struct shard *s = p->conn->shard;
	uint32_t most = fullest_bucket(s->stale_of);
	struct handshake *oldest = NULL;

	list_for_each(it, &s->stale) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (!may_give(old, p))
			continue;
		if (source_bucket(old) == most)
			return old;
		oldest = oldest != NULL ? oldest : old;
	}
	return oldest;
}

static struct handshake *oldest_in(uint32_t bucket, const struct handshake *p)
{
	list_for_each(it, &p->conn->shard->handshakes) {
		struct handshake *old = list_entry(it, struct handshake, link);

		if (source_bucket(old) == bucket && may_give(old, p))
			return old;
	}
	return NULL;
}

/* The oldest of the source with the most, if it has more than p's source would have; or of another
 * source in p's bucket. */
static struct handshake *greedy_for(const struct handshake *p)
{
	const uint32_t *of = p->conn->shard->handshakes_of;
	uint32_t own = source_bucket(p), most = fullest_bucket(of);
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

/* ---- places ---- */

static void leave_lists(struct handshake *p)
{
	struct shard *s = p->conn->shard;

	DCHECK(!list_empty(&p->link), "a handshake with a place is in a list");
	DCHECK(s->handshakes_of[source_bucket(p)] > 0, "a handshake is counted for its source");
	list_remove(&p->link);
	s->handshakes_of[source_bucket(p)]--;
	s->stale_of[source_bucket(p)] -= p->stale;
	p->has_place = false;
}

static bool take_place(struct handshake *p)
{
	struct conn *c = p->conn;
	struct listener_counts *counts = c->listener->counts;
	uint32_t most = __atomic_load_n(&counts->handshakes_most, __ATOMIC_RELAXED);
	struct handshake *victim;

	if (counts->handshakes[c->shard->id] < most) {
		counts->handshakes[c->shard->id]++;
		return true;
	}
	victim = victim_for(p);
	if (victim == NULL)
		return false;
	/* At once, and not when the victim runs: until then others come, who must not take its
	 * place again. */
	leave_lists(victim);
	/* Not conn_kill: np_fd_close would park us until the victim's coroutine has left its
	 * read. */
	victim->conn->kill = CLOSE_MAX_HANDSHAKES;
	np_fd_set_deadline(&victim->conn->client.fd, LONG_PAST);
	return true;
}

bool handshake_begin(struct handshake *p, struct conn *c)
{
	struct shard *s = c->shard;

	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_CONNECTING, "a handshake belongs to the stages");
	*p = (struct handshake){.conn = c, .source = source_of(c), .since = np_now()};
	p->has_place = take_place(p);
	if (!p->has_place)
		return false;
	list_push_back(&s->handshakes, &p->link);
	s->handshakes_of[source_bucket(p)]++;
	return true;
}

void handshake_end(struct handshake *p)
{
	struct conn *c = p->conn;

	DCHECK_CONN(c);
	if (!p->has_place)
		return; /* another one got it, and gives it back */
	leave_lists(p);
	DCHECK(c->listener->counts->handshakes[c->shard->id] > 0, "a place is given back once");
	c->listener->counts->handshakes[c->shard->id]--;
}
