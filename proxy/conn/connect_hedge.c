/* A dial that is slow is hedged: another server is dialled beside it, and the first to answer has the connection. A
 * lost SYN then costs a client the time of the hedge, not the second or three until the kernel sends it again.
 *
 *   first dial ----- hedge time over: hedge_due ------------- answers: it has won, the second is given up
 *                        '-- second dial, a coroutine ------- answers: the first dial is ended by its deadline
 *
 * Both are of one worker, so each sees the other between two parks only. All is told and counted on the connection's
 * own coroutine, which waits for the end of the second before it leaves. Bytes are sent to the winner alone: a PROXY
 * header and TLS come after the dial.
 *
 * Source: the page of upstreams, E51; the form is that of RFC 8305, which dials addresses of two families so. */
#include "proxy/conn/connect.h"

#include "proxy/base/deadline.h"
#include "proxy/base/spare.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_hash.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_trace.h"

/* For the metric, on the worker's own cell of the upstream. What is limited was not made, and has no connection. */
static void count_hedge(const struct conn *c, enum hedge_result r)
{
	STAT_ADD(&conn_target(c)->upstream->live->stats[c->shard->id], hedges[r], 1);
}

/* ---- the second dial ---- */

/* Its coroutine: it ends with the dial. Nothing of the connection is changed here but deadlines, which wake the
 * connection's own coroutine: at the first dial, or at the client's descriptor, wherever that one waits. Who has given
 * the second up waits for `over` and needs no other sign. */
static void hedge_main(void *arg)
{
	struct attempt *a = arg;
	struct conn *c = a->conn;
	struct hedge *h = &a->hedge;
	const struct target *t = conn_target(c);
	struct np_dial_opts o = {
		.deadline = dial_deadline(a, t->upstream, h->began),
		.nodelay = t->header != 0 || t->tls != NULL,
		.spare = SPARE_OF_HEDGE,
	};

	h->dials = !h->given_up;
	h->err = h->dials ? np_dial(&h->fd, &h->server->addr, 1, &o) : -NP_ECANCELED;
	np_event_set(&h->over);
	if (h->given_up)
		return;
	if (h->awaited)
		np_fd_set_read_deadline(&c->client.fd, 1);
	else if (h->err == 0)
		np_fd_set_write_deadline(&c->upstream.fd, 1);
}

/* One that is no trial and waits for nobody; a Unix socket that does not answer at once is as slow.   NULL: none. */
static struct server *pick_beside(struct conn *c, struct attempt *a, int64_t now)
{
	struct pick_args args = {
		.hash = conn_hash(c),
		.random = shard_random(c->shard),
		.now = now,
		.hedge = true,
		.tried = a->tried,
		.ntried = a->ntried + 1,
	};
	struct server *s;

	a->tried[a->ntried] = a->server; /* for this pick alone: it may still win */
	if (upstream_pick(conn_target(c)->upstream, &args, &s) != 0)
		return NULL;
	if (!np_addr_is_unix(&s->addr))
		return s;
	server_release(s);
	return NULL;
}

/* Without a stack for it the connection goes on as if there were no other server.
 *   Returns  whether it is under way: then its slot is given back by hedge_settle. */
static bool begin_hedge(struct attempt *a, struct server *s, int64_t now)
{
	a->hedge = (struct hedge){.begun = true, .began = now, .server = s};
	if (np_go("hedge", hedge_main, a) == 0)
		return true;
	a->hedge.begun = false;
	server_release(s);
	return false;
}

/* What is learnt is asked here and not at the dial: a dial that is answered in time, as nearly all are, does not pay
 * for it. A pick comes before the count of hedges, so that a server which stands alone uses none of them up. */
int64_t hedge_due(void *attempt)
{
	struct attempt *a = attempt;
	struct conn *c = a->conn;
	struct upstream *u = conn_target(c)->upstream;
	int64_t now = np_nanotime(), learnt = u->hedge_learns ? server_learnt(a->server, now).hedge : 0;
	struct server *s;

	DCHECK_CONN(c);
	if (now < deadline_at(a->began, learnt))
		return deadline_at(a->began, learnt);
	if (a->hedge.begun || a->ntried >= u->retries || a->ntried + 1 >= TRIES_MAX)
		return 0;
	s = pick_beside(c, a, now);
	if (s == NULL)
		return 0;
	if (!upstream_live_hedge(u->live, now)) {
		count_hedge(c, HEDGE_LIMITED);
		server_release(s);
		return 0;
	}
	if (begin_hedge(a, s, now)) {
		c->retries++;
		trace_at(c, TRACE_HEDGE, s);
	}
	return 0;
}

/* ---- who has won ---- */

/* In the access log both dials stand in the list of servers tried, with a word for the one that was slower. */
static void note_hedge(struct conn *c, const struct server *s, const char *result, int64_t took)
{
	const struct access_try one = {.took = took, .result = result};

	conn_note_try(c, s, &one);
}

/* The second has failed by itself. The first one's trial is no business of it. */
static void second_failed(struct conn *c, struct attempt *a)
{
	struct hedge *h = &a->hedge;
	int64_t dialled = a->dialled;
	bool trial = c->trial;

	if (h->err == -NP_EMFILE) { /* it was left out: no failure of its server, and none of this connection */
		server_release(h->server);
		count_hedge(c, HEDGE_LIMITED);
		c->retries--;
		return;
	}
	c->trial = false;
	a->dialled = h->began;
	dial_failed(c, a, h->server, h->err);
	attempt_failed(c, a, h->server, h->began);
	a->dialled = dialled;
	c->trial = trial;
	count_hedge(c, HEDGE_FAILED);
}

/* The first has answered, or the client is gone. */
static void give_up_second(struct conn *c, struct attempt *a)
{
	struct hedge *h = &a->hedge;
	bool early = !h->over.set;

	h->given_up = true;
	if (early && h->dials)
		np_fd_set_write_deadline(&h->fd, 1);
	np_event_wait(&h->over);
	if (!early && h->err != 0) {
		second_failed(c, a);
		return;
	}
	if (h->err == 0)
		np_fd_close_reset(&h->fd);
	note_hedge(c, h->server, "hedge_lost", np_nanotime() - h->began);
	server_release(h->server);
	count_hedge(c, HEDGE_LOST);
}

/* It did not answer in the time in which another server did. */
static void first_was_slow(struct conn *c, struct attempt *a)
{
	struct server *s = a->server;

	STAT_ADD(&s->stats[c->shard->id], timeout, 1);
	a->tried[a->ntried++] = s;
	judge_slow_connect(c, s, a->dialled);
	note_hedge(c, s, "slow_connect", np_nanotime() - a->began);
	server_release(s);
}

/* The connection is the second one's from here on, as if it had been dialled alone: its server is judged by what
 * follows, and its connect time is its own. The descriptor of the first is closed already, by its dial. */
static void second_has_won(struct conn *c, struct attempt *a)
{
	struct hedge *h = &a->hedge;

	np_fd_move(&c->upstream.fd, &h->fd);
	a->server = h->server;
	a->began = a->dialled = h->began;
	c->trial = false;
	count_hedge(c, HEDGE_WON);
}

/* The first has failed while the second is under way. It is told at once, for the wait may be long. */
static int await_second(struct conn *c, struct attempt *a, int err)
{
	struct hedge *h = &a->hedge;

	dial_failed(c, a, a->server, err);
	attempt_failed(c, a, a->server, a->began);
	a->server = NULL;
	h->awaited = true;
	err = h->over.set ? 0 : park_at_client(c, 0);
	h->awaited = false;
	return err;
}

/* Four ends: the first answers; the client goes; the second answers, and the first is slow; the first fails, and the
 * second, which is then awaited, wins or fails. Each slot is given back on the way, once. */
int hedge_settle(struct conn *c, struct attempt *a, int err)
{
	struct hedge *h = &a->hedge;
	bool slow = h->over.set && h->err == 0 && err == -NP_EDEADLINE;
	int first = err;

	DCHECK_CONN(c);
	if (err == 0 || client_is_gone(c, err)) {
		give_up_second(c, a);
		return err;
	}
	if (slow)
		first_was_slow(c, a);
	else
		err = await_second(c, a, err);
	if (client_is_gone(c, err)) {
		give_up_second(c, a);
		return -NP_ECANCELED;
	}
	np_event_wait(&h->over);
	if (h->err == 0) {
		second_has_won(c, a);
		return 0;
	}
	err = h->err != -NP_EMFILE ? h->err : first;
	second_failed(c, a);
	return err;
}
