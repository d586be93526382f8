/* floor_splice LISTEN_PORT SERVER_PORT: relays each direction through its own pipe, on
 * edge-triggered epoll. The bytes stay in the kernel: this is the floor of bulk. A small message
 * costs two calls where a copy costs one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

#define BATCH 128
#define PIPE  (1024 * 1024)
#define TURN  (4 * PIPE) /* bytes a direction moves before another gets its turn */

struct channel {
	int    from, to, in, out; /* in, out: the ends of the pipe */
	size_t held;              /* bytes in the pipe */
	bool   read_end, ended;   /* the stream has ended; `to` is shut down */
};

struct pair {
	struct channel up, down;
	bool           ready; /* is in relay.todo */
	bool           closed;
	struct pair   *link, *dead;
};

struct relay {
	struct floor_ports ports;
	int          epfd, listener;
	struct pair *todo, *dead; /* pairs that used up their turn; pairs closed in this turn */
};

static ssize_t splice_bytes(int from, int to, size_t n)
{
	return splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static void channel_open(struct channel *c, int from, int to)
{
	int fds[2];

	if (pipe2(fds, O_NONBLOCK) != 0)
		floor_die("pipe2");
	/* An unprivileged user gets 64 large pipes; the others keep their 64 KiB. */
	(void)fcntl(fds[0], F_SETPIPE_SZ, PIPE);
	*c = (struct channel){.from = from, .to = to, .out = fds[0], .in = fds[1]};
}

/* Makes one read into the pipe and one write out of it. After EAGAIN of the read, an empty pipe
 * means that the socket had nothing.
 *   Returns  bytes written; 0 when there is nothing to read, or no room to write; -1 on failure. */
static ssize_t channel_step(struct channel *c)
{
	ssize_t n = c->read_end ? 0 : splice_bytes(c->from, c->in, PIPE);

	if (n < 0 && errno != EAGAIN)
		return -1;
	if (n == 0)
		c->read_end = true;
	if (n > 0)
		c->held += (size_t)n;
	if (c->held == 0)
		return 0;
	n = splice_bytes(c->out, c->to, c->held);
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	c->held -= (size_t)n;
	return n;
}

/* Moves up to TURN bytes.
 *   Returns  1 when the turn is used up, 0 when there is nothing more to do now, -1 on failure. */
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

static void epoll_watch(const struct relay *r, int fd, uint32_t events, struct pair *p)
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
	epoll_watch(r, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
	epoll_watch(r, server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
}

/* Frees closed pairs at the end of a turn only: until then an event or the list may name them. */
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
	epoll_watch(&r, r.listener, EPOLLIN, NULL);
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
