/* The queue of an upstream, from the side of a connection: its coroutine parks at the client's descriptor, so a reset
 * ends the wait, and the deadline is that of the queue. The thread that frees a slot posts a message, which lies on the
 * parked stack: one that was granted a slot is never gone before its message has come, whatever else ended its wait. */
#include "proxy/conn/stages.h"

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/connect.h"
#include "proxy/policy/limit_watch.h"
#include "proxy/upstream/waiter.h"

struct queued {
	struct waiter waiter;
	struct np_msg msg;        /* to its worker: a slot is granted */
	struct np_worker *worker; /* const */
	struct conn *conn;        /* const */
	struct np_event told;     /* the message has come */
	bool parked;              /* at the client's descriptor */
	int64_t joined, until;    /* const: monotonic; INT64_MAX: as long as it takes */
};

/* On any thread. The message is the last that is read of q there. */
static void queued_granted(struct waiter *w)
{
	struct queued *q = container_of(w, struct queued, waiter);

	np_post(q->worker, &q->msg);
}

/* On its worker: a deadline that is over ends the wait. */
static void queued_told(struct np_msg *m)
{
	struct queued *q = container_of(m, struct queued, msg);

	np_event_set(&q->told);
	if (q->parked)
		np_fd_set_read_deadline(&q->conn->client.fd, 1);
}

int park_at_client(struct conn *c, int64_t deadline)
{
	struct np_fd *fd = &c->client.fd;
	int err;

	DCHECK_CONN(c);
	np_fd_set_read_deadline(fd, deadline);
	do
		err = np_fd_wait_watching(fd, NP_READ, fd);
	while (err == 0);
	if (err == -NP_EDEADLINE)
		np_fd_set_read_deadline(fd, 0);
	return err;
}

/* -NP_EDEADLINE: its time is over, or a slot is granted. */
static int park_queued(struct queued *q, int64_t deadline)
{
	int err;

	q->parked = true;
	err = park_at_client(q->conn, deadline);
	q->parked = false;
	return err;
}

/* It has a slot, but nobody to use it: whoever waits next has it. */
static enum close_reason give_back(struct conn *c, const struct queued *q, int64_t now)
{
	c->trial = q->waiter.args->trial;
	if (c->trial)
		judge_connect_failed(c, q->waiter.server, CLOSE_CLIENT_RST, now);
	server_release(q->waiter.server);
	return CLOSE_CLIENT_RST;
}

/* The answer has come: a slot, or that there is no server to wait for. */
static enum close_reason take_queue_answer(struct conn *c, const struct queued *q, int err)
{
	if (q->waiter.refused)
		return client_is_gone(c, err) ? CLOSE_CLIENT_RST : CLOSE_NO_LIVE_UPSTREAM;
	return client_is_gone(c, err) ? give_back(c, q, np_nanotime()) : CLOSE_NONE;
}

/* In the queue. */
static enum close_reason stand_in_queue(struct conn *c, struct queued *q)
{
	int err = park_queued(q, q->until);

	if (!waiter_leave(&q->waiter)) {
		np_event_wait(&q->told);
		return take_queue_answer(c, q, err);
	}
	if (err == -NP_EDEADLINE)
		return c->setup == SETUP_ASIDE ? CONN_ASIDE : CLOSE_QUEUE_TIMEOUT;
	return client_is_gone(c, err) ? CLOSE_CLIENT_RST : CLOSE_OVERLOAD;
}

/* A wait that began in another process goes on: its place in the queue and its deadline are those of there, and no
 * limit of the queue turns it away. Without memory for the block it cannot move. */
static void begin_wait(struct conn *c, struct queued *q)
{
	struct conn_extra *x = conn_extra(c);
	bool goes_on = x != NULL && x->waits_since != 0;

	q->joined = np_nanotime();
	q->waiter.anyway = goes_on;
	q->waiter.since = goes_on ? x->waits_since : q->joined;
	q->until = goes_on ? x->waits_until : deadline_at(q->joined, q->waiter.u->queue_timeout);
	if (x == NULL)
		return;
	x->waits_since = q->waiter.since;
	x->waits_until = q->until;
}

/* waited: for the access log, a trace and the numbers. */
static void end_wait(struct conn *c, const struct queued *q, bool waited)
{
	struct conn_extra *x = c->extra;
	int64_t ns = np_nanotime() - q->waiter.since;

	if (waited)
		histogram_add(&q->waiter.u->live->stats[c->shard->id].queue_wait, &histogram_latency, ns);
	if (x == NULL)
		return;
	if (waited && (c->shard->log != NULL || c->traced))
		x->queued += ns;
	x->waits_since = x->waits_until = 0;
	conn_extra_trim(c);
}

/* waiter_join has said that it waits. */
static enum close_reason wait_in_queue(struct conn *c, struct queued *q)
{
	enum close_reason why;

	c->setup = SETUP_QUEUE;
	trace_at(c, TRACE_QUEUED, NULL);
	why = stand_in_queue(c, q);
	if (why == CONN_ASIDE)
		return why; /* it waits still */
	c->setup = SETUP_CONNECT;
	end_wait(c, q, true);
	if (why == CLOSE_QUEUE_TIMEOUT)
		limit_acted(c->shard->watch, &q->waiter.u->live->late, true);
	return why;
}

/* A wait that was granted a slot and timed out in the same moment has its slot: the client is still there. */
enum close_reason connect_wait(struct conn *c, struct upstream *u, struct pick_args *args, struct server **server)
{
	struct queued q = {
		.waiter = {.u = u, .args = args, .wake = queued_granted},
		.msg.fn = queued_told,
		.worker = np_self(),
		.conn = c,
	};
	enum close_reason why = CLOSE_NONE;
	int err;

	DCHECK_CONN(c);
	begin_wait(c, &q);
	err = waiter_join(&q.waiter);
	if (err == -NP_EAGAIN)
		why = wait_in_queue(c, &q);
	else
		end_wait(c, &q, err == 0 && q.waiter.anyway);
	if (err == -NP_ENOBUFS) {
		limit_acted(c->shard->watch, &u->live->queue, true);
		return CLOSE_QUEUE_FULL;
	}
	if (err == -NP_ENOENT)
		return CLOSE_NO_LIVE_UPSTREAM;
	*server = q.waiter.server;
	return why;
}
