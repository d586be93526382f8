/* world: where the socket tests happen. The script of a test is a coroutine on the owner worker.
 * What must come from elsewhere while the script is parked (a close, a deadline, a peer's byte) is
 * asked for with wake(). A row runs twice, and wake() takes another way each time:
 *
 *   same worker   another coroutine of the owner does it
 *   two workers   a second worker is told, and posts a message to the owner, whose loop does it
 *
 * Neither happens before the script parks, since it neither yields nor lets the loop turn before
 * that: no pause is needed to make sure that it stands there. A script never asserts (a failed
 * assertion is a longjmp): it writes down what it saw, and the test asserts when world_run is
 * back. Setup and teardown of every test see to it that descriptors are as many as before; a
 * pollDesc or a coroutine that is left behind aborts in the worker's own end. */
#ifndef TESTS_UNIT_NETPOLL_WORLD_H
#define TESTS_UNIT_NETPOLL_WORLD_H

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/fd.h"
#include "netpoll/hook.h"

enum where { SAME_WORKER, TWO_WORKERS };

#define ACTS 1200

struct act {
	struct np_msg m; /* to the other worker and back */
	struct np_timer timer;
	int64_t delay;
	void (*fn)(void *arg); /* on the owner; may not park */
	void *arg;
	struct np_event done;
};

static struct world {
	enum where where;
	struct np_worker *owner, *other;
	void (*script)(void *arg);
	void *arg;
	struct act acts[ACTS];
	int n_acts;
	sem_t over; /* two workers: the script has ended */
	int fds;    /* open when the test began */
} world;

/* ---- the waker ------------------------------------------------------------------------------- */

static inline void act_now(struct act *a)
{
	a->fn(a->arg);
	np_event_set(&a->done);
}

static inline void act_coroutine(void *arg)
{
	struct act *a = arg;

	if (a->delay > 0)
		np_sleep(a->delay);
	act_now(a);
}

static inline void act_home(struct np_msg *m)
{
	act_now(container_of(m, struct act, m));
}

static inline void act_send_home(struct np_timer *t)
{
	struct act *a = container_of(t, struct act, timer);

	a->m.fn = act_home;
	np_post(world.owner, &a->m);
}

static inline void act_away(struct np_msg *m)
{
	struct act *a = container_of(m, struct act, m);

	a->timer.fn = act_send_home;
	np_timer_set(&a->timer, np_deadline_after(a->delay));
}

/* fn(arg) is called on the owner, at least `delay` from now and not before the caller parks. */
static inline void wake(int64_t delay, void (*fn)(void *arg), void *arg)
{
	struct act *a = &world.acts[world.n_acts++];

	CHECK(world.n_acts <= ACTS, "a script wakes more often than the world allows");
	*a = (struct act){.delay = delay, .fn = fn, .arg = arg};
	if (world.where == TWO_WORKERS) {
		a->m.fn = act_away;
		np_post(world.other, &a->m);
		return;
	}
	CHECK(np_go("waker", act_coroutine, a) == 0, "no stack for a waker");
}

/* A coroutine beside the script. */
static inline void beside(void (*fn)(void *arg), void *arg)
{
	CHECK(np_go("beside", fn, arg) == 0, "no stack for a coroutine");
}

/* ---- running --------------------------------------------------------------------------------- */

static inline void world_main(void *arg)
{
	(void)arg;
	world.owner = np_self();
	world.script(world.arg);
	for (int i = 0; i < world.n_acts; i++)
		np_event_wait(&world.acts[i].done);
	if (world.where == TWO_WORKERS)
		sem_post(&world.over);
}

static inline void world_nothing(void *arg)
{
	(void)arg;
}

/* The owner is freed last, since the other worker may still be on its way out of the np_post that
 * made the script end. */
static inline void world_run_two(const struct np_worker_opts *here)
{
	const struct np_worker_opts there = {
		.name = "other",
		.id = 1,
		.cpu = -1,
		.main = world_nothing,
	};
	struct np_worker *owner;

	assert_int_equal(sem_init(&world.over, 0, 0), 0);
	assert_int_equal(np_worker_start(&world.other, &there), 0);
	assert_int_equal(np_worker_start(&owner, here), 0);
	np_worker_stop(owner); /* once its last coroutine has ended */
	while (sem_wait(&world.over) != 0)
		;
	np_worker_stop(world.other);
	np_worker_join(world.other);
	np_worker_join(owner);
	sem_destroy(&world.over);
}

/* Runs the script to the end of its last coroutine. */
static inline void world_run(void (*script)(void *arg), void *arg)
{
	const struct np_worker_opts here = {.name = "owner", .cpu = -1, .main = world_main};

	world.script = script;
	world.arg = arg;
	world.n_acts = 0;
	if (world.where == TWO_WORKERS)
		world_run_two(&here);
	else
		assert_int_equal(np_run(&here), 0);
}

static inline int world_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static inline int world_setup(void **state)
{
	world.where = *state != NULL ? *(enum where *)*state : SAME_WORKER;
	world.fds = world_count_fds();
	return 0;
}

static inline int world_teardown(void **state)
{
	int now = world_count_fds();

	(void)state;
	hook_reset();
	if (now != world.fds)
		print_error("%d descriptors were open before, %d are after it\n", world.fds, now);
	return now == world.fds ? 0 : -1;
}

static enum where world_same unused_ok = SAME_WORKER, world_two unused_ok = TWO_WORKERS;

/* A row, with the ids it covers in its name, in both worlds; and a test for which there is only
 * one. */
#define BOTH(ids, f)                                                                  \
	{ids " " #f ", same worker", f, world_setup, world_teardown, &world_same}, \
	{ids " " #f ", two workers", f, world_setup, world_teardown, &world_two}
#define ONCE(ids, f) {ids " " #f, f, world_setup, world_teardown, &world_same}

/* ---- sockets --------------------------------------------------------------------------------- */

static inline void set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static inline struct np_addr loopback(int port)
{
	struct np_addr a = {.len = sizeof(struct sockaddr_in)};

	a.u.in4.sin_family = AF_INET;
	a.u.in4.sin_port = htons((uint16_t)port);
	a.u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* A listening, non-blocking socket on a port of the kernel's choice; *at says where. */
static inline int tcp_listener(struct np_addr *at)
{
	const struct np_listen_opts o = {.backlog = 128};
	struct np_addr any = loopback(0);
	int fd = np_listen(&any, &o);

	assert_true(fd >= 0);
	assert_int_equal(np_sock_addr(fd, at), 0);
	return fd;
}

/* Two connected, non-blocking stream sockets. s[0] is the one that connected. */
static inline void make_pair(int family, int s[2])
{
	struct np_addr at;
	int listener;

	if (family == AF_UNIX) {
		const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

		assert_int_equal(socketpair(AF_UNIX, type, 0, s), 0);
		return;
	}
	listener = tcp_listener(&at);
	s[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(s[0], &at.u.sa, at.len), 0);
	s[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(s[1] >= 0);
	set_nonblocking(s[0]);
	set_nonblocking(s[1]);
	close(listener);
}

/* In a script: sysfd becomes an np_fd of the owner. */
static inline void adopt(struct np_fd *fd, int sysfd)
{
	CHECK(np_fd_init(fd, sysfd) == 0, "no memory for a pollDesc");
}

/* Some usual acts, for wake(). */
static inline void act_close(void *fd)
{
	np_fd_close(fd);
}

static inline void act_expire_reads(void *fd)
{
	np_fd_set_read_deadline(fd, np_deadline_after(-5 * NP_S));
}

static inline void act_expire(void *fd)
{
	np_fd_set_deadline(fd, np_deadline_after(-5 * NP_S));
}

#endif
