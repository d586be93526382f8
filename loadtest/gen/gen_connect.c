/* gen connect: makes connections, each for one request and its answer, conns= at a time. The client
 * closes first, so the port in TIME_WAIT is the client's; sources= gives it enough ports. In an
 * open loop the latency runs from when the connection was due, as in gen_rate.c. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/gen/gen.h"

struct slot {
	int          fd;
	bool         sent, ending;
	uint64_t     got;
	int64_t      intended;
	struct slot *link; /* free list */
};

struct churn {
	const struct gen_opts *o;
	struct window w;
	struct slot  *slots, *free;
	char         *request, *answer;
	int           epfd;
	int64_t       t0;
	uint64_t      next; /* number of the next connection; so many have started */
};

static int64_t churn_due_at(const struct churn *c, uint64_t i)
{
	return gen_due_at(c->o, c->t0, i);
}

static void slot_done(struct churn *c, struct slot *s, bool well)
{
	if (well)
		window_record(&c->w, s->intended, gen_now());
	else
		c->w.errors++;
	close(s->fd);
	s->link = c->free;
	c->free = s;
}

static void slot_start(struct churn *c, int64_t intended)
{
	struct slot *s = c->free;

	c->free = s->link;
	*s = (struct slot){.fd = sock_connect_start(c->o, c->next++), .intended = intended};
	if (s->fd < 0)
		gen_die("socket");
	sock_add(c->epfd, s->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, s);
}

static void slot_answered(struct churn *c, struct slot *s)
{
	s->ending = c->o->polite;
	if (!s->ending)
		slot_done(c, s, true);
	else if (shutdown(s->fd, SHUT_WR) != 0)
		slot_done(c, s, false);
}

static void slot_ready(struct churn *c, struct slot *s, uint32_t events)
{
	ssize_t n;

	if (!s->sent && events & EPOLLOUT) {
		s->sent = true;
		if (send(s->fd, c->request, c->o->size, MSG_NOSIGNAL) != (ssize_t)c->o->size) {
			slot_done(c, s, false);
			return;
		}
	}
	if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		return;
	n = recv(s->fd, c->answer, s->ending ? 1 : c->o->size - s->got, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || s->ending) {
		slot_done(c, s, n == 0 && s->ending);
		return;
	}
	s->got += (uint64_t)n;
	if (s->got == c->o->size)
		slot_answered(c, s);
}

static bool may_start(const struct churn *c)
{
	return c->free != NULL && (c->o->count == 0 || c->next < c->o->count);
}

/* Starts the connections that are due.
 *   Returns  when the next one is due. */
static int64_t start_due(struct churn *c, int64_t now)
{
	if (c->o->rate == 0) {
		while (may_start(c))
			slot_start(c, now);
		return c->w.end;
	}
	for (int i = 0; i < GEN_BATCH && may_start(c) && churn_due_at(c, c->next) <= now; i++)
		slot_start(c, churn_due_at(c, c->next));
	return may_start(c) ? churn_due_at(c, c->next) : c->w.end;
}

static void churn_wait(struct churn *c, int64_t until)
{
	struct epoll_event events[GEN_BATCH];
	int n = gen_wait_until(c->epfd, events, until);

	for (int i = 0; i < n; i++)
		slot_ready(c, events[i].data.ptr, events[i].events);
}

static void churn_open(struct churn *c)
{
	c->epfd = epoll_create1(EPOLL_CLOEXEC);
	c->slots = calloc(c->o->conns, sizeof(*c->slots));
	c->request = calloc(2, c->o->size);
	if (c->epfd < 0 || c->slots == NULL || c->request == NULL)
		gen_die("start");
	c->answer = c->request + c->o->size;
	for (uint64_t i = 0; i < c->o->conns; i++) {
		c->slots[i].link = c->free;
		c->free = &c->slots[i];
	}
}

int gen_connect(const struct gen_opts *o)
{
	struct churn c = {.o = o};

	churn_open(&c);
	window_init(&c.w, o);
	c.t0 = gen_now();
	while (window_tick(&c.w, gen_now()) &&
	       (o->count == 0 || c.w.units + c.w.errors < o->count)) {
		int64_t until = c.w.open ? c.w.end : c.w.start, due = start_due(&c, gen_now());

		churn_wait(&c, due < until ? due : until);
	}
	window_report(&c.w, "connections");
	free(c.request);
	free(c.slots);
	return 0;
}
