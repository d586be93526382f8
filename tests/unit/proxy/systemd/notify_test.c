/* What of the environment is believed, and what a recording socket gets. */
#include "proxy/systemd/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpoll/netpoll.h"
#include "proxy/log/log.h"
#include "tests/kit/kit.h"

/* The path of a socket in the test's directory. */
static const char *at(const char *name)
{
	static char text[KIT_PATH];

	snprintf(text, sizeof(text), "%s/%s", kit_dir(), name);
	return text;
}

/* A manager at this address that nobody reads yet. */
static int manager_at(const char *name)
{
	struct np_addr a;
	char text[KIT_PATH];
	int fd;

	snprintf(text, sizeof(text), "unix:%s", name);
	assert_int_equal(np_addr_parse(&a, text, NULL), 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
	return fd;
}

static void expect_message(int fd, const char *text)
{
	char got[256] = "";

	assert_true(recv(fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, text);
}

static void set(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* P27: a path, an abstract name, none, and what is neither. */
static void p27_addresses(void **state)
{
	static const struct {
		const char *name, *address; /* of those that are on: what stands before a path */
		bool on;
	} rows[] = {
		{"absent", NULL, false},
		{"empty", "", false},
		{"relative", "run/notify", false},
		{"vsock", "vsock:2:1234", false},
		{"@ alone", "@", false},
		{"too long for a socket",
		 "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
		 "01234567890123456789",
		 false},
		{"path", "", true},
		{"abstract", "@", true},
	};

	(void)state;
	log_init(LVL_ERROR, LOG_FORMAT_AUTO, STDERR_FILENO);
	for (size_t i = 0; i < array_len(rows); i++) {
		char address[KIT_PATH] = "";
		struct notify n;
		int fd = -1;

		if (rows[i].on) {
			snprintf(address, sizeof(address), "%s%s/notify", rows[i].address, kit_dir());
			fd = manager_at(address);
		}
		set("NOTIFY_SOCKET", rows[i].on ? address : rows[i].address);
		notify_open(&n);
		if (notify_is_on(&n) != rows[i].on)
			kit_fail("%s", rows[i].name);
		assert_null(getenv("NOTIFY_SOCKET"));
		assert_int_equal(notify_send(&n, "READY=1"), rows[i].on);
		if (fd >= 0) {
			expect_message(fd, "READY=1");
			close(fd);
		}
		notify_close(&n);
		notify_close(&n);
	}
}

/* P27: the watchdog's time counts for the process that it names. */
static void p27_watchdog(void **state)
{
	char own[16];
	const struct {
		const char *usec, *pid;
		int64_t ns;
	} rows[] = {
		{NULL, NULL, 0},
		{"15000000", NULL, 15 * NP_S},
		{"15000000", own, 15 * NP_S},
		{"15000000", "1", 0},
		{"15000000", "", 0},
		{"-1", own, 0},
		{"1 ", own, 0},
		{"99999999999999999999", own, 0},
		{NULL, own, 0},
	};
	int fd = manager_at(at("watchdog"));

	(void)state;
	snprintf(own, sizeof(own), "%d", getpid());
	for (size_t i = 0; i < array_len(rows); i++) {
		struct notify n;

		set("NOTIFY_SOCKET", at("watchdog"));
		set("WATCHDOG_USEC", rows[i].usec);
		set("WATCHDOG_PID", rows[i].pid);
		notify_open(&n);
		assert_int_equal(n.watchdog, rows[i].ns);
		assert_null(getenv("WATCHDOG_USEC"));
		assert_null(getenv("WATCHDOG_PID"));
		notify_close(&n);
	}
	close(fd);
}

/* The descriptor that a message brings. */
static int receive_fd(int fd, const char *text)
{
	char got[64] = "", room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = got, .iov_len = sizeof(got) - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
	int passed;

	assert_true(recvmsg(fd, &m, MSG_CMSG_CLOEXEC) > 0);
	assert_string_equal(got, text);
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(passed));
	return passed;
}

/* A descriptor arrives as one of the same object; a barrier waits until its reader has closed it. */
static void descriptors_arrive(void **state)
{
	int fd = manager_at(at("notify")), ends[2], passed;
	struct notify n;
	char byte = 0;

	(void)state;
	set("NOTIFY_SOCKET", at("notify"));
	notify_open(&n);
	assert_int_equal(pipe(ends), 0);
	assert_true(notify_send_fd(&n, "FDSTORE=1", ends[1]));
	passed = receive_fd(fd, "FDSTORE=1");
	assert_int_equal(write(passed, "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(passed);
	notify_barrier(&n); /* nobody reads: it gives up by itself */
	close(receive_fd(fd, "BARRIER=1"));
	notify_close(&n);
	close(ends[0]);
	close(ends[1]);
	close(fd);
}

/* A manager that reads nothing, and one that has gone, cost a message and no more. */
static void a_manager_that_hangs(void **state)
{
	int fd = manager_at(at("notify")), sent = 0;
	struct notify n;

	(void)state;
	set("NOTIFY_SOCKET", at("notify"));
	notify_open(&n);
	while (notify_send(&n, "STATUS=x"))
		sent++;
	assert_true(sent > 0 && n.failed);
	expect_message(fd, "STATUS=x");
	assert_true(notify_send(&n, "STATUS=y") && !n.failed);
	close(fd);
	assert_false(notify_send(&n, "STATUS=z"));
	notify_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p27_addresses, kit_end),
		cmocka_unit_test_teardown(p27_watchdog, kit_end),
		cmocka_unit_test_teardown(descriptors_arrive, kit_end),
		cmocka_unit_test_teardown(a_manager_that_hangs, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
