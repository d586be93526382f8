/* A service that is upgraded under a service manager (P26, P27): the test is systemd, which listens to the main process
 * alone, keeps what it is told to keep, and watches. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpoll/addr.h"
#include "tests/flow/kit/upgrade.h"

#define STORED     16
#define ONE_MINUTE "60000000" /* us */

static struct {
	int fd;
	pid_t main_pid;         /* 0: it has not spoken yet */
	unsigned ready, signs;  /* of life: how many messages say so */
	unsigned n;             /* sockets kept */
	struct {
		int fd;
		char name[256];
	} at[STORED];
} manager;

static void begin_to_listen(void)
{
	struct np_addr a;
	int on = 1;

	manager.main_pid = 0;
	manager.n = manager.ready = manager.signs = 0;
	assert_int_equal(np_addr_parse(&a, textf("unix:%s/notify", kit_dir()), NULL), 0);
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(manager.fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(bind(manager.fd, &a.u.sa, a.len), 0);
}

static void forget(const char *name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < manager.n; i++) {
		if (strcmp(manager.at[i].name, name) == 0)
			close(manager.at[i].fd);
		else
			manager.at[kept++] = manager.at[i];
	}
	manager.n = kept;
}

/* What the main process says.   Returns  whether the descriptor is kept. */
static bool obey(const char *text, int fd)
{
	if (strncmp(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=", 26) == 0) {
		assert_true(fd >= 0 && manager.n < STORED);
		manager.at[manager.n].fd = fd;
		snprintf(manager.at[manager.n++].name, sizeof(manager.at[0].name), "%.255s", text + 26);
		return true;
	}
	if (strncmp(text, "FDSTOREREMOVE=1\nFDNAME=", 23) == 0) {
		forget(text + 23);
		return false;
	}
	if (strncmp(text, "MAINPID=", 8) == 0)
		manager.main_pid = (pid_t)strtol(text + 8, NULL, 10);
	manager.ready += strstr(text, "READY=1\n") != NULL;
	manager.signs += strstr(text, "WATCHDOG=1") != NULL;
	return false;
}

/* One message, if there is one. A descriptor that is not kept is closed, as a barrier wants it. */
static bool hear(void *arg)
{
	char text[1400] = "", room[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	struct ucred from = {0};
	int fd = -1;

	(void)arg;
	if (recvmsg(manager.fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		else
			memcpy(&from, CMSG_DATA(c), sizeof(from));
	}
	if (manager.main_pid == 0)
		manager.main_pid = from.pid;
	if ((from.pid != manager.main_pid || !obey(text, fd)) && fd >= 0)
		close(fd);
	return true;
}

static bool is_ready(void *arg)
{
	const unsigned *times = arg;

	while (hear(NULL))
		;
	return manager.ready >= *times;
}

static unsigned stored_at(int port)
{
	char end[16];
	unsigned n = 0;

	snprintf(end, sizeof(end), "_3a%d", port);
	for (unsigned i = 0; i < manager.n; i++)
		n += strstr(manager.at[i].name, end) != NULL;
	return n;
}

static void start_under_manager(struct world *w)
{
	begin_to_listen();
	start_with(w, KIT_ARGV("env", textf("NOTIFY_SOCKET=%s/notify", kit_dir()), "WATCHDOG_USEC=" ONE_MINUTE,
			       kit_binary(), "run", "-c", w->config));
}

static void expect_ready(unsigned times)
{
	if (!kit_wait(is_ready, &times, KIT_MS))
		kit_fail("the manager has heard READY %u times, and not %u", manager.ready, times);
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < manager.n; i++)
		close(manager.at[i].fd);
	close(manager.fd);
	return kit_end(state);
}

/* A sign of life comes with READY: the watch of a minute may have begun a minute ago, and the next sign is due in half
 * a minute. Nobody but the main process is heard meanwhile. */
static void p27_the_next_process_is_ready_and_alive_at_once(void **state)
{
	struct world w = world_of();

	(void)state;
	start_under_manager(&w);
	expect_ready(1);
	for (unsigned i = 2; i < 5; i++) {
		upgrade(&w);
		expect_ready(i);
		assert_int_equal(manager.main_pid, w.pid);
		assert_int_equal(manager.signs, i);
	}
	stop(&w);
}

/* An address that the next file has no more leaves the store, and its clients are refused; a new one is there, and what
 * stays is there once, whatever its listener is called by now. */
static void p26_the_store_follows_the_service(void **state)
{
	struct world w = world_of();
	int gone = kit_port(kit_ip(1)), come = kit_port(kit_ip(1));

	(void)state;
	write_world(&w, 2, textf("%s, \"%s:%d\"", tcp_bind(&w), kit_ip(1), gone), "");
	start_under_manager(&w);
	expect_ready(1);
	assert_int_equal(manager.n, 4);
	write_world(&w, 2, textf("%s, \"%s:%d\"", tcp_bind(&w), kit_ip(1), come), "");
	upgrade(&w);
	expect_ready(2);
	assert_int_equal(stored_at(gone), 0);
	assert_int_equal(stored_at(come), 2);
	assert_int_equal(stored_at(w.port), 2);
	assert_int_equal(kit_try_connect(kit_ip(1), gone), -ECONNREFUSED);
	end_orderly(served(kit_ip(1), come));
	stop(&w);
	while (hear(NULL))
		;
	assert_int_equal(manager.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p27_the_next_process_is_ready_and_alive_at_once, tear_down),
		cmocka_unit_test_teardown(p26_the_store_follows_the_service, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
