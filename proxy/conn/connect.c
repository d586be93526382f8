/* The connect stage: pick a server, dial it, send the PROXY header, start TLS. If that fails
 * another server is tried, within the number of retries and the budget of time. The client is
 * watched meanwhile: if it resets, the attempt is given up and no server is blamed. No byte of the
 * client's is sent before all of this is done, so each server that is tried begins with the first
 * byte. A connection whose server ended before it had said anything may come here once more (replay.h). */
#include "proxy/conn/connect.h"

#include "proxy/base/deadline.h"
#include "proxy/base/probe.h"
#include "proxy/conn/conn_aside.h"
#include "proxy/conn/conn_hash.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_loop.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/replay.h"
#include "proxy/conn/stages.h"
#include "proxy/conn/warm.h"
#include "proxy/policy/limit_watch.h"

enum close_reason dial_failure(int err)
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
	    err == -ENOSPC) /* fs.epoll.max_user_watches */
		return CLOSE_OVERLOAD;
	return CLOSE_CONNECT_FAILED;
}

int64_t dial_deadline(const struct attempt *a, const struct upstream *u, int64_t began)
{
	return deadline_earlier(a->budget_ends, deadline_at(began, u->connect_timeout));
}

static int dial_server(struct conn *c, struct attempt *a)
{
	const struct target *t = conn_target(c);
	const struct upstream *u = t->upstream;
	struct np_dial_opts opts = {
		.deadline = dial_deadline(a, u, a->began),
		.watch = &c->client.fd,
		/* The client's bytes must not wait until the preamble is acknowledged. Without one,
		 * and for keepalive: relay.c, when the connection proves not to be short. */
		.nodelay = t->header != 0 || t->tls != NULL,
		.slow = u->hedge != 0 ? hedge_due : NULL,
		.slow_at = a->began + u->hedge,
		.arg = a,
	};

	PROBE(dial, c, a->server->name);
	return np_dial(&c->upstream.fd, &a->server->addr, 1, &opts);
}

void connect_count_failure(struct server_stats *st, int err, enum close_reason why)
{
	if (why == CLOSE_CONNECT_TIMEOUT)
		STAT_ADD(st, timeout, 1);
	else if (err == -NP_ECONNREFUSED || err == -NP_ESELF)
		STAT_ADD(st, refused, 1);
	else if (err == -NP_ECONNRESET)
		STAT_ADD(st, reset, 1);
	else
		STAT_ADD(st, failed, 1);
}

static void note_failure(struct conn *c, const struct server *server, int err,
	enum close_reason why)
{
	struct shard *s = c->shard;

	c->err = (int16_t)-err;
	if (why == CLOSE_CLIENT_RST)
		return;
	connect_count_failure(&server->stats[s->id], err, why);
	log_limited(LVL_WARNING, "connect_failed", server->name, err, "server %s: %s (%s)",
		    server->name, np_err_text(err), np_err_name(err));
}

/* All that a server receives before the first byte of the client. */
static enum close_reason send_preamble(struct conn *c, const struct server *server,
	int64_t budget_ends)
{
	const struct target *t = conn_target(c);
	int err = t->header != 0 ? connect_header(c, t) : 0;
	int64_t deadline;

	if (err != 0) {
		note_failure(c, server, err, dial_failure(err));
		return dial_failure(err);
	}
	if (t->tls == NULL)
		return CLOSE_NONE;
	deadline = deadline_earlier(budget_ends, np_deadline_after(t->handshake_timeout));
	return conn_tls_server(c, t, server, deadline);
}

void dial_failed(struct conn *c, struct attempt *a, const struct server *s, int err)
{
	if (err == -NP_EMFILE)
		limit_no_descriptor(c->shard->watch, true);
	a->why = dial_failure(err);
	note_failure(c, s, err, a->why);
}

/* CLOSE_NONE: connected to a->server, and ready for the client's bytes. */
static enum close_reason connect_to(struct conn *c, struct attempt *a)
{
	const struct target *t = conn_target(c);
	int err = dial_server(c, a);
	enum close_reason why;
	int64_t connected;

	if (unlikely(a->hedge.begun))
		err = hedge_settle(c, a, err);
	if (err != 0) {
		if (a->server != NULL)
			dial_failed(c, a, a->server, err);
		return dial_failure(err);
	}
	trace_at(c, TRACE_CONNECTED, a->server);
	if (t->header == 0 && t->tls == NULL)
		return CLOSE_NONE;
	connected = np_nanotime();
	why = send_preamble(c, a->server, a->budget_ends);
	a->began += np_nanotime() - connected;
	if (why != CLOSE_NONE)
		stream_close(&c->upstream); /* the next attempt makes it anew */
	return why;
}

/* For the access log. A connection whose first try succeeds has none of it. */
static no_inline void note_try(struct conn *c, const struct attempt *a, const struct server *server, int64_t took)
{
	struct access_try one = {.took = took, .why = a->why};

	if (a->why != CLOSE_NONE) {
		one.err = c->err;
		if (c->kill != CLOSE_NONE)
			one.why = (enum close_reason)c->kill;
	}
	conn_note_try(c, server, &one);
}

/* For who asks why a server has no connections. A failure of this machine or of the client is not the
 * server's. */
static no_inline void note_server(const struct conn *c, enum close_reason why, struct server *server)
{
	const struct server_failure f = {.why = why, .err = -c->err, .at = np_nanotime()};

	if (c->kill == CLOSE_NONE && why != CLOSE_CLIENT_RST && why != CLOSE_OVERLOAD)
		server_note_failure(server, &f);
}

void attempt_failed(struct conn *c, struct attempt *a, struct server *s, int64_t began)
{
	DCHECK(a->ntried < TRIES_MAX, "more tries than the configuration allows");
	PROBE(connected, c, s->name, c->err);
	if (unlikely(c->traced))
		trace_mark(c, TRACE_FAILED, s, c->err, a->why);
	a->tried[a->ntried++] = s;
	judge_connect_failed(c, s, a->why, a->dialled);
	note_server(c, a->why, s);
	note_try(c, a, s, np_nanotime() - began);
	server_release(s);
}

/* It is connected, and ready for the client's bytes. */
static inline void attempt_worked(struct conn *c, const struct attempt *a, int64_t began, int64_t now)
{
	c->server = a->server;
	c->connected = since_pack(now - c->accepted);
	c->err = 0;
	PROBE(connected, c, c->server->name, 0);
	conn_forget_detail(c);
	if (unlikely(a->ntried > 0 || a->hedge.begun))
		note_try(c, a, c->server, now - began);
	conn_loop_sample(c);
}

/* A connection that was made ahead, if there is one that still stands; whatever fails with it, the dial that follows
 * finds out, and has all of its time. It was dialled by nobody here, so it is no sample and no success of a connect. No
 * event tells of bytes that wait in it.
 *   Returns  whether that was all: a->why is CLOSE_NONE if it is connected to a->server, else the client has left, and
 *            nobody is to be dialled.
 *   Parks    where something precedes the client's bytes. */
static no_inline bool connect_warm(struct conn *c, struct attempt *a)
{
	const struct target *t = conn_target(c);
	int64_t began = a->began;
	int err;

	if (c->trial || !warm_take(c->shard, t, a->server, &c->upstream))
		return false;
	trace_at(c, TRACE_CONNECTED, a->server);
	err = t->header != 0 ? connect_header(c, t) : 0;
	if (err == 0 && t->tls != NULL)
		err = conn_tls_warm(c, t, a->server,
				    deadline_earlier(a->budget_ends, np_deadline_after(t->handshake_timeout)));
	if (err != 0) {
		int64_t now = np_nanotime();

		stream_close(&c->upstream);
		a->budget_ends = deadline_at(a->budget_ends, now - a->began);
		a->began = a->dialled = now;
		if (!client_is_gone(c, err))
			return false;
		a->why = CLOSE_CLIENT_RST;
		c->err = (int16_t)-err;
		attempt_failed(c, a, a->server, began);
		return true;
	}
	c->dir[1].readable = true;
	a->why = CLOSE_NONE;
	attempt_worked(c, a, a->began, np_nanotime());
	if (unlikely(t->replay != 0))
		replay_arm(c, a);
	return true;
}

/* One attempt at one server, or at two where it is slow. CLOSE_NONE: connected, and its slot is ours. */
static enum close_reason try_server(struct conn *c, struct attempt *a, struct server *server)
{
	int64_t began, now;

	a->server = server;
	a->hedge.begun = false;
	if (unlikely(conn_target(c)->warm != 0) && connect_warm(c, a))
		return a->why;
	began = a->began;
	a->why = connect_to(c, a);
	if (unlikely(a->hedge.begun && a->server != server))
		began = a->hedge.began;
	if (a->why != CLOSE_NONE) {
		if (a->server != NULL)
			attempt_failed(c, a, a->server, began);
		return a->why;
	}
	now = np_nanotime();
	attempt_worked(c, a, began, now);
	histogram_add(&conn_server_stats(c)->connect, &histogram_latency, now - a->began);
	judge_success(c, REPORT_CONNECTED);
	if (unlikely(conn_target(c)->replay != 0))
		replay_arm(c, a);
	return CLOSE_NONE;
}

/* Whether another server may help. Not when this machine lacks memory or descriptors, and only
 * while there is time. */
static bool may_try_another(const struct conn *c, const struct attempt *a)
{
	if (c->kill != CLOSE_NONE || a->why == CLOSE_OVERLOAD || a->why == CLOSE_CLIENT_RST)
		return false;
	if (a->ntried > conn_target(c)->upstream->retries || a->ntried == TRIES_MAX)
		return false;
	return np_nanotime() < a->budget_ends;
}

/* In the upstream's queue. The time counts neither as one of an attempt nor against their budget. */
static enum close_reason wait_for_slot(struct conn *c, struct attempt *a, struct pick_args *args,
				       struct server **server)
{
	enum close_reason why = connect_wait(c, conn_target(c)->upstream, args, server);
	int64_t now = np_nanotime();

	a->budget_ends = deadline_at(a->budget_ends, now - a->began);
	a->began = a->dialled = now;
	return why;
}

/* No server may be dialled now: wait for one where the upstream has a queue.
 *   Returns  CLOSE_NONE: a slot of *server is ours. */
static no_inline enum close_reason pick_failed(struct conn *c, struct attempt *a, struct pick_args *args,
					       struct server **server, int err)
{
	struct upstream *u = conn_target(c)->upstream;
	enum close_reason why = CLOSE_NO_LIVE_UPSTREAM;

	if (c->extra != NULL && c->extra->waits_since != 0)
		return wait_for_slot(c, a, args, server); /* it did when it went aside */
	PROBE(pick, c, u->name, NULL, -err);
	if (unlikely(c->traced))
		trace_pick(c, NULL, err);
	if (err == -NP_EAGAIN && likely(!c->shard->handing)) {
		upstream_note_full(u, args);
		limit_wake(c->shard->watch);
	}
	if (err == -NP_EAGAIN && unlikely(c->shard->handing) && aside_late(c))
		return CONN_ASIDE;
	if (upstream_never_had(u))
		why = CLOSE_DNS_FAILED;
	else if (err == -NP_EAGAIN)
		why = u->queue_max > 0 ? wait_for_slot(c, a, args, server) : CLOSE_MAX_CONNECTIONS;
	if (a->ntried > 0 &&
	    (why == CLOSE_NO_LIVE_UPSTREAM || why == CLOSE_MAX_CONNECTIONS || why == CLOSE_QUEUE_FULL))
		return a->why; /* the others are full or absent: the reason is the last attempt's */
	return why;
}

enum close_reason connect_run(struct conn *c)
{
	struct upstream *u = conn_target(c)->upstream;
	uint64_t hash = conn_hash(c);
	/* Its turn is where it was: others may wait, too. */
	bool waits = c->setup == SETUP_QUEUE && c->extra != NULL && c->extra->waits_since != 0;
	struct attempt a;

	DCHECK_CONN(c);
	DCHECK(c->server == NULL, "a connection has one server");
	c->setup = SETUP_CONNECT;
	if (unlikely(conn_target(c)->want & PP_WANT_CLIENT_CERT) && !connect_header_fits(c, conn_target(c))) {
		conn_detail(c, "the client's certificate does not fit into a PROXY header");
		return CLOSE_TLS_CLIENT_CERT;
	}
	a.ntried = 0;
	a.conn = c;
	a.why = CLOSE_NONE;
	a.began = np_nanotime();
	a.budget_ends = deadline_at(a.began, u->retry_budget);
	if (unlikely(conn_target(c)->replay != 0))
		replay_resume(c, &a);
	do {
		struct pick_args args = {
			.hash = hash,
			.random = unlikely(upstream_draws(u)) ? shard_random(c->shard) : 0,
			.tried = a.tried,
			.ntried = a.ntried,
			.may_retry = a.ntried < u->retries,
		};
		struct server *server;
		int err;

		if (a.ntried > 0)
			a.began = np_nanotime();
		a.dialled = args.now = a.began;
		err = unlikely(waits) ? -NP_EAGAIN : upstream_pick(u, &args, &server);
		waits = false;
		if (unlikely(err != 0)) {
			enum close_reason why = pick_failed(c, &a, &args, &server, err);

			if (why != CLOSE_NONE)
				return c->kill != CLOSE_NONE ? c->kill : why;
		}
		PROBE(pick, c, u->name, server->name, 0);
		if (unlikely(args.trial)) /* of an earlier try it is no longer: that one has its verdict */
			c->trial = true;
		if (a.ntried > 0) {
			c->retries++;
			STAT_ADD(&u->live->stats[c->shard->id], retries, 1);
		}
		if (unlikely(c->traced))
			trace_pick(c, server, 0);
		if (try_server(c, &a, server) == CLOSE_NONE)
			return c->kill;
	} while (may_try_another(c, &a));
	return c->kill != CLOSE_NONE ? c->kill : a.why;
}
