/* The life of one descriptor (fd.c): close, registration, what it knows: N15, N31, X5, K8, K9,
 * K13. Its lock is in semantics_lock_test.c, its deadlines in semantics_deadline_test.c. */
#include <errno.h>

#include "tests/unit/netpoll/world.h"

struct duo {
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	ssize_t got[8];
	int n_got;
	bool shared;
};

static void saw(struct duo *d, ssize_t got)
{
	d->got[d->n_got++] = got;
}

static struct duo duo(int family)
{
	struct duo d = {0};

	make_pair(family, d.raw);
	return d;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* ---- close ----------------------------------------------------------------------------------- */

static void after_close_script(void *arg)
{
	struct duo *d = arg;
	struct np_g *me = np_current();
	char byte = 0;

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_close(&d->fd));
	saw(d, np_fd_close(&d->fd));
	saw(d, np_fd_close_reset(&d->fd));
	saw(d, np_fd_close_write(&d->fd));
	saw(d, np_fd_register(&d->fd));
	saw(d, np_fd_watch(&d->fd, NP_READ, me));
	saw(d, np_fd_try_read(&d->fd, &byte, 1));
	saw(d, np_fd_try_write(&d->fd, &byte, 1));
	np_fd_unwatch(&d->fd, me);
	np_fd_set_deadline(&d->fd, 1);
}

static void closed_stays_closed(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	world_run(after_close_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.got[0], 0);
	for (int i = 1; i < d.n_got; i++)
		assert_int_equal(d.got[i], -NP_ECLOSING);
	assert_int_equal(d.n_got, 8);
}

static int closing_fd, closes;

/* Linux has let go of the number by the time it says EINTR. */
static int close_interrupted(int fd)
{
	int err = close(fd);

	if (fd != closing_fd)
		return err;
	closes++;
	errno = EINTR;
	return -1;
}

static void close_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_close(&d->fd));
}

static void close_is_not_retried(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	closing_fd = d.raw[0];
	closes = 0;
	hook.close = close_interrupted;
	world_run(close_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.got[0], 0);
	assert_int_equal(closes, 1);
}

static void slow_reader(void *arg)
{
	struct duo *d = arg;

	if (fd_rwlock(&d->fd, NP_READ) != 0)
		return;
	for (int i = 0; i < 5; i++)
		np_yield();
	fd_rwunlock(&d->fd, NP_READ);
	saw(d, 1);
}

static void close_waits_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	beside(slow_reader, d);
	np_yield();
	saw(d, np_fd_close(&d->fd) == 0 ? 2 : -1);
}

static void close_waits_for_the_last_operation(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	world_run(close_waits_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.got[0], 1); /* first the reader left, and only then close came back */
	assert_int_equal(d.got[1], 2);
	assert_false(is_open(d.raw[0]));
}

static void close_reset_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_close_reset(&d->fd));
}

static void close_reset_is_seen_by_the_peer(void **state)
{
	struct duo d = duo(AF_INET);
	char byte;

	(void)state;
	world_run(close_reset_script, &d);
	assert_int_equal(d.got[0], 0);
	assert_int_equal(recv(d.raw[1], &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(d.raw[1]);
}

/* ---- registration ---------------------------------------------------------------------------- */

static int failing_fd;

static int epoll_ctl_full(int ep, int op, int fd, struct epoll_event *ev)
{
	if (op != EPOLL_CTL_ADD || fd != failing_fd)
		return epoll_ctl(ep, op, fd, ev);
	errno = ENOSPC;
	return -1;
}

static int close_counted(int fd)
{
	closes += fd == closing_fd;
	return close(fd);
}

static void register_fails_script(void *arg)
{
	struct duo *d = arg;
	char byte;

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_register(&d->fd));
	saw(d, np_fd_read(&d->fd, &byte, 1)); /* has to wait, so it tries again to register */
	saw(d, np_fd_watch(&d->fd, NP_WRITE, np_current()));
	saw(d, np_fd_close(&d->fd));
}

static void a_failed_registration_costs_exactly_that_fd(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	failing_fd = closing_fd = d.raw[0];
	closes = 0;
	hook.epoll_ctl = epoll_ctl_full;
	hook.close = close_counted;
	world_run(register_fails_script, &d);
	assert_int_equal(d.got[0], -ENOSPC);
	assert_int_equal(d.got[1], -ENOSPC);
	assert_int_equal(d.got[2], -ENOSPC);
	assert_int_equal(d.got[3], 0);
	assert_int_equal(closes, 1);
	assert_true(is_open(d.raw[1]));
	close(d.raw[1]);
}

/* Every slot of the worker is taken, and there is no slab more to be had. */
static void no_memory_script(void *arg)
{
	struct pollcache *cache = &np_self()->np.cache;
	uint32_t slabs = cache->slabs, fresh = cache->fresh;
	struct duo *d = arg;

	cache->slabs = POLLCACHE_SLABS;
	cache->fresh = POLLCACHE_SLABS * POLLCACHE_SLAB;
	saw(d, np_fd_init(&d->fd, d->raw[0]));
	cache->slabs = slabs;
	cache->fresh = fresh;
}

static void without_memory_the_fd_stays_the_callers(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	world_run(no_memory_script, &d);
	assert_int_equal(d.got[0], -NP_ENOMEM);
	assert_true(is_open(d.raw[0]));
	close(d.raw[0]);
	close(d.raw[1]);
}

static int deletes;

static int epoll_ctl_counted(int ep, int op, int fd, struct epoll_event *ev)
{
	deletes += op == EPOLL_CTL_DEL;
	return epoll_ctl(ep, op, fd, ev);
}

static void shared_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	if (d->shared)
		np_fd_mark_shared(&d->fd);
	saw(d, np_fd_register(&d->fd));
	np_fd_close(&d->fd);
}

static void only_a_shared_socket_is_taken_out_of_the_poller(void **state)
{
	(void)state;
	hook.epoll_ctl = epoll_ctl_counted;
	for (int shared = 0; shared < 2; shared++) {
		struct duo d = duo(AF_INET);

		deletes = 0;
		d.shared = shared;
		world_run(shared_script, &d);
		close(d.raw[1]);
		assert_int_equal(d.got[0], 0);
		assert_int_equal(deletes, shared);
	}
}

/* ---- hung up, unsent ------------------------------------------------------------------------- */

static void wait_readable(struct duo *d)
{
	char byte;

	saw(d, np_fd_read(&d->fd, &byte, 1));
}

static void act_half_close(void *arg)
{
	shutdown(((struct duo *)arg)->raw[1], SHUT_WR);
}

static void act_send(void *arg)
{
	(void)!send(((struct duo *)arg)->raw[1], "x", 1, 0);
}

static void hung_up_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_may_have_more(&d->fd)); /* not registered: registering will tell */
	wake(0, act_send, d);
	wait_readable(d);
	saw(d, np_fd_may_have_more(&d->fd));
	wake(0, act_half_close, d);
	wait_readable(d);
	saw(d, np_fd_may_have_more(&d->fd));
	np_fd_close(&d->fd);
}

static void hung_up_is_known_after_the_event(void **state)
{
	static const ssize_t expect[] = {0, 1, 0, 0, 1};
	struct duo d = duo(AF_INET);

	(void)state;
	world_run(hung_up_script, &d);
	close(d.raw[1]);
	for (size_t i = 0; i < array_len(expect); i++)
		assert_int_equal(d.got[i], expect[i]);
}

static void unsent_script(void *arg)
{
	struct duo *d = arg;
	static char block[1 << 16];

	adopt(&d->fd, d->raw[0]);
	saw(d, np_fd_unsent(&d->fd));
	while (np_fd_try_write(&d->fd, block, sizeof(block)) > 0)
		;
	saw(d, np_fd_unsent(&d->fd));
	np_fd_close(&d->fd);
}

static void unsent_counts_what_is_not_acknowledged(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	world_run(unsent_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.got[0], 0);
	assert_true(d.got[1] > 0);
}

/* ---- moved ---- */

static void moved_script(void *arg)
{
	struct duo *d = arg;
	struct np_fd to = {0};
	char byte = 0;

	saw(d, np_fd_init(&d->fd, d->raw[0]));
	np_fd_set_read_deadline(&d->fd, np_deadline_after(10 * NP_S));
	saw(d, np_fd_register(&d->fd));
	np_fd_move(&to, &d->fd);
	saw(d, np_fd_write(&to, "x", 1, NULL));
	saw(d, np_fd_read(&to, &byte, 1));
	saw(d, np_fd_close(&to));
}

/* E51: the winner of two dials takes the place of the loser, with its registration and deadlines. */
static void e51_moved_it_goes_on(void **state)
{
	struct duo d = duo(AF_INET);
	char byte;

	(void)state;
	assert_int_equal(write(d.raw[1], "y", 1), 1);
	world_run(moved_script, &d);
	assert_int_equal(d.n_got, 5);
	assert_true(d.got[0] == 0 && d.got[1] == 0 && d.got[2] == 0 && d.got[3] == 1 && d.got[4] == 0);
	assert_int_equal(read(d.raw[1], &byte, 1), 1);
	assert_int_equal(d.fd.sysfd, -1);
	close(d.raw[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N15 K8", closed_stays_closed),
		ONCE("K9", close_is_not_retried),
		ONCE("K8", close_waits_for_the_last_operation),
		ONCE("K8", close_reset_is_seen_by_the_peer),
		ONCE("X5", a_failed_registration_costs_exactly_that_fd),
		ONCE("X5", without_memory_the_fd_stays_the_callers),
		ONCE("X5", only_a_shared_socket_is_taken_out_of_the_poller),
		BOTH("K13", hung_up_is_known_after_the_event),
		BOTH("K13", e51_moved_it_goes_on),
		ONCE("K13", unsent_counts_what_is_not_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
