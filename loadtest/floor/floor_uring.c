/* floor_uring LISTEN_PORT SERVER_PORT: relays on io_uring with one ring and one io_uring_enter per
 * turn. The call submits the sends of the turn, runs the receives that have become possible, and
 * waits. Accept and receive are multishot: a message needs no SQE to receive and one to send.
 *
 *   completion of a receive -> SQE that sends its memory -> io_uring_enter -> the kernel's again
 *
 * A send from the pool does not wait (MSG_DONTWAIT): it is over when io_uring_enter returns, so a
 * slow reader keeps no pool memory. It posts a completion only when it failed or was short
 * (CQE_SKIP_SUCCESS; with MSG_WAITALL a short send is no success). The relay copies the bytes that
 * were not sent, and sends the copies one at a time, waiting. A direction makes at most one send
 * from the pool per turn: a second could succeed after the first failed, and overtake it.
 *
 * Rejected, because the gain was within the noise: fixed files, a registered ring, COOP_TASKRUN for
 * DEFER_TASKRUN, a completion for each send. Rejected, because it costs more than it saves: waiting
 * for several completions. IORING_OP_SHUTDOWN always goes to a worker thread, so the relay calls
 * shutdown(2). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"
#include "loadtest/floor/ring.h"

#define HELD_MAX (512 * 1024) /* bytes; with more, the direction stops receiving */

/* A completion's operation: the low bits of its user data; the others are the flow's address. */
enum tag {
	TAG_NONE, /* the relay ignores it */
	TAG_ACCEPT,
	TAG_RECV,
	TAG_SEND, /* a send from the pool that failed or was short */
	TAG_REST, /* a send of copied bytes */
};
#define TAG_MASK 7

struct rest { /* bytes that `to` did not take at once */
	struct rest *link;
	size_t       len;
	char         data[];
};

struct pair;
struct flow { /* one direction */
	struct pair         *pair;
	int                  from, to;
	struct io_uring_sqe *sqe;         /* last send from the pool; may change until submitted */
	char                *data;        /* the bytes it sends */
	uint32_t             len;
	uint32_t             turn, given; /* relay.turn and ring.given when it was made */
	struct rest         *first, **last;
	size_t               held;        /* bytes in that list */
	bool                 armed, cancelled; /* a receive is in the kernel; its cancel is, too */
	bool                 sending;          /* `first` is being sent */
	bool                 read_end, ended;  /* the stream has ended; `to` is shut down */
};

struct pair {
	struct flow  up, down;
	struct pair *link; /* in relay.later */
	bool         listed, failed;
};

struct relay {
	struct floor_ports ports;
	struct ring  ring;
	struct pool  pool;
	uint32_t     turn;
	int          listener;
	struct pair *later; /* pairs to settle after the sends of this turn */
};

static uint64_t tagged(const struct flow *f, enum tag tag)
{
	return (uintptr_t)f | tag;
}

static void pair_later(struct relay *r, struct pair *p)
{
	if (p->listed)
		return;
	p->listed = true;
	p->link = r->later;
	r->later = p;
}

/* Operations in the kernel keep the sockets alive; the shutdown ends them. */
static void pair_fail(struct relay *r, struct pair *p)
{
	if (!p->failed) {
		p->failed = true;
		shutdown(p->up.from, SHUT_RDWR);
		shutdown(p->up.to, SHUT_RDWR);
	}
	pair_later(r, p);
}

static void flow_arm(struct relay *r, struct flow *f, uint16_t flags)
{
	struct io_uring_sqe *e = ring_sqe(&r->ring, IORING_OP_RECV, f->from, tagged(f, TAG_RECV));

	e->ioprio = IORING_RECV_MULTISHOT | flags;
	e->flags = IOSQE_BUFFER_SELECT;
	e->buf_group = POOL_GROUP;
	f->armed = true;
}

static void flow_cancel(struct relay *r, struct flow *f)
{
	ring_sqe(&r->ring, IORING_OP_ASYNC_CANCEL, -1, TAG_NONE)->addr = tagged(f, TAG_RECV);
	f->cancelled = true;
}

/* Copies bytes to the end of the list, or with `front` to its start, before bytes that came
 * later. */
static void flow_hold(struct relay *r, struct flow *f, const char *data, size_t n, bool front)
{
	struct rest *rest = malloc(sizeof(*rest) + n), **at;

	if (rest == NULL)
		floor_die("malloc");
	at = front || f->first == NULL ? &f->first : f->last;
	memcpy(rest->data, data, n);
	rest->len = n;
	rest->link = *at;
	*at = rest;
	if (rest->link == NULL)
		f->last = &rest->link;
	f->held += n;
	if (f->held > HELD_MAX && f->armed && !f->cancelled)
		flow_cancel(r, f);
	pair_later(r, f->pair);
}

static void flow_send(struct relay *r, struct flow *f, char *data, uint32_t n)
{
	bool this_turn = f->turn == r->turn;
	struct io_uring_sqe *e;

	if (this_turn && f->given == r->ring.given && f->first == NULL &&
	    f->data + f->len == data) {
		f->len += n;
		f->sqe->len = f->len;
		return;
	}
	if (this_turn || f->first != NULL) {
		flow_hold(r, f, data, n, false);
		return;
	}
	e = ring_sqe(&r->ring, IORING_OP_SEND, f->to, tagged(f, TAG_SEND));
	e->addr = (uintptr_t)data;
	e->len = n;
	e->msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
	e->flags = IOSQE_CQE_SKIP_SUCCESS;
	f->sqe = e;
	f->data = data;
	f->len = n;
	f->turn = r->turn;
	f->given = r->ring.given;
}

static void on_received(struct relay *r, struct flow *f, const struct io_uring_cqe *e)
{
	if (e->res > 0)
		flow_send(r, f, pool_take(&r->pool, e), (uint32_t)e->res);
	if (e->flags & IORING_CQE_F_MORE)
		return;
	f->armed = f->cancelled = false;
	f->read_end = e->res == 0;
	/* ENOBUFS: this turn used up the pool. */
	if (e->res < 0 && e->res != -ENOBUFS && e->res != -ECANCELED)
		pair_fail(r, f->pair);
	pair_later(r, f->pair);
}

static void on_sent(struct relay *r, struct flow *f, int res)
{
	uint32_t sent = res > 0 ? (uint32_t)res : 0;

	if (res < 0 && res != -EAGAIN)
		pair_fail(r, f->pair);
	else if (sent < f->len)
		flow_hold(r, f, f->data + sent, f->len - sent, true);
}

static void rest_send(struct relay *r, struct flow *f)
{
	struct io_uring_sqe *e = ring_sqe(&r->ring, IORING_OP_SEND, f->to, tagged(f, TAG_REST));

	e->addr = (uintptr_t)f->first->data;
	e->len = (uint32_t)f->first->len;
	e->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
	f->sending = true;
}

static void rest_drop(struct flow *f)
{
	struct rest *rest = f->first;

	f->held -= rest->len;
	f->first = rest->link;
	free(rest);
}

static void on_rest_sent(struct relay *r, struct flow *f, int res)
{
	f->sending = false;
	if (res == (int)f->first->len)
		rest_drop(f);
	else
		pair_fail(r, f->pair);
	pair_later(r, f->pair);
}

/* Takes the next step of a flow without a send in hand.
 *   Returns  false when its send has yet to be submitted, so that the next step must wait. */
static bool flow_settle(struct relay *r, struct flow *f)
{
	if (f->turn == r->turn)
		return false;
	if (f->pair->failed || f->sending || f->ended)
		return true;
	if (f->first != NULL) {
		rest_send(r, f);
	} else if (f->read_end) {
		f->ended = true;
		if (shutdown(f->to, SHUT_WR) != 0)
			pair_fail(r, f->pair);
	} else if (!f->armed) {
		flow_arm(r, f, 0);
	}
	return true;
}

static void pair_free(struct pair *p)
{
	close(p->up.from);
	close(p->up.to);
	while (p->up.first != NULL)
		rest_drop(&p->up);
	while (p->down.first != NULL)
		rest_drop(&p->down);
	free(p);
}

static void pair_settle(struct relay *r, struct pair *p)
{
	bool up = flow_settle(r, &p->up), down = flow_settle(r, &p->down);
	bool busy = p->up.armed || p->down.armed || p->up.sending || p->down.sending;

	if (!up || !down)
		pair_later(r, p);
	if (!p->listed && !busy && (p->failed || (p->up.ended && p->down.ended)))
		pair_free(p);
}

static void accept_arm(struct relay *r)
{
	struct io_uring_sqe *e = ring_sqe(&r->ring, IORING_OP_ACCEPT, r->listener, TAG_ACCEPT);

	e->ioprio = IORING_ACCEPT_MULTISHOT;
}

static void on_accepted(struct relay *r, const struct io_uring_cqe *e)
{
	struct pair *p;
	int server;

	if (!(e->flags & IORING_CQE_F_MORE))
		accept_arm(r);
	if (e->res < 0)
		return;
	p = calloc(1, sizeof(*p));
	server = floor_dial(&r->ports, SOCK_NONBLOCK);
	if (p == NULL)
		floor_die("calloc");
	p->up = (struct flow){.pair = p, .from = e->res, .to = server, .turn = r->turn - 1};
	p->down = (struct flow){.pair = p, .from = server, .to = e->res, .turn = r->turn - 1};
	flow_arm(r, &p->up, 0);
	/* A server seldom sends first, so poll before the first receive. */
	flow_arm(r, &p->down, IORING_RECVSEND_POLL_FIRST);
}

static void completion_dispatch(struct relay *r, const struct io_uring_cqe *e)
{
	struct flow *f = (struct flow *)(uintptr_t)(e->user_data & ~(uint64_t)TAG_MASK);

	switch ((enum tag)(e->user_data & TAG_MASK)) {
	case TAG_NONE:
		break;
	case TAG_ACCEPT:
		on_accepted(r, e);
		break;
	case TAG_RECV:
		on_received(r, f, e);
		break;
	case TAG_SEND:
		on_sent(r, f, e->res);
		break;
	case TAG_REST:
		on_rest_sent(r, f, e->res);
		break;
	}
}

/* Handles all completions before the relay settles pairs or reuses memory, so that it knows of each
 * failed send. */
static void take_all(struct relay *r)
{
	const struct io_uring_cqe *e;

	for (;;) {
		while ((e = ring_peek(&r->ring)) != NULL) {
			completion_dispatch(r, e);
			ring_seen(&r->ring);
		}
		if (!ring_overflowed(&r->ring))
			return;
		ring_enter(&r->ring, 0);
	}
}

int main(int argc, char **argv)
{
	struct relay r = {.turn = 1};

	(void)argc;
	r.listener = floor_open(&r.ports, argv, 0);
	ring_open(&r.ring);
	pool_open(&r.pool, &r.ring);
	accept_arm(&r);
	for (;;) {
		struct pair *todo = r.later;

		r.later = NULL;
		ring_enter(&r.ring, todo == NULL);
		r.turn++;
		take_all(&r);
		pool_turn(&r.pool);
		while (todo != NULL) {
			struct pair *p = todo;

			todo = p->link;
			p->listed = false;
			pair_settle(&r, p);
		}
	}
}
