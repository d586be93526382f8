/* Handing an accepted socket to a freer worker. SO_REUSEPORT spreads connections by hash: of 8 on
 * two workers one gets 5 or more three times in four. So the worker that accepts compares, and
 * gives away the connection that would be one too many. The socket is still raw: no part of it
 * belongs to a worker yet, no poller knows it.
 *
 *   worker A  accept, admit -> count for B, hold the snapshot -> message ..... -> drop it, free
 *   worker B                                                     conn_accepted -> message back
 *
 * A counts B up before the message leaves, so a burst does not go to B whole. B counts down only
 * after its own conn_new has counted, so a drain that waits for all connections misses none on the
 * way. Rejected: one shared listening socket with EPOLLEXCLUSIVE, because the busiest worker wins
 * (last in, first out); one accepting thread, because that is a wake per connection, balanced or
 * not. */
#include "proxy/listen/handoff.h"

#include <stdlib.h>

#include "proxy/conn/conn.h"

#define SLACK_SHARE 32 /* a difference of 3 % of many connections is not worth a wake */

/* Written by the sender before the message leaves; only the worker whose turn it is reads it then.
 */
struct handoff {
	struct np_msg msg;
	struct shard *from, *to;
	struct listener *listener; /* its snapshot is held for `from` */
	int sysfd;
	struct np_addr peer;
};

static uint32_t load_of(const struct shard *s)
{
	return __atomic_load_n(&s->nconns, __ATOMIC_RELAXED);
}

/* Another shard by lot; where there are many, the freer one of two. */
static struct shard *candidate(struct shard *s)
{
	uint64_t r = shard_random(s);
	struct shard *a = &s->all[(s->id + 1 + (uint32_t)r % (s->nall - 1)) % s->nall];
	struct shard *b = &s->all[(s->id + 1 + (uint32_t)(r >> 32) % (s->nall - 1)) % s->nall];

	DCHECK(a != s && b != s, "a worker is no candidate for its own connection");
	return load_of(a) <= load_of(b) ? a : b;
}

static bool is_freer(const struct shard *s, const struct shard *other)
{
	uint32_t own = load_of(s);

	return own >= load_of(other) + 2 + own / SLACK_SHARE;
}

static void handoff_returned(struct np_msg *m)
{
	struct handoff *h = container_of(m, struct handoff, msg);

	DCHECK_SHARD(h->from);
	snapshot_drop(h->listener->snap, h->from->id);
	free(h);
}

static void handoff_arrived(struct np_msg *m)
{
	struct handoff *h = container_of(m, struct handoff, msg);
	struct shard *to = h->to;

	DCHECK_SHARD(to);
	conn_accepted(to, h->listener, h->sysfd, &h->peer, CLOSE_NONE);
	m->fn = handoff_returned;
	/* Before the count goes down: until then no worker is stopped. */
	np_post(h->from->worker, m);
	__atomic_sub_fetch(&to->nconns, 1, __ATOMIC_RELEASE);
}

bool handoff_try(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer)
{
	struct shard *to;
	struct handoff *h;

	DCHECK_SHARD(s);
	if (s->nall < 2)
		return false;
	to = candidate(s);
	if (!is_freer(s, to))
		return false;
	h = malloc(sizeof(*h));
	if (h == NULL)
		return false;
	*h = (struct handoff){
		.msg.fn = handoff_arrived,
		.from = s,
		.to = to,
		.listener = listener,
		.sysfd = sysfd,
		.peer = *peer,
	};
	snapshot_hold(listener->snap, s->id);
	__atomic_add_fetch(&to->nconns, 1, __ATOMIC_RELAXED);
	np_post(to->worker, &h->msg);
	return true;
}
