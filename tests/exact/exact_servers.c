/* The servers: four listening sockets on one epoll. Counted are connections that were accepted and that the other side
 * has not ended: at each accept all of that server's are looked at, whether an end has come that was not read yet. */
#include "tests/exact/exact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netpoll/check.h"

#define MS     INT64_C(1000000)
#define EVENTS 64
#define LATE_MS 2

struct served {
	struct list link;
	int fd, server;
	int64_t ends;  /* by itself then; 0: it does not */
	bool resets;   /* ... by a reset */
};

struct exact_server_side {
	int epoll, listener[EXACT_SERVERS];
	struct list all; /* of struct served */
	uint64_t random;
};

static int64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static void end_served(struct served *c, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(c->fd);
	list_remove(&c->link);
	free(c);
}

/* One in six ends by itself, within three milliseconds. */
static void plan_end(struct exact_servers *s, struct served *c)
{
	uint64_t lot = exact_random(&s->side->random);

	if (__atomic_load_n(&s->calm, __ATOMIC_RELAXED) != 0 || lot % 6 != 0)
		return;
	c->ends = clock_now() + (int64_t)(lot >> 8) % (3 * MS);
	c->resets = lot >> 40 & 1;
}

/* ---- the count ---- */

static bool is_there(const struct served *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0 || errno == EAGAIN;
}

/* An end of file leaves errno as it was. */
static unsigned count_there(const struct exact_servers *s, int server)
{
	unsigned n = 0;

	list_for_each(it, &s->side->all) {
		errno = 0;
		n += list_entry(it, struct served, link)->server == server &&
		     is_there(list_entry(it, struct served, link));
	}
	return n;
}

struct look {
	const struct exact_servers *s;
	int server;
	unsigned n;
};

static bool is_within(void *arg)
{
	struct look *l = arg;

	l->n = count_there(l->s, l->server);
	return l->n <= EXACT_LIMIT;
}

/* A segment with the end of one connection may be on another processor still when a new one is there: after some
 * milliseconds it is not. What ends meanwhile ends by the proxy alone, since this thread does nothing else. */
static void look(struct exact_servers *s, int server)
{
	struct look l = {.s = s, .server = server};
	struct exact_tally *t = &s->at[server];

	if (!is_within(&l)) {
		exact_add(&t->doubted);
		if (!kit_wait(is_within, &l, LATE_MS))
			exact_add(&t->over);
	}
	if (l.n > exact_get(&t->most))
		__atomic_store_n(&t->most, l.n, __ATOMIC_RELAXED);
}

/* ---- events ---- */

static void accept_all(struct exact_servers *s, int server)
{
	int fd;

	while ((fd = accept4(s->side->listener[server], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		struct served *c = calloc(1, sizeof(*c));
		struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = c};
		char greeting = (char)('0' + server);

		CHECK(c != NULL, "memory for a connection");
		*c = (struct served){.fd = fd, .server = server};
		list_push_back(&s->side->all, &c->link);
		exact_add(&s->at[server].accepted);
		look(s, server);
		plan_end(s, c);
		CHECK(epoll_ctl(s->side->epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "room in the epoll");
		(void)!send(fd, &greeting, 1, MSG_NOSIGNAL);
	}
}

/* No client says anything, so what comes is an end. */
static void served_event(struct served *c)
{
	char byte;

	if (recv(c->fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		return;
	end_served(c, false);
}

static void end_due(struct exact_servers *s)
{
	int64_t now = clock_now();

	list_for_each_safe(it, &s->side->all) {
		struct served *c = list_entry(it, struct served, link);

		if (c->ends == 0 || now < c->ends)
			continue;
		c->ends = 0;
		if (c->resets)
			end_served(c, true);
		else
			shutdown(c->fd, SHUT_WR);
	}
}

static void *servers_main(void *arg)
{
	struct exact_servers *s = arg;
	struct epoll_event ev[EVENTS];

	while (__atomic_load_n(&s->stopping, __ATOMIC_RELAXED) == 0) {
		int n = epoll_wait(s->side->epoll, ev, EVENTS, 1);

		for (int i = 0; i < n; i++) /* ends first: each makes room for what is accepted after it */
			if (ev[i].data.u64 >= EXACT_SERVERS)
				served_event(ev[i].data.ptr);
		for (int i = 0; i < n; i++)
			if (ev[i].data.u64 < EXACT_SERVERS)
				accept_all(s, (int)ev[i].data.u64);
		end_due(s);
	}
	return NULL;
}

void exact_servers_start(struct exact_servers *s)
{
	struct exact_server_side *side = calloc(1, sizeof(*side));

	assert_non_null(side);
	s->side = side;
	side->random = s->seed;
	side->epoll = epoll_create1(EPOLL_CLOEXEC);
	list_init(&side->all);
	for (int i = 0; i < EXACT_SERVERS; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)i};

		side->listener[i] = kit_listen(s->ip[i], &s->port, 512);
		assert_int_equal(fcntl(side->listener[i], F_SETFL, O_NONBLOCK), 0);
		assert_int_equal(epoll_ctl(side->epoll, EPOLL_CTL_ADD, side->listener[i], &ev), 0);
	}
	assert_int_equal(pthread_create(&s->thread, NULL, servers_main, s), 0);
}

void exact_servers_stop(struct exact_servers *s)
{
	__atomic_store_n(&s->stopping, 1, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	list_for_each_safe(it, &s->side->all)
		end_served(list_entry(it, struct served, link), true);
	for (int i = 0; i < EXACT_SERVERS; i++)
		close(s->side->listener[i]);
	close(s->side->epoll);
	free(s->side);
}
