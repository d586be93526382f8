/* The lock and the references of a descriptor, Go's fdMutex: N31. */
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

/* ---- the lock -------------------------------------------------------------------------------- */

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

/* ---- misuse ---------------------------------------------------------------------------------- */

static void double_unlock(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	if (fd_incref(&d->fd) == 0)
		fd_rwunlock(&d->fd, NP_READ);
	np_fd_close(&d->fd);
}

static void release_too_often(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	d->fd.refs = 0;
	fd_decref(&d->fd);
	d->fd.refs = 1;
	np_fd_close(&d->fd);
}

static void too_many_references(void *arg)
{
	struct duo *d = arg;

	adopt(&d->fd, d->raw[0]);
	d->fd.refs = FD_MAX_REFS;
	(void)!fd_incref(&d->fd);
	d->fd.refs = 1;
	np_fd_close(&d->fd);
}

static void never_initialised(void *arg)
{
	struct duo *d = arg;
	char byte;

	(void)!np_fd_read(&d->fd, &byte, 1);
}

/* Runs the script in a child, silently. True if it ended by abort(). Each script would come to a
 * clean end if its misuse were let pass. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("N31", one_reader_at_a_time),
		ONCE("N31", reader_and_writer_do_not_exclude_each_other),
		ONCE("N31", who_waits_gets_the_next_turn),
		BOTH("N31", close_unblocks_four_waiters),
		ONCE("N31", misuse_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
