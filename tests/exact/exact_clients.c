/* The clients: as many as there may be at a time, on one epoll. Those that wait stand in the order in which they came,
 * so that a greeting tells who was overtaken: the oldest of the same era, if it has to wait for long after it. */
#include "tests/exact/exact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netpoll/check.h"

#define MS     INT64_C(1000000)
#define EVENTS 128

enum client_end { END_FIN, END_RESET };

struct client {
	struct list link;     /* in free, waiting or greeted */
	int fd;
	int64_t came;
	int64_t ends;         /* by itself then; 0: with its greeting, and while it waits: it does not */
	int64_t holds;        /* so long after its greeting */
	int64_t passed;       /* when one that came later had its greeting; 0: nobody had */
	uint32_t era;
	enum client_end how;
	bool greeted;
};

struct exact_client_side {
	int epoll;
	struct sockaddr_in to;
	uint64_t random;
	unsigned live;
	struct list free, waiting, greeted; /* of struct client; waiting: the oldest first */
	struct client all[EXACT_MOST];
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* ---- what a client does ---- */

/* Of ten, six end with their greeting, two go on for a while, one resets then, and one resets while it may wait. */
static void plan(struct exact_clients *c, struct client *one)
{
	uint64_t lot = exact_random(&c->side->random), how = lot % 10;
	int64_t hold = c->hold > 0 ? (int64_t)(lot >> 8) % c->hold : 0;

	one->how = how == 9 || lot >> 60 == 0 ? END_RESET : END_FIN;
	one->holds = c->all_hold || how == 6 || how == 7 ? hold : 0;
	one->ends = how == 8 ? one->came + (int64_t)(lot >> 8) % (6 * MS) : 0;
}

static void over(struct exact_clients *c, struct client *one, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};

	if (reset)
		setsockopt(one->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (one->fd >= 0)
		close(one->fd);
	list_remove(&one->link);
	list_push_back(&c->side->free, &one->link);
	c->side->live--;
	exact_add(&c->over);
}

static bool dials(const struct exact_clients *c, int fd)
{
	const struct sockaddr_in *to = &c->side->to;

	return fd >= 0 && (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 || errno == EINPROGRESS);
}

static void come(struct exact_clients *c)
{
	struct client *one = list_entry(c->side->free.next, struct client, link);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = one};

	list_remove(&one->link);
	*one = (struct client){.fd = -1, .came = now_ns(), .era = __atomic_load_n(&c->era, __ATOMIC_SEQ_CST)};
	list_push_back(&c->side->waiting, &one->link);
	plan(c, one);
	exact_add(&c->begun);
	c->side->live++;
	one->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!dials(c, one->fd) || epoll_ctl(c->side->epoll, EPOLL_CTL_ADD, one->fd, &ev) < 0) {
		exact_add(&c->refused);
		over(c, one, false);
	}
}

/* ---- the order ---- */

/* A reload begins another era, and who came during one is in no order. */
static void note_order(struct exact_clients *c, struct client *one, int64_t now)
{
	if (one->passed != 0 && now - one->passed > c->patience)
		exact_add(&c->overtaken);
	if (one->era == 0)
		return;
	list_for_each(it, &c->side->waiting) {
		struct client *older = list_entry(it, struct client, link);

		if (older == one || older->came + c->patience > one->came)
			return;
		if (older->era == one->era && older->passed == 0)
			older->passed = now;
	}
}

static void greet(struct exact_clients *c, struct client *one)
{
	int64_t now = now_ns(), waited = now - one->came;

	one->greeted = true;
	exact_add(&c->greeted);
	if (waited > MS)
		exact_add(&c->waited);
	if (waited > c->longest)
		__atomic_store_n(&c->longest, waited, __ATOMIC_RELAXED);
	note_order(c, one, now);
	list_remove(&one->link);
	list_push_back(&c->side->greeted, &one->link);
	one->ends = one->holds > 0 ? now + one->holds : 0;
	if (one->holds == 0)
		over(c, one, one->how == END_RESET);
}

/* ---- events ---- */

/* A greeting; or, before or after it, the end of the other side. */
static void client_event(struct exact_clients *c, struct client *one)
{
	bool waits = !one->greeted;
	char byte[8];
	ssize_t n = recv(one->fd, byte, sizeof(byte), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && waits) {
		greet(c, one);
		return;
	}
	if (waits)
		exact_add(&c->refused);
	over(c, one, false);
}

static void end_due(struct exact_clients *c, struct list *of, uint64_t *counted)
{
	int64_t now = now_ns();

	list_for_each_safe(it, of) {
		struct client *one = list_entry(it, struct client, link);

		if (one->ends == 0 || now < one->ends)
			continue;
		if (counted != NULL)
			exact_add(counted);
		over(c, one, counted != NULL || one->how == END_RESET);
	}
}

static void *clients_main(void *arg)
{
	struct exact_clients *c = arg;
	struct epoll_event ev[EVENTS];

	while (c->begun < c->total || c->side->live > 0) {
		int n;

		for (int i = 0; i < 8 && c->side->live < c->at_once && c->begun < c->total; i++)
			come(c);
		n = epoll_wait(c->side->epoll, ev, EVENTS, c->side->live < c->at_once && c->begun < c->total ? 0 : 1);
		for (int i = 0; i < n; i++)
			client_event(c, ev[i].data.ptr);
		end_due(c, &c->side->waiting, &c->gone);
		end_due(c, &c->side->greeted, NULL);
	}
	return NULL;
}

void exact_clients_start(struct exact_clients *c)
{
	struct exact_client_side *side = calloc(1, sizeof(*side));

	assert_non_null(side);
	assert_true(c->at_once <= EXACT_MOST);
	c->side = side;
	side->random = c->seed;
	side->epoll = epoll_create1(EPOLL_CLOEXEC);
	side->to.sin_family = AF_INET;
	side->to.sin_port = htons((uint16_t)c->port);
	inet_pton(AF_INET, c->ip, &side->to.sin_addr);
	list_init(&side->free);
	list_init(&side->waiting);
	list_init(&side->greeted);
	for (unsigned i = 0; i < EXACT_MOST; i++)
		list_push_back(&side->free, &side->all[i].link);
	assert_int_equal(pthread_create(&c->thread, NULL, clients_main, c), 0);
}

void exact_clients_join(struct exact_clients *c)
{
	pthread_join(c->thread, NULL);
	close(c->side->epoll);
	free(c->side);
}
