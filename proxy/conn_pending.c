/* Handshakes under way, bounded and fair: at the bound, the source with the most of them gives up its oldest, so that
 * clients that never finish keep out nobody but themselves.
 *
 * Each worker has its share of the listener's bound and judges by what it sees itself, so nobody who chooses its ports
 * such that one worker gets them all is in the way of clients of the others. Rejected: one count for all workers. One
 * of them could hold every place, and the next would have nobody to take one from. Sources are counted in SHARD_SOURCES
 * buckets by a seeded hash: two may share one, and then share its luck, but nobody can choose with whom. An IPv6 source
 * is its network of 64 bits, since whoever has one address there has them all. */
#include <string.h>

#include "proxy/conn.h"

#define OVER 1 /* a deadline: long past, and so at once */

static uint32_t source_of(const struct conn *c)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	union np_inet a = *conn_client(c);

	if (a.sa.sa_family == AF_UNIX)
		return 0;
	if (a.sa.sa_family == AF_INET6 && memcmp(&a.in6.sin6_addr, mapped, sizeof(mapped)) != 0)
		memset(&a.in6.sin6_addr.s6_addr[8], 0, 8);
	return (uint32_t)(np_addr_hash_host(&a.sa, sizeof(a), c->shard->source_seed) % SHARD_SOURCES);
}

static uint32_t greediest(const struct shard *s)
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < SHARD_SOURCES; i++)
		if (s->handshakes_of[i] > s->handshakes_of[most])
			most = i;
	return most;
}

/* Whoever gives up a place for `source`: the oldest of the greediest, if that is greedier than source would be. */
static struct pending *victim_for(struct shard *s, const struct listener_live *live, uint32_t source)
{
	uint32_t most = greediest(s);

	if (s->handshakes_of[most] <= s->handshakes_of[source] + 1)
		return NULL;
	list_for_each(it, &s->handshakes) {
		struct pending *p = list_entry(it, struct pending, link);

		if (p->source == most && p->has_place && p->conn->front->live == live)
			return p;
	}
	return NULL;
}

static bool take_place(struct pending *p)
{
	struct conn *c = p->conn;
	struct listener_live *live = c->front->live;
	struct pending *victim;

	if (live->handshakes[c->shard->id] < __atomic_load_n(&live->handshakes_most, __ATOMIC_RELAXED)) {
		live->handshakes[c->shard->id]++;
		return true;
	}
	victim = victim_for(c->shard, live, p->source);
	if (victim == NULL)
		return false;
	victim->has_place = false; /* it is ours now */
	/* Not conn_kill: closing waits for who reads there, and that one frees what we would wait at. */
	victim->conn->kill = CLOSE_MAX_HANDSHAKES;
	np_fd_set_deadline(&victim->conn->client.fd, OVER);
	return true;
}

bool pending_begin(struct pending *p, struct conn *c)
{
	struct shard *s = c->shard;

	*p = (struct pending){.conn = c, .source = source_of(c)};
	p->has_place = take_place(p);
	if (!p->has_place)
		return false;
	list_push_back(&s->handshakes, &p->link);
	s->handshakes_of[p->source]++;
	return true;
}

void pending_end(struct pending *p)
{
	struct conn *c = p->conn;

	list_remove(&p->link);
	c->shard->handshakes_of[p->source]--;
	if (p->has_place)
		c->front->live->handshakes[c->shard->id]--;
}
