/* The story of a connection, in order. A stage returns CLOSE_NONE to go on, or the reason the story
 * ends there: the log word, the metric label and what tests expect (close_tbl.h). No stage closes a
 * descriptor or writes the log: that happens once, in conn_end. */
#include "proxy/conn/conn.h"

#include <stdlib.h>
#include <string.h>

/* ---- admit ----------------------------------------------------------------------------------- */

struct limit *conn_admit(struct shard *s, const struct listener *listener)
{
	if (!limit_take(s->limit))
		return s->limit;
	if (limit_take(&listener->counts->limit))
		return NULL;
	limit_give(s->limit);
	return &listener->counts->limit;
}

static void give_places(struct shard *s, const struct listener *listener)
{
	limit_give(&listener->counts->limit);
	limit_give(s->limit);
}

/* ---- the story ------------------------------------------------------------------------------- */

/* Which rule it falls under, by what the stages before have learnt. Where TLS ends here that is what was agreed. */
static enum close_reason conn_route(struct conn *c)
{
	c->rule = conn_pick_rule(c);
	return conn_target(c) != NULL ? CLOSE_NONE : CLOSE_NO_ROUTE;
}

static enum close_reason conn_set_up(struct conn *c)
{
	const struct listener *f = c->listener;
	enum close_reason why = CLOSE_NONE;

	if (f->wants_header || f->wants_hello)
		why = preread_run(c);
	if (why == CLOSE_NONE && f->tls != NULL)
		why = conn_tls(c);
	if (why == CLOSE_NONE && f->routes != NULL)
		why = conn_route(c);
	return why == CLOSE_NONE ? connect_run(c) : why;
}

static void conn_main(void *arg)
{
	struct conn *c = OBJ_CAST(arg, conn, CONN_MAGIC);
	enum close_reason why = conn_set_up(c);

	if (why != CLOSE_NONE)
		conn_end(c, why);
	else
		relay_start(c);
}

static struct conn *conn_new(struct shard *s, struct listener *listener, const struct np_addr *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->magic = CONN_MAGIC;
	c->shard = s;
	c->listener = listener;
	c->rule = (uint16_t)listener->nrules; /* until it is known */
	c->accepted = np_now();
	c->connected = CONN_NEVER;
	c->first_byte = -1;
	memcpy(&c->peer, &peer->u, sizeof(c->peer));
	list_push_back(&s->conns, &c->link);
	snapshot_hold(listener->snap, s->id);
	STAT_ADD(&s->stats, connections, 1);
	STAT_ADD(&s->stats, active, 1);
	__atomic_add_fetch(&s->nconns, 1, __ATOMIC_RELAXED);
	return c;
}

/* From here on conn_end ends it, whatever happens. */
static enum close_reason conn_begin(struct conn *c, int sysfd, enum close_reason why)
{
	if (why == CLOSE_NONE)
		c->phase = CONN_CONNECTING; /* it holds its places */
	if (np_fd_init(&c->client.fd, sysfd) != 0) {
		np_sock_close(sysfd);
		return CLOSE_OVERLOAD;
	}
	if (why == CLOSE_NONE && np_go("conn", conn_main, c) != 0)
		return CLOSE_OVERLOAD;
	return why;
}

void conn_accepted(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer,
		   enum close_reason why)
{
	struct conn *c = conn_new(s, listener, peer);

	if (c == NULL) {
		np_sock_close(sysfd);
		if (why == CLOSE_NONE)
			give_places(s, listener);
		stats_close(&s->stats, CLOSE_OVERLOAD);
		log_limited(&s->memory_site, LVL_ERROR, "out_of_memory",
			    "a connection was closed: out of memory");
		return;
	}
	why = conn_begin(c, sysfd, why);
	if (why != CLOSE_NONE)
		conn_end(c, why);
}

void conn_kill(struct conn *c, enum close_reason why)
{
	if (c->kill != CLOSE_NONE)
		return;
	c->kill = (uint8_t)why;
	if (c->phase == CONN_RELAYING)
		np_ready(&c->task);
	else
		np_fd_close(&c->client.fd); /* whatever waits for it gives up; the connect stage watches it */
}

/* ---- the end --------------------------------------------------------------------------------- */

/* A stream we cut short is closed without close_notify: that would sign for bytes that were never sent. */
static void close_one(struct conn *c, struct stream *s, const struct relay_dir *towards, bool reset)
{
	if (reset)
		stream_close_reset(s);
	else if (c->phase == CONN_RELAYING && !towards->done)
		stream_close_cut(s);
	else
		stream_close(s);
}

/* A reset by one side becomes a reset of the other, and so do broken TLS and bytes that were lost for want of memory;
 * every other end is an orderly close. */
static void conn_close(struct conn *c, enum close_reason why)
{
	bool relaying = c->phase == CONN_RELAYING;
	bool lost = relaying && why == CLOSE_OVERLOAD;
	bool broken = relaying && why == CLOSE_UPSTREAM_TLS_FAILED;

	close_one(c, &c->upstream, &c->dir[0], lost || why == CLOSE_CLIENT_RST || why == CLOSE_TLS_BROKEN);
	close_one(c, &c->client, &c->dir[1], lost || why == CLOSE_SERVER_RST || broken);
}

void conn_end(struct conn *c, enum close_reason why)
{
	struct shard *s = c->shard;
	struct snapshot *snap = c->listener->snap;

	if (c->phase == CONN_RELAYING)
		relay_fini(c);
	if (s->log != NULL)
		conn_log(c, why); /* what was agreed is gone with the streams */
	conn_close(c, why);
	stats_close(&s->stats, why);
	STAT_SUB(&s->stats, active, 1);
	if (c->server != NULL)
		server_release(c->server);
	if (c->phase != CONN_NEW)
		give_places(s, c->listener);
	list_remove(&c->link);
	__atomic_sub_fetch(&s->nconns, 1, __ATOMIC_RELEASE);
	conn_extra_free(c);
	c->magic = 0;
	free(c);
	snapshot_drop(snap, s->id);
}
