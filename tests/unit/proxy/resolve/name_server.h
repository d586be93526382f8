/* name_server: a name server of the test's own, on UDP and TCP of one port, in a thread. A script makes each reply. */
#ifndef TESTS_UNIT_PROXY_RESOLVE_NAME_SERVER_H
#define TESTS_UNIT_PROXY_RESOLVE_NAME_SERVER_H

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/kit.h"
#include "tests/unit/proxy/resolve/reply_make.h"

struct name_asked {
	unsigned id, type;
	char name[256];
	bool tcp;
};

/* Held while a script runs, and by a test that changes or reads what scripts use. */
static pthread_mutex_t name_server_lock = PTHREAD_MUTEX_INITIALIZER;

struct name_server {
	/* Makes the reply, which begins as the question does; reply->n = 0: none is sent. In the thread. */
	void (*script)(struct name_server *s, const struct name_asked *q, struct reply *reply);
	bool no_tcp; /* const: TCP is refused */
	int port;    /* const; 0: any */
	unsigned udp, tcp; /* atomic: questions so far */
	char text[64];     /* out: for dns_question.servers */
	int sock, listener, stop[2];
	pthread_t thread;
	struct reply *reply; /* owned */
};

/* How often, so far: &s->udp or &s->tcp. */
static inline unsigned name_server_asked(const unsigned *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

static inline void name_server_read(const uint8_t *p, size_t n, struct name_asked *q)
{
	size_t at = 12, to = 0;

	q->id = (unsigned)(p[0] << 8 | p[1]);
	while (at < n && p[at] != 0 && at + p[at] + 1 < n && to + p[at] + 1 < sizeof(q->name)) {
		memcpy(q->name + to, p + at + 1, p[at]);
		to += p[at];
		q->name[to++] = '.';
		at += p[at] + 1u;
	}
	q->name[to > 0 ? to - 1 : 0] = '\0';
	q->type = at + 2 < n ? (unsigned)(p[at + 1] << 8 | p[at + 2]) : 0;
}

static inline void name_server_answer(struct name_server *s, const uint8_t *p, size_t n, bool tcp)
{
	struct name_asked q = {.tcp = tcp};

	name_server_read(p, n, &q);
	__atomic_fetch_add(tcp ? &s->tcp : &s->udp, 1, __ATOMIC_RELAXED);
	reply_begin(s->reply, q.id, q.name, q.type);
	pthread_mutex_lock(&name_server_lock);
	s->script(s, &q, s->reply);
	pthread_mutex_unlock(&name_server_lock);
}

static inline void name_server_udp(struct name_server *s)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t room[512];
	ssize_t n = recvfrom(s->sock, room, sizeof(room), 0, (struct sockaddr *)&from, &len);

	if (n < 12)
		return;
	name_server_answer(s, room, (size_t)n, false);
	if (s->reply->n > 0)
		(void)!sendto(s->sock, s->reply->b, s->reply->n, 0, (struct sockaddr *)&from, len);
}

/* A question on a connection. What the client does not read is its own loss. */
static inline void name_server_tcp(struct name_server *s)
{
	int fd = accept(s->listener, NULL, NULL);
	uint8_t room[514], size[2];

	if (fd < 0)
		return;
	if (kit_io_read_all(fd, size, 2) == 2) {
		size_t n = (size_t)(size[0] << 8 | size[1]);

		if (n >= 12 && n < sizeof(room) && kit_io_read_all(fd, room, n) == (ssize_t)n) {
			name_server_answer(s, room, n, true);
			size[0] = (uint8_t)(s->reply->n >> 8);
			size[1] = (uint8_t)s->reply->n;
			if (s->reply->n > 0 && kit_io_write(fd, size, 2) == 0)
				(void)!kit_io_write(fd, s->reply->b, s->reply->n);
		}
	}
	close(fd);
}

static inline void *name_server_main(void *arg)
{
	struct name_server *s = arg;
	struct pollfd fds[] = {
		{.fd = s->sock, .events = POLLIN},
		{.fd = s->listener, .events = POLLIN},
		{.fd = s->stop[0], .events = POLLIN},
	};

	for (;;) {
		poll(fds, 3, -1);
		if (fds[2].revents != 0)
			return NULL;
		if (fds[0].revents != 0)
			name_server_udp(s);
		if (fds[1].revents != 0)
			name_server_tcp(s);
	}
}

static inline void name_server_start(struct name_server *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int port = s->port != 0 ? s->port : kit_port(kit_ip(0));

	inet_pton(AF_INET, kit_ip(0), &a.sin_addr);
	a.sin_port = htons((uint16_t)port);
	s->reply = malloc(sizeof(*s->reply));
	assert_non_null(s->reply);
	s->sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->sock, (struct sockaddr *)&a, sizeof(a)), 0);
	s->listener = s->no_tcp ? -1 : kit_listen(kit_ip(0), &port, 16);
	assert_int_equal(pipe(s->stop), 0);
	snprintf(s->text, sizeof(s->text), "%s:%d", kit_ip(0), port);
	assert_int_equal(pthread_create(&s->thread, NULL, name_server_main, s), 0);
}

static inline void name_server_stop(struct name_server *s)
{
	assert_int_equal(write(s->stop[1], "", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->sock);
	free(s->reply);
	if (s->listener >= 0)
		close(s->listener);
}

#endif
