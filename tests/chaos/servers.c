/* Listening sockets, on the epoll of the streams. */
#include "tests/chaos/servers.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static void server_open(struct servers *s, struct server *one)
{
	const struct setup *u = s->streams->setup;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = one};
	int i = one->index, on = 1;

	one->fd = socket(u->server[i].sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (one->fd < 0)
		kit_fail("no socket: errno %d", errno);
	if (u->server[i].sa.sa_family == AF_UNIX)
		unlink(u->server[i].un.sun_path);
	else
		setsockopt(one->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(one->fd, &u->server[i].sa, u->server_len[i]) < 0 || listen(one->fd, SOMAXCONN) < 0)
		kit_fail("cannot listen on %s: errno %d", u->server_text[i], errno);
	if (epoll_ctl(s->streams->epoll, EPOLL_CTL_ADD, one->fd, &ev) < 0)
		kit_fail("epoll: errno %d", errno);
}

void servers_init(struct servers *s, struct streams *streams)
{
	*s = (struct servers){.streams = streams};
	for (int i = 0; i < SERVERS; i++) {
		s->all[i] = (struct server){.watched = WATCHED_LISTENER, .index = i};
		server_open(s, &s->all[i]);
	}
}

void servers_accept(struct servers *s, struct server *one)
{
	int fd;

	while (one->fd >= 0 && !one->paused &&
	       (fd = accept4(one->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		streams_accepted(s->streams, fd, one->index);
}

void servers_pause(struct servers *s, int i, bool on)
{
	struct epoll_event ev = {.events = on ? 0 : EPOLLIN, .data.ptr = &s->all[i]};

	s->all[i].paused = on;
	if (s->all[i].fd >= 0 && epoll_ctl(s->streams->epoll, EPOLL_CTL_MOD, s->all[i].fd, &ev) < 0)
		kit_fail("epoll: errno %d", errno);
}

void servers_kill(struct servers *s, int i)
{
	close(s->all[i].fd);
	s->all[i].fd = -1;
	streams_reset_server(s->streams, i);
}

void servers_revive(struct servers *s, int i)
{
	server_open(s, &s->all[i]);
}

void servers_close(struct servers *s)
{
	for (int i = 0; i < SERVERS; i++)
		if (s->all[i].fd >= 0)
			close(s->all[i].fd);
}
