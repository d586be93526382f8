/* A descriptor that goes to another process and back (P34): its registration and deadlines go, no edge is lost, and
 * what another process has passed is looked at before it is used. */
#include "tests/unit/netpoll/world.h"

static struct passed {
	int raw[2];
	struct np_fd fd;
	ssize_t got[8];
	int n_got;
} passed;

static void saw(ssize_t got)
{
	passed.got[passed.n_got++] = got;
}

static struct np_fd *begin(int family)
{
	passed = (struct passed){.n_got = 0};
	make_pair(family, passed.raw);
	return &passed.fd;
}

/* ---- it leaves the poller ---- */

static int deletes, adds;

static int epoll_ctl_noted(int ep, int op, int fd, struct epoll_event *ev)
{
	deletes += op == EPOLL_CTL_DEL && fd == passed.raw[0];
	adds += op == EPOLL_CTL_ADD && fd == passed.raw[0];
	return epoll_ctl(ep, op, fd, ev);
}

static void deregister_script(void *arg)
{
	struct np_fd *fd = arg;
	char byte;

	adopt(fd, passed.raw[0]);
	saw(np_fd_register(fd));
	np_fd_set_read_deadline(fd, np_nanotime() - 1);
	saw(np_fd_try_read(fd, &byte, 1));
	saw(np_fd_deregister(fd) == passed.raw[0]);
	saw(np_fd_try_read(fd, &byte, 1)); /* the deadline that had passed is gone */
	saw(np_fd_watch(fd, NP_READ, np_current()));
	np_fd_unwatch(fd, np_current());
	np_fd_close(fd);
}

static void p34_its_registration_and_deadlines_go(void **state)
{
	(void)state;
	deletes = adds = 0;
	hook.epoll_ctl = epoll_ctl_noted;
	world_run(deregister_script, begin(AF_INET));
	close(passed.raw[1]);
	assert_int_equal(passed.got[0], 0);
	assert_int_equal(passed.got[1], -NP_EDEADLINE);
	assert_int_equal(passed.got[2], 1);
	assert_int_equal(passed.got[3], -NP_EAGAIN);
	assert_int_equal(passed.got[4], 0);
	assert_int_equal(adds, 2);
	assert_int_equal(deletes, 2); /* its close, too: another process may have the socket by then */
}

/* ---- it comes back ---- */

static void act_send_byte(void *arg)
{
	(void)arg;
	(void)!send(passed.raw[1], "x", 1, 0);
}

static void back_script(void *arg)
{
	struct np_fd *fd = arg;
	char byte;

	adopt(fd, passed.raw[0]);
	np_fd_set_deadline(fd, np_deadline_after(10 * NP_S));
	saw(np_fd_register(fd));
	np_fd_deregister(fd);
	np_fd_set_deadline(fd, np_deadline_after(10 * NP_S));
	(void)!send(passed.raw[1], "x", 1, 0); /* while nobody listens */
	saw(np_fd_read(fd, &byte, 1));
	wake(5 * NP_MS, act_send_byte, NULL);
	saw(np_fd_read(fd, &byte, 1));
	np_fd_deregister(fd);
	shutdown(passed.raw[1], SHUT_WR);
	saw(np_fd_register(fd));
	np_fd_set_deadline(fd, np_deadline_after(10 * NP_S));
	saw(np_fd_read(fd, &byte, 1));
	np_fd_close(fd);
}

static void p34_no_edge_is_lost_on_the_way_back(void **state)
{
	(void)state;
	world_run(back_script, begin(AF_INET));
	close(passed.raw[1]);
	assert_int_equal(passed.got[0], 0);
	assert_int_equal(passed.got[1], 1);
	assert_int_equal(passed.got[2], 1);
	assert_int_equal(passed.got[3], 0);
	assert_int_equal(passed.got[4], 0);
}

/* ---- what is passed is looked at ---- */

static void adopt_script(void *arg)
{
	struct np_fd *fd = arg;
	int pipes[2], udp = socket(AF_INET, SOCK_DGRAM, 0), listens = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(pipe(pipes) == 0 && listen(listens, 1) == 0, "descriptors of other kinds");
	saw(np_fd_adopt(fd, pipes[0]));
	saw(np_fd_adopt(fd, udp));
	saw(np_fd_adopt(fd, listens));
	saw(np_fd_adopt(fd, 1 << 20));
	close(pipes[0]);
	close(pipes[1]);
	close(udp);
	close(listens);
	CHECK(fcntl(passed.raw[0], F_SETFL, 0) == 0, "it would block");
	saw(np_fd_adopt(fd, passed.raw[0]));
	saw(fcntl(passed.raw[0], F_GETFL) & O_NONBLOCK);
	saw(fd->local);
	np_fd_close(fd);
}

static void p34_only_a_stream_with_a_peer_is_taken(void **state)
{
	(void)state;
	for (int local = 0; local < 2; local++) {
		world_run(adopt_script, begin(local ? AF_UNIX : AF_INET));
		close(passed.raw[1]);
		assert_int_equal(passed.got[0], -ENOTSOCK);
		assert_int_equal(passed.got[1], -NP_EINVAL);
		assert_int_equal(passed.got[2], -NP_EINVAL);
		assert_int_equal(passed.got[3], -EBADF);
		assert_int_equal(passed.got[4], 0);
		assert_int_equal(passed.got[5], O_NONBLOCK);
		assert_int_equal(passed.got[6], local);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONCE("P34", p34_its_registration_and_deadlines_go),
		BOTH("P34", p34_no_edge_is_lost_on_the_way_back),
		ONCE("P34", p34_only_a_stream_with_a_peer_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
