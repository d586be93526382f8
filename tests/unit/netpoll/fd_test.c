/* Life, exclusion and deadlines of one descriptor (fd.c): N31, N15, N32, X5, K3, K8, K9. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/netpoll/world.h"

struct duo {
	int raw[2];
	struct np_fd fd; /* of raw[0] */
	ssize_t got[8];
	int n_got;
	int inside, most_inside;
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

/* ---- the lock ----------------------------------------------------------------------------------------------------- */

#define CROWD       8
#define CROWD_STEPS 4000

static void enter_and_leave(struct duo *d, enum np_mode mode, int turns)
{
	if (fd_rwlock(&d->fd, mode) != 0)
		return;
	d->inside++;
	if (d->inside > d->most_inside)
		d->most_inside = d->inside;
	for (int i = 0; i < turns; i++)
		np_yield();
	d->inside--;
	fd_rwunlock(&d->fd, mode);
}

static void crowd_member(void *arg)
{
	struct duo *d = arg;
	unsigned seed = 1 + (unsigned)d->n_got;

	saw(d, 0);
	for (int i = 0; i < CROWD_STEPS; i++) {
		unsigned dice = (unsigned)rand_r(&seed);

		if (dice % 4 != 0) {
			enter_and_leave(d, NP_READ, (int)(dice >> 8) % 3);
		} else if (fd_incref(&d->fd) == 0) {
			np_yield();
			fd_decref(&d->fd);
		}
	}
}

static void crowd_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	for (int i = 1; i < CROWD; i++)
		beside(crowd_member, d);
	crowd_member(d);
	while (d->fd.refs > 1)
		np_yield();
	np_fd_close(&d->fd);
}

static void one_reader_at_a_time(void **state)
{
	struct duo d = duo(AF_UNIX);

	(void)state;
	world_run(crowd_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.n_got, CROWD);
	assert_int_equal(d.most_inside, 1);
	assert_int_equal(d.inside, 0);
	assert_int_equal(d.fd.refs, 0);
}

static void writer_inside(void *arg)
{
	enter_and_leave(arg, NP_WRITE, 3);
}

static void both_ways_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	beside(writer_inside, d);
	enter_and_leave(d, NP_READ, 3);
	while (d->inside > 0)
		np_yield();
	np_fd_close(&d->fd);
}

static void reader_and_writer_do_not_exclude_each_other(void **state)
{
	struct duo d = duo(AF_UNIX);

	(void)state;
	world_run(both_ways_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.most_inside, 2);
}

/* Takes the lock again as soon as it has left it, 50 times. */
static void greedy(void *arg)
{
	struct duo *d = arg;

	for (int i = 0; i < 50; i++) {
		enter_and_leave(d, NP_READ, 1);
		d->n_got++;
	}
}

static void turns_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	beside(greedy, d);
	np_yield(); /* the greedy one is inside */
	if (fd_rwlock(&d->fd, NP_READ) == 0) {
		d->got[0] = d->n_got;
		fd_rwunlock(&d->fd, NP_READ);
	}
	while (d->n_got < 50)
		np_yield();
	np_fd_close(&d->fd);
}

static void who_waits_gets_the_next_turn(void **state)
{
	struct duo d = duo(AF_UNIX);

	(void)state;
	world_run(turns_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.got[0], 1); /* the turn the greedy one was in, and not one more */
}

static void lock_waiter(void *arg)
{
	struct duo *d = arg;

	saw(d, fd_rwlock(&d->fd, d->n_got % 2 == 0 ? NP_READ : NP_WRITE));
}

static void writer_waiter(void *arg)
{
	struct duo *d = arg;

	saw(d, fd_rwlock(&d->fd, NP_WRITE));
}

/* Holds both locks while four others wait; only then does the close come. */
static void close_unblock_script(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	if (fd_rwlock(&d->fd, NP_READ) != 0 || fd_rwlock(&d->fd, NP_WRITE) != 0)
		return;
	for (int i = 0; i < 2; i++) {
		beside(lock_waiter, d);
		beside(writer_waiter, d);
	}
	np_yield();
	wake(0, act_close, &d->fd);
	while (d->n_got < 4)
		np_yield();
	d->got[4] = is_open(d->raw[0]); /* two operations are still under way */
	fd_rwunlock(&d->fd, NP_READ);
	fd_rwunlock(&d->fd, NP_WRITE);
	d->got[5] = is_open(d->raw[0]);
}

static void close_unblocks_four_waiters(void **state)
{
	struct duo d = duo(AF_UNIX);

	(void)state;
	world_run(close_unblock_script, &d);
	close(d.raw[1]);
	assert_int_equal(d.n_got, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(d.got[i], -NP_ECLOSING);
	assert_true(d.got[4]);
	assert_false(d.got[5]);
}

/* ---- misuse ------------------------------------------------------------------------------------------------------- */

static void double_unlock(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	fd_rwunlock(&d->fd, NP_READ);
}

static void release_too_often(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	d->fd.refs = 0;
	fd_decref(&d->fd);
}

static void too_many_references(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	d->fd.refs = FD_MAX_REFS;
	(void)!fd_incref(&d->fd);
}

static void never_initialised(void *arg)
{
	struct duo *d = arg;
	char byte;

	(void)!np_fd_read(&d->fd, &byte, 1);
}

/* Runs the script in a child, silently. True if it ended by abort(). */
static bool aborts(void (*script)(void *arg), struct duo *d)
{
	struct rlimit no_core = {0};
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		close(STDERR_FILENO);
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL);
		world_run(script, d);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void misuse_aborts(void **state)
{
	struct duo d = duo(AF_UNIX);

	(void)state;
	assert_true(aborts(double_unlock, &d));
	assert_true(aborts(release_too_often, &d));
	assert_true(aborts(too_many_references, &d));
	assert_true(aborts(never_initialised, &d));
	close(d.raw[0]);
	close(d.raw[1]);
}

/* ---- close -------------------------------------------------------------------------------------------------------- */

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
	enter_and_leave(arg, NP_READ, 5);
	saw(arg, 1);
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

/* ---- registration ------------------------------------------------------------------------------------------------- */

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

static int mmaps_left;

static void *mmap_fails(void *p, size_t n, int prot, int flags, int fd, off_t off)
{
	if (n != POLLCACHE_SLAB * sizeof(struct polldesc) || mmaps_left-- > 0)
		return mmap(p, n, prot, flags, fd, off);
	errno = ENOMEM;
	return MAP_FAILED;
}

static void no_memory_script(void *arg)
{
	struct duo *d = arg;

	saw(d, np_fd_init(&d->fd, d->raw[0]));
}

static void without_memory_the_fd_stays_the_callers(void **state)
{
	struct duo d = duo(AF_INET);

	(void)state;
	mmaps_left = 0;
	hook.mmap = mmap_fails;
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

/* ---- hung up, unsent ---------------------------------------------------------------------------------------------- */

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
	saw(d, np_fd_hung_up(&d->fd)); /* not registered: no event could have told */
	wake(0, act_send, d);
	wait_readable(d);
	saw(d, np_fd_hung_up(&d->fd));
	wake(0, act_half_close, d);
	wait_readable(d);
	saw(d, np_fd_hung_up(&d->fd));
	np_fd_close(&d->fd);
}

static void hung_up_is_known_after_the_event(void **state)
{
	static const ssize_t expect[] = {1, 1, 0, 0, 1};
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N31", one_reader_at_a_time),
		ONCE("N31", reader_and_writer_do_not_exclude_each_other),
		ONCE("N31", who_waits_gets_the_next_turn),
		BOTH("N31", close_unblocks_four_waiters),
		ONCE("N31", misuse_aborts),
		ONCE("N15 K8", closed_stays_closed),
		ONCE("K9", close_is_not_retried),
		ONCE("K8", close_waits_for_the_last_operation),
		ONCE("K8", close_reset_is_seen_by_the_peer),
		ONCE("X5", a_failed_registration_costs_exactly_that_fd),
		ONCE("X5", without_memory_the_fd_stays_the_callers),
		ONCE("X5", only_a_shared_socket_is_taken_out_of_the_poller),
		BOTH("K13", hung_up_is_known_after_the_event),
		ONCE("K13", unsent_counts_what_is_not_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
