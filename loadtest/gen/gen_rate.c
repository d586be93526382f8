/* gen rate: sends requests over connections that stay open; an echo server answers.
 *
 * Open loop: request i is due at start + i / rate, on connection i % conns, whether or not earlier
 * ones have been answered. Its latency runs from that moment, not from when it could be sent: if a
 * proxy stalls for 10 ms, the stall counts in every request that fell due meanwhile (to leave it
 * out is called coordinated omission). Closed loop, with rate=0: each connection sends its next
 * request after the answer to its last. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/gen/gen.h"

struct lane {
	int      fd; /* -1: it failed */
	bool     flying;
	uint64_t due, sent; /* how many requests fell due, how many were sent */
	uint64_t got;       /* bytes of the answer so far */
	int64_t  intended;  /* when the request in flight was due */
};

struct rate {
	const struct gen_opts *o;
	struct window w;
	struct lane  *lanes;
	char         *request, *answer;
	int           epfd;
	int64_t       t0; /* when request 0 is due */
	uint64_t      next, alive; /* number of the request due next; lanes that have not failed */
};

static int64_t rate_due_at(const struct rate *r, uint64_t i)
{
	return gen_due_at(r->o, r->t0, i);
}

static void lane_fail(struct rate *r, struct lane *l)
{
	r->w.errors++;
	r->alive--;
	close(l->fd);
	l->fd = -1;
	l->flying = false;
}

static void lane_send(struct rate *r, struct lane *l, int64_t intended)
{
	l->intended = intended;
	l->got = 0;
	l->flying = true;
	l->sent++;
	/* A request must fit the socket buffer of an idle connection; with a larger size= the lane
	 * fails. */
	if (send(l->fd, r->request, r->o->size, MSG_NOSIGNAL) != (ssize_t)r->o->size)
		lane_fail(r, l);
}

static void lane_answered(struct rate *r, struct lane *l, int64_t now)
{
	uint64_t k = (uint64_t)(l - r->lanes);

	l->flying = false;
	window_record(&r->w, l->intended, now);
	if (r->o->rate == 0) {
		if (r->o->count == 0 || r->w.units + r->alive <= r->o->count)
			lane_send(r, l, now);
	} else if (l->due > l->sent) {
		lane_send(r, l, rate_due_at(r, l->sent * r->o->conns + k));
	}
}

static void lane_ready(struct rate *r, struct lane *l)
{
	while (l->fd >= 0 && l->flying) {
		uint64_t want = r->o->size - l->got;
		ssize_t n = recv(l->fd, r->answer, want, 0);

		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				lane_fail(r, l);
			return;
		}
		l->got += (uint64_t)n;
		if (l->got == r->o->size) {
			lane_answered(r, l, gen_now());
			return; /* the next answer brings its own edge */
		}
	}
}

/* Sends at most GEN_BATCH requests at a time, so that answers do not wait for a long queue of due
 * requests. */
static void release_due(struct rate *r, int64_t now)
{
	for (int i = 0; i < GEN_BATCH && rate_due_at(r, r->next) <= now; i++, r->next++) {
		struct lane *l = &r->lanes[r->next % r->o->conns];

		if (l->fd < 0)
			continue;
		l->due++;
		if (!l->flying)
			lane_send(r, l, rate_due_at(r, r->next));
	}
}

static void rate_wait(struct rate *r, int64_t until)
{
	struct epoll_event events[GEN_BATCH];
	int n = gen_wait_until(r->epfd, events, until);

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			echo_beside_turn();
		else
			lane_ready(r, events[i].data.ptr);
	}
}

/* Records the requests without an answer at the end: they have waited at least this long, and to
 * leave them out would hide the longest stall. */
static void record_owed(struct rate *r)
{
	int64_t now = gen_now();

	for (uint64_t k = 0; k < r->o->conns && r->o->rate > 0; k++) {
		const struct lane *l = &r->lanes[k];

		if (l->flying)
			hist_add(r->w.latency, now - l->intended);
		for (uint64_t n = l->sent; n < l->due; n++)
			hist_add(r->w.latency, now - rate_due_at(r, n * r->o->conns + k));
	}
}

static void rate_open(struct rate *r)
{
	/* The echo server comes first: the proxy connects to it as soon as we connect to the
	 * proxy. */
	int echo = r->o->echo == 0 ? -1 : echo_beside(r->o);
	int *fds = sock_open_all(r->o);

	r->epfd = epoll_create1(EPOLL_CLOEXEC);
	r->lanes = calloc(r->o->conns, sizeof(*r->lanes));
	r->request = calloc(2, r->o->size);
	if (r->epfd < 0 || r->lanes == NULL || r->request == NULL)
		gen_die("start");
	r->answer = r->request + r->o->size;
	r->alive = r->o->conns;
	for (uint64_t i = 0; i < r->o->conns; i++) {
		r->lanes[i].fd = fds[i];
		sock_add(r->epfd, fds[i], EPOLLIN | EPOLLRDHUP | EPOLLET, &r->lanes[i]);
	}
	if (echo >= 0)
		sock_add(r->epfd, echo, EPOLLIN, NULL);
	free(fds);
}

int gen_rate(const struct gen_opts *o)
{
	struct rate r = {.o = o};

	rate_open(&r);
	window_init(&r.w, o);
	r.t0 = gen_now();
	for (uint64_t i = 0; o->rate == 0 && i < o->conns; i++)
		lane_send(&r, &r.lanes[i], r.t0);
	while (window_tick(&r.w, gen_now()) && r.alive > 0 &&
	       (o->count == 0 || r.w.units < o->count)) {
		int64_t until = r.w.open ? r.w.end : r.w.start;

		if (o->rate > 0) {
			release_due(&r, gen_now());
			if (rate_due_at(&r, r.next) < until)
				until = rate_due_at(&r, r.next);
		}
		rate_wait(&r, until);
	}
	record_owed(&r);
	window_report(&r.w, "requests");
	free(r.request);
	free(r.lanes);
	return 0;
}
