/* floor_splice LISTEN_PORT SERVER_PORT: epoll, edge-triggered, and each direction through a pipe of its own: bytes stay
 * in the kernel. The floor of bulk; for small messages it pays two calls where a copy pays one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

#define BATCH 128
#define PIPE  (1024 * 1024)
#define TURN  (4 * PIPE) /* bytes a direction moves before the others have their turn */

struct channel {
	int    from, to, in, out; /* in, out: of the pipe */
	size_t held;              /* bytes in the pipe */
	bool   read_end, ended;   /* end of stream seen; passed on */
};

struct pair {
	struct channel up, down;
	bool           ready; /* stands in the list of those with something to do */
	bool           closed;
	struct pair   *link, *dead;
};

struct relay {
	struct floor_ports ports;
	int          epfd, listener;
	struct pair *todo, *dead; /* have used up their turn; closed in this one */
};

static ssize_t move(int from, int to, size_t n)
{
	return splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static void channel_open(struct channel *c, int from, int to)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) != 0)
		floor_die("pipe2");
	/* An unprivileged user gets 64 large ones; the rest keep their 64 KiB. */
	(void)fcntl(fds[0], F_SETPIPE_SZ, PIPE);
	*c = (struct channel){.from = from, .to = to, .out = fds[0], .in = fds[1]};
}

/* One read into the pipe, one write out of it. EAGAIN from the socket is told from a full pipe by what the pipe holds.
 * Returns  bytes written; 0 when there is nothing to do, or nowhere to write to; -1 on failure. */
static ssize_t channel_step(struct channel *c)
{
	ssize_t n = c->read_end ? 0 : move(c->from, c->in, PIPE);

	if (n < 0 && errno != EAGAIN)
		return -1;
	if (n == 0)
		c->read_end = true;
	if (n > 0)
		c->held += (size_t)n;
	if (c->held == 0)
		return 0;
	n = move(c->out, c->to, c->held);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->held -= (size_t)n;
	return n;
}

/* Returns  1 when the turn is used up, 0 when there is nothing more to do now, -1 on failure. */
static int channel_run(struct channel *c)
{
	ssize_t n = 0;

	for (ssize_t moved = 0; moved < TURN; moved += n) {
		n = channel_step(c);
		if (n <= 0)
			break;
	}
	if (n != 0)
		return n > 0 ? 1 : -1;
	if (!c->read_end || c->held > 0 || c->ended)
		return 0;
	c->ended = true;
	return shutdown(c->to, SHUT_WR) == 0 ? 0 : -1;
}

static void pair_close(struct relay *r, struct pair *p)
{
	const int fds[] = {p->up.from, p->up.to, p->up.in, p->up.out, p->down.in, p->down.out};

	for (size_t i = 0; i < array_len(fds); i++)
		close(fds[i]);
	p->closed = true;
	p->dead = r->dead;
	r->dead = p;
}

static void pair_run(struct relay *r, struct pair *p)
{
	int up, down;

	if (p->closed)
		return;
	up = channel_run(&p->up);
	down = channel_run(&p->down);
	if (up < 0 || down < 0 || (p->up.ended && p->down.ended)) {
		pair_close(r, p);
	} else if (up + down > 0 && !p->ready) {
		p->ready = true;
		p->link = r->todo;
		r->todo = p;
	}
}

static void watch(const struct relay *r, int fd, uint32_t events, struct pair *p)
{
	struct epoll_event e = {.events = events, .data.ptr = p};

	if (epoll_ctl(r->epfd, EPOLL_CTL_ADD, fd, &e) != 0)
		floor_die("epoll_ctl");
}

static void accept_one(struct relay *r)
{
	int client = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK), server;
	struct pair *p;

	if (client < 0)
		return;
	server = floor_dial(&r->ports, SOCK_NONBLOCK);
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		floor_die("calloc");
	channel_open(&p->up, client, server);
	channel_open(&p->down, server, client);
	watch(r, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
	watch(r, server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
}

/* Freed at the end of a turn only: an event of it may still be in hand, or it may stand in the list. */
static void run_todo(struct relay *r)
{
	struct pair *todo = r->todo;

	r->todo = NULL;
	while (todo != NULL) {
		struct pair *p = todo;

		todo = p->link;
		p->ready = false;
		pair_run(r, p);
	}
	while (r->dead != NULL) {
		struct pair *p = r->dead;

		r->dead = p->dead;
		free(p);
	}
}

int main(int argc, char **argv)
{
	struct relay r = {.epfd = epoll_create1(0)};
	struct epoll_event events[BATCH];

	(void)argc;
	r.listener = floor_open(&r.ports, argv, SOCK_NONBLOCK);
	watch(&r, r.listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(r.epfd, events, BATCH, r.todo != NULL ? 0 : -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_one(&r);
			else
				pair_run(&r, events[i].data.ptr);
		}
		run_todo(&r);
	}
}
