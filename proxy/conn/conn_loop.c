/* Looks for our own dials among the clients (conn_loop.h). A dial's key is a hash of the address
 * and port it came from. Each shard has a copy of the key, so that accepting reads no other
 * worker's memory; and each gets a message, since the connection may have been accepted before the
 * dial was known. On a hit the other end is compared, too: with many addresses of one host, a client
 * may have the same address and port towards us as a dial of ours has towards its server.
 *
 * Rejected: to compare every dial. Each would cost a getsockname, and a table of addresses for all
 * workers; a circle makes thousands of connections, so one in 64 finds it soon enough. */
#include "proxy/conn/conn_loop.h"

#include <stdlib.h>
#include <string.h>

#define LOOP_SOON NP_S /* an accept follows its dial; later the port may be another's */

/* Never 0, which is no key. */
static uint64_t address_key(const struct sockaddr *sa)
{
	bool v6 = sa->sa_family == AF_INET6;
	socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	return np_addr_hash_host(sa, len, (uint64_t)np_addr_port(sa) * 0x9e3779b97f4a7c15u) | 1;
}

static bool is_inet_address(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET || sa->sa_family == AF_INET6;
}

static bool is_scarce(const struct limit *l, uint32_t max)
{
	return limit_used(l) > max / 2;
}

/* Once in the life of the process: a circle makes many. */
static void say_loop(struct conn *c)
{
	struct shard *first = c->shard->all != NULL ? &c->shard->all[0] : c->shard;

	if (__atomic_exchange_n(&first->loop_said, 1, __ATOMIC_RELAXED) != 0)
		return;
	log_msg(LVL_ERROR, "loop",
		"listener %s is connected to itself: one of its servers leads back to it; "
		"such connections are closed",
		c->listener->name);
}

/* Is this client the dial that came from `key` and went to `to`? */
static bool is_dial(const struct conn *c, uint64_t key, uint64_t to)
{
	struct np_addr own;

	if (!is_inet_address(&c->peer.sa) || address_key(&c->peer.sa) != key)
		return false;
	return np_fd_addr(&c->client.fd, &own) == 0 && address_key(&own.u.sa) == to;
}

bool conn_loop_found(struct conn *c)
{
	struct shard *s = c->shard;

	DCHECK_CONN(c);
	if (np_now() >= __atomic_load_n(&s->loop_until, __ATOMIC_RELAXED)) {
		__atomic_store_n(&s->loop_key, 0, __ATOMIC_RELAXED);
		return false;
	}
	if (!is_dial(c, __atomic_load_n(&s->loop_key, __ATOMIC_RELAXED),
		    __atomic_load_n(&s->loop_to, __ATOMIC_RELAXED)))
		return false;
	say_loop(c);
	return true;
}

struct loop_search {
	struct np_msg msg;
	struct shard *shard;
	uint64_t key, to;
};

/* On the shard's worker. */
static void loop_search_run(struct np_msg *m)
{
	struct loop_search *search = container_of(m, struct loop_search, msg);
	struct shard *s = search->shard;

	DCHECK_SHARD(s);
	__atomic_store_n(&s->loop_until, np_now() + LOOP_SOON, __ATOMIC_RELAXED);
	__atomic_store_n(&s->loop_to, search->to, __ATOMIC_RELAXED);
	__atomic_store_n(&s->loop_key, search->key, __ATOMIC_RELAXED);
	list_for_each_safe(it, &s->conns) {
		struct conn *c = list_entry(it, struct conn, link);

		if (is_dial(c, search->key, search->to)) {
			say_loop(c);
			conn_kill(c, CLOSE_LOOP);
		}
	}
	free(search);
}

/* The connection that samples is alive until this has returned, so no worker has been stopped yet.
 * Without memory the next sample will do. */
static void search_shard(struct shard *s, uint64_t key, uint64_t to)
{
	struct loop_search *search = malloc(sizeof(*search));

	if (search == NULL)
		return;
	*search = (struct loop_search){.msg.fn = loop_search_run, .shard = s, .key = key, .to = to};
	np_post(s->worker, &search->msg);
}

static no_inline void search_all_shards(struct conn *c)
{
	struct shard *s = c->shard;
	const struct np_addr *to = &c->server->addr;
	struct np_addr from;

	if (np_fd_addr(&c->upstream.fd, &from) != 0 || !is_inet_address(&from.u.sa) ||
		!is_inet_address(&to->u.sa))
		return;
	for (unsigned i = 0; i < s->nall; i++)
		search_shard(&s->all[i], address_key(&from.u.sa), address_key(&to->u.sa));
}

void conn_loop_sample(struct conn *c)
{
	const struct listener *l = c->listener;
	struct shard *s = c->shard;

	DCHECK_CONN(c);
	if (likely(!is_scarce(s->limit, l->snap->max_connections) &&
		   !is_scarce(&l->counts->limit, l->max_connections)))
		return;
	if (s->dials++ % LOOP_SHARE == 0)
		search_all_shards(c);
}
