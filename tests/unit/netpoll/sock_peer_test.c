/* sock_peer: who connected to a Unix socket, and in which groups he is. */
#include "netpoll/netpoll.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "netpoll/hook.h"
#include "tests/kit/kit.h"

#define GROUP 54321 /* nobody's */

static const struct np_listen_opts plain;

/* What the worker saw; the test asserts. */
static struct seen {
	int sysfd, err;
	struct np_peer peer;
	int own, in, out; /* in its group, in GROUP, in neither */
} seen;

static void ask_about_peer(void *arg)
{
	struct seen *s = arg;
	struct np_fd fd;

	s->err = np_fd_init(&fd, s->sysfd);
	if (s->err != 0)
		return;
	s->err = np_fd_unix_peer(&fd, &s->peer);
	s->own = np_fd_peer_in_group(&fd, &s->peer, s->peer.gid);
	s->in = np_fd_peer_in_group(&fd, &s->peer, GROUP);
	s->out = np_fd_peer_in_group(&fd, &s->peer, GROUP + 1);
	np_fd_close(&fd);
}

/* A child in GROUP connects and waits until it is killed. */
static pid_t client_in_group(const struct np_addr *a)
{
	pid_t pid = fork();

	if (pid == 0) {
		gid_t group = GROUP;
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		if (geteuid() == 0 && setgroups(1, &group) != 0)
			_exit(1);
		if (connect(fd, &a->u.sa, a->len) != 0)
			_exit(1);
		pause();
		_exit(0);
	}
	return pid;
}

static void o2_who_connected(void **state)
{
	const struct np_worker_opts o = {.name = "peer", .cpu = -1, .main = ask_about_peer, .arg = &seen};
	char text[KIT_PATH + 8];
	struct np_addr a;
	int listener;
	pid_t pid;

	(void)state;
	snprintf(text, sizeof(text), "unix:%s/peer.sock", kit_dir());
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	listener = np_listen(&a, &plain);
	assert_true(listener >= 0);
	pid = client_in_group(&a);
	assert_true(pid > 0);
	seen = (struct seen){.sysfd = kit_accept(listener)};
	assert_int_equal(np_run(&o), 0);
	assert_int_equal(seen.err, 0);
	assert_int_equal(seen.peer.pid, pid);
	assert_int_equal(seen.peer.uid, geteuid());
	assert_int_equal(seen.peer.gid, getegid());
	assert_int_equal(seen.own, 1);
	assert_int_equal(seen.out, 0);
	if (geteuid() == 0)
		assert_int_equal(seen.in, 1);
	if (seen.peer.pidfd >= 0)
		np_sock_close(seen.peer.pidfd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(listener);
	unlink(a.u.un.sun_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o2_who_connected, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
