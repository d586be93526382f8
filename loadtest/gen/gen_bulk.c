/* gen bulk: moves as many bytes as conns= connections can carry, one way: to a sink server, or from
 * a source server. The kernel discards what arrives (MSG_TRUNC): a copy to the generator would only
 * slow the load down. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "loadtest/gen/gen.h"

#define CHUNK (256 * 1024)

static char chunk[CHUNK];

/* One call per event, which is level-triggered, so that each of 32 connections gets its turn.
 *   Returns  bytes, or -1 when the connection failed. */
static ssize_t move_bytes(int fd, bool up)
{
	ssize_t n = up ? send(fd, chunk, CHUNK, MSG_NOSIGNAL) :
			 recv(fd, NULL, 4 * CHUNK, MSG_TRUNC);

	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? 0 : -1;
}

static void bulk_turn(struct window *w, int epfd, bool up)
{
	struct epoll_event events[GEN_BATCH];
	int n = epoll_wait(epfd, events, GEN_BATCH, 10);

	for (int i = 0; i < n; i++) {
		ssize_t moved = move_bytes(events[i].data.fd, up);

		if (moved >= 0) {
			w->units += (uint64_t)moved;
			continue;
		}
		w->errors++;
		epoll_ctl(epfd, EPOLL_CTL_DEL, events[i].data.fd, NULL);
	}
}

int gen_bulk(const struct gen_opts *o)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	int *fds = sock_open_all(o);
	struct window w;

	if (epfd < 0)
		gen_die("epoll_create1");
	for (uint64_t i = 0; i < o->conns; i++) {
		struct epoll_event e = {.events = o->up ? EPOLLOUT : EPOLLIN, .data.fd = fds[i]};

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, fds[i], &e) != 0)
			gen_die("epoll_ctl");
	}
	window_init(&w, o);
	while (window_tick(&w, gen_now()) && w.errors < o->conns)
		bulk_turn(&w, epfd, o->up != 0);
	window_report(&w, "bytes");
	free(fds);
	return 0;
}
