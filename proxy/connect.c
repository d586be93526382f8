/* The connect stage: pick a server, dial it, try another one when that fails, within the number of
 * retries and the budget of time. The client is watched meanwhile: if it resets, the dial is given
 * up and no server is blamed. */
#include "proxy/conn.h"

#define TRIES_MAX 101 /* config allows 100 retries */

struct attempt {
	const struct server *tried[TRIES_MAX]; /* the first ntried are set */
	unsigned ntried;
	int64_t budget_ends;
	enum close_why why; /* of the last failure */
};

static enum close_why why_failed(int err)
{
	switch (np_err_class(err)) {
	case NP_CLASS_DEADLINE:
		return CLOSE_CONNECT_TIMEOUT;
	case NP_CLASS_CLOSING:
		return CLOSE_CLIENT_RST;
	default:
		break;
	}
	if (err == -NP_EMFILE || err == -NP_ENFILE || err == -NP_ENOMEM || err == -NP_ENOBUFS ||
	    err == -ENOSPC) /* of the poller's watches */
		return CLOSE_OVERLOAD;
	return CLOSE_CONNECT_FAILED;
}

static int dial(struct conn *c, struct server *server, int64_t budget_ends)
{
	int64_t deadline = np_deadline_after(c->front->upstream->connect_timeout);
	struct np_dial_opts opts = {
		.deadline = deadline < budget_ends ? deadline : budget_ends,
		.watch = &c->client.fd, /* nodelay and keepalive: relay.c, when the connection proves not to be short */
	};

	return np_dial(&c->upstream.fd, &server->addr, 1, &opts);
}

static void note_failure(struct conn *c, const struct server *server, int err, enum close_why why)
{
	struct shard *s = c->shard;

	c->err = (int16_t)-err;
	if (why == CLOSE_CLIENT_RST)
		return;
	if (why == CLOSE_CONNECT_TIMEOUT)
		STAT_ADD(&s->stats, connects_timeout, 1);
	else
		STAT_ADD(&s->stats, connects_failed, 1);
	log_limited(&s->connect_site, LVL_WARNING, "connect_failed", "server %s: %s (%s)",
		    server->name, np_err_text(err), np_err_name(err));
}

/* One server. CLOSE_NONE: connected, and its slot is ours. */
static enum close_why try_one(struct conn *c, struct attempt *a, struct server *server)
{
	int err = dial(c, server, a->budget_ends);

	if (err == 0) {
		c->server = server;
		c->connected = (uint32_t)((np_nanotime() - c->accepted) / NP_US);
		c->err = 0;
		STAT_ADD(&c->shard->stats, connects_ok, 1);
		return CLOSE_NONE;
	}
	a->why = why_failed(err);
	note_failure(c, server, err, a->why);
	a->tried[a->ntried++] = server;
	server_release(server);
	return a->why;
}

/* Only another server can help, and only while there is time: not when this machine lacks
 * something. */
static bool worth_another(const struct conn *c, const struct attempt *a)
{
	if (a->why == CLOSE_OVERLOAD || a->why == CLOSE_CLIENT_RST)
		return false;
	if (a->ntried > c->front->upstream->retries || a->ntried == TRIES_MAX)
		return false;
	return np_nanotime() < a->budget_ends;
}

static enum close_why pick_failed(const struct attempt *a, int err)
{
	if (a->ntried > 0)
		return a->why; /* the others are full or absent: the tried ones' is the reason */
	return err == -NP_EAGAIN ? CLOSE_MAX_CONNECTIONS : CLOSE_NO_LIVE_UPSTREAM;
}

enum close_why connect_run(struct conn *c)
{
	/* A Unix client has no name to tell it by: round robin. */
	bool named = c->peer.sa.sa_family != AF_UNIX;
	uint64_t hash = named ? np_addr_hash_host(&c->peer.sa, sizeof(c->peer), 0) : 0;
	struct attempt a;

	a.ntried = 0;
	a.why = CLOSE_NONE;
	a.budget_ends = np_deadline_after(c->front->upstream->retry_budget);
	do {
		struct pick_args args = {
			.hash = hash,
			.random = shard_random(c->shard),
			.tried = a.tried,
			.ntried = a.ntried,
		};
		struct server *server;
		int err = upstream_pick(c->front->upstream, &args, &server);

		if (err != 0)
			return pick_failed(&a, err);
		if (a.ntried > 0) {
			c->retries++;
			STAT_ADD(&c->shard->stats, retries, 1);
		}
		if (try_one(c, &a, server) == CLOSE_NONE)
			return c->kill;
	} while (worth_another(c, &a));
	return c->kill != CLOSE_NONE ? c->kill : a.why;
}
