/* The story of a connection, in order. A stage (stages.h) returns CLOSE_NONE to go on, or the
 * reason with which the story ends: the log word, the metric label and what tests expect
 * (close_tbl.h). No stage closes the client or writes the log: that happens once, in conn_end. */
#include "proxy/conn/conn.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/probe.h"
#include "proxy/conn/conn_aside.h"
#include "proxy/conn/conn_loop.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/relay_age.h"
#include "proxy/conn/relay_paced.h"
#include "proxy/conn/stages.h"

/* ---- admission ---- */

struct limit *conn_admit(struct shard *s, const struct listener *listener)
{
	DCHECK_SHARD(s);
	if (!limit_take(s->limit, listener->snap->max_connections))
		return s->limit;
	if (limit_take(&listener->counts->limit, listener->max_connections))
		return NULL;
	limit_give(s->limit);
	return &listener->counts->limit;
}

/* ---- the story ---- */

/* The stages before have learnt what the rules ask for: the source, and the name and protocol of a
 * ClientHello, or those that were agreed where TLS ends here. */
static enum close_reason conn_route(struct conn *c)
{
	c->rule = conn_pick_rule(c);
	PROBE(conn_route, c, (unsigned)c->rule, c->listener->name);
	trace_at(c, TRACE_ROUTE, NULL);
	return conn_target(c) != NULL ? CLOSE_NONE : CLOSE_NO_ROUTE;
}

static no_inline enum close_reason conn_prepare(struct conn *c)
{
	const struct listener *f = c->listener;
	enum close_reason why = CLOSE_NONE;

	if (f->wants_preread)
		why = preread_run(c);
	if (why == CLOSE_NONE && f->tls != NULL)
		why = conn_tls(c);
	if (why == CLOSE_NONE && f->routes != NULL)
		why = conn_route(c);
	if (why == CLOSE_NONE && (f->download != 0 || f->upload != 0))
		why = paced_want(c);
	return why;
}

static enum close_reason conn_set_up(struct conn *c)
{
	enum close_reason why = CLOSE_NONE;

	if (c->listener->has_stages)
		why = conn_prepare(c);
	return why == CLOSE_NONE ? connect_run(c) : why;
}

/* What a listener asks for when a relay begins. */
static no_inline void start_with_more(struct conn *c)
{
	if (c->listener->log_start)
		conn_log_start(c);
	relay_start(c);
	if (c->listener->lifetime_spread != 0)
		relay_draw_lifetime(c);
}

/* The stages are over. */
static void conn_after(struct conn *c, enum close_reason why)
{
	if (unlikely(why == CONN_ASIDE)) {
		conn_is_aside(c);
		return;
	}
	if (why != CLOSE_NONE) {
		conn_end(c, why);
		return;
	}
	if (unlikely(c->listener->starts_more))
		start_with_more(c);
	else
		relay_start(c);
}

/* The coroutine: it ends with the relay's start, so that an idle connection holds no stack. */
static void conn_main(void *arg)
{
	struct conn *c = OBJ_CAST(arg, conn, CONN_MAGIC);

	DCHECK(c->phase == CONN_CONNECTING, "the stages run before the relay");
	conn_after(c, conn_set_up(c));
}

/* The same of one that holds no place yet. */
static void held_main(void *arg)
{
	struct conn *c = OBJ_CAST(arg, conn, CONN_MAGIC);
	enum close_reason why = c->kill != CLOSE_NONE ? CLOSE_NONE : conn_wait_for_place(c);

	if (c->kill != CLOSE_NONE)
		why = c->kill;
	else if (why == CLOSE_NONE && conn_loop_hit(c))
		why = CLOSE_LOOP;
	conn_after(c, why == CLOSE_NONE ? conn_set_up(c) : why);
}

/* The same of one that has waited in a queue, here or in the process before. */
static void queued_main(void *arg)
{
	struct conn *c = OBJ_CAST(arg, conn, CONN_MAGIC);

	conn_after(c, c->kill != CLOSE_NONE ? c->kill : connect_run(c));
}

void conn_go_on(struct conn *c)
{
	bool held = c->setup == SETUP_HELD;

	DCHECK_CONN(c);
	CHECK(c->phase == CONN_FROZEN && c->server == NULL, "only who waited goes on to wait");
	c->phase = held ? CONN_NEW : CONN_CONNECTING;
	if (np_go("conn", held ? held_main : queued_main, c) != 0)
		conn_end(c, CLOSE_OVERLOAD);
}

/* ---- its begin ---- */

/* When the turn began in which it was accepted: no later than what the stages read. But of two
 * connections of a worker never the same, for the id is made of it (conn_id). */
static int64_t moment_of_accept(struct shard *s)
{
	int64_t now = np_now();

	if (now <= s->last_accepted)
		now = s->last_accepted + 1;
	s->last_accepted = now;
	return now;
}

static struct conn *conn_new(struct shard *s, struct listener *listener, const struct np_addr *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->magic = CONN_MAGIC;
	c->shard = s;
	c->listener = listener;
	c->rule = listener->nrules & 0x7fff; /* the default's, until a rule matches */
	c->accepted = moment_of_accept(s);
	c->connected = c->first_byte = SINCE_NEVER;
	memcpy(&c->peer, &peer->u, sizeof(c->peer));
	list_push_back(&s->conns, &c->link);
	snapshot_hold(listener->snap, s->id);
	STAT_ADD(conn_listener_stats(c), connections, 1);
	__atomic_add_fetch(&s->nconns, 1, __ATOMIC_RELAXED);
	PROBE(conn_accept, c, listener->name, s->id);
	if (unlikely(s->trace != NULL))
		trace_accept(c);
	return c;
}

/* From here on conn_end ends it, whatever happens. */
static enum close_reason conn_begin(struct conn *c, int sysfd, enum close_reason why)
{
	if (why == CLOSE_NONE) {
		c->phase = CONN_CONNECTING; /* it holds its places, so conn_end gives them back */
		c->setup = SETUP_BEGUN;
	}
	if (np_fd_init(&c->client.fd, sysfd) != 0) {
		accepted_drop(sysfd);
		return CLOSE_OVERLOAD;
	}
	if (why == CLOSE_NONE && conn_loop_hit(c))
		return CLOSE_LOOP;
	if (c->peer.sa.sa_family == AF_UNIX)
		np_fd_mark_unix(&c->client.fd);
	if (why == CLOSE_NONE && np_go("conn", conn_main, c) != 0)
		return CLOSE_OVERLOAD;
	return why;
}

void accepted_drop(int sysfd)
{
	np_sock_close(sysfd);
}

/* Without memory for a struct conn there is no log line either: the counter and a warning stand for
 * it. */
static void conn_without_memory(struct shard *s, struct listener *listener, enum close_reason why)
{
	if (why == CLOSE_NONE)
		conn_give_places(s, listener);
	STAT_ADD(&listener->counts->stats[s->id], connections, 1);
	STAT_ADD(&listener->counts->stats[s->id], closed[CLOSE_OVERLOAD], 1);
	log_limited(LVL_ERROR, "out_of_memory", NULL, 0,
		"a connection was closed: out of memory");
}

void conn_accepted(struct shard *s, struct listener *listener, int sysfd,
	const struct np_addr *peer, enum close_reason why)
{
	struct conn *c;

	DCHECK_SHARD(s);
	c = conn_new(s, listener, peer);
	if (c == NULL) {
		accepted_drop(sysfd);
		conn_without_memory(s, listener, why);
		return;
	}
	why = conn_begin(c, sysfd, why);
	if (why != CLOSE_NONE)
		conn_end(c, why);
}

/* For want of memory he is refused as one who may not wait. */
void conn_accepted_held(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer)
{
	struct conn *c;

	DCHECK_SHARD(s);
	c = conn_new(s, listener, peer);
	if (c == NULL) {
		accepted_drop(sysfd);
		conn_without_memory(s, listener, CLOSE_MAX_CONNECTIONS);
		return;
	}
	if (np_fd_init(&c->client.fd, sysfd) != 0) {
		accepted_drop(sysfd);
		conn_end(c, CLOSE_OVERLOAD);
		return;
	}
	if (c->peer.sa.sa_family == AF_UNIX)
		np_fd_mark_unix(&c->client.fd);
	if (np_go("conn", held_main, c) != 0)
		conn_end(c, CLOSE_OVERLOAD);
}
