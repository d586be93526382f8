/* What the service manager hears from the real binary: a recording socket stands in its place (P27). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netpoll/addr.h"
#include "tests/flow/kit/service.h"

#define MESSAGES 64

static struct {
	int fd;
	unsigned n;
	char text[MESSAGES][1400];
} heard;

static int web, server;

static void listen_for(const char *address)
{
	struct np_addr a;

	heard.n = 0;
	assert_int_equal(np_addr_parse(&a, textf("unix:%s", address), NULL), 0);
	heard.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(heard.fd, &a.u.sa, a.len), 0);
}

/* One more message, if there is one. */
static bool hear(void *arg)
{
	ssize_t n;

	(void)arg;
	if (heard.n == MESSAGES)
		kit_fail("more than %d messages", MESSAGES);
	n = recv(heard.fd, heard.text[heard.n], sizeof(heard.text[0]) - 1, 0);
	if (n < 0)
		return false;
	heard.text[heard.n++][n] = '\0';
	return true;
}

/* The next message, which must begin so.   Returns  what follows. */
static const char *expect_next(const char *head)
{
	if (!kit_wait(hear, NULL, KIT_MS))
		kit_fail("no message where %s is due", head);
	if (strncmp(heard.text[heard.n - 1], head, strlen(head)) != 0)
		kit_fail("instead of %s: %s", head, heard.text[heard.n - 1]);
	return heard.text[heard.n - 1] + strlen(head);
}

static unsigned count_heard(const char *text)
{
	unsigned n = 0;

	for (unsigned i = 0; i < heard.n; i++)
		n += strcmp(heard.text[i], text) == 0;
	return n;
}

static const char *config(const char *more)
{
	return one_server(web, server, "", more);
}

static void set_up(void)
{
	web = kit_port(kit_ip(0));
	server = kit_peer_port(kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}));
}

/* The reload of a good file and of a bad one, each between RELOADING and READY, then the end with a connection that
 * takes its time: in this order and with nothing between. address: what NOTIFY_SOCKET says. */
static void tells_in_order(const char *address)
{
	struct kit_staunch *s;
	int fd;

	set_up();
	listen_for(address);
	s = start_by(textf("env FDSTORE=0 NOTIFY_SOCKET=%s", address), config(""));
	expect_part(expect_next("READY=1\nSTATUS="), "0 connections on 1 address, 1/1 servers up, generation 1 since");
	fd = served(kit_ip(0), web);
	kit_child_signal(s->child, SIGHUP);
	assert_true(strspn(expect_next("RELOADING=1\nMONOTONIC_USEC="), "0123456789") > 8);
	expect_part(expect_next("READY=1\nSTATUS="), "1 connection on 1 address, 1/1 servers up, generation 2 since");
	kit_staunch_rewrite(s, config("upstream: bad\n"));
	kit_child_signal(s->child, SIGHUP);
	expect_next("RELOADING=1\nMONOTONIC_USEC=");
	expect_part(expect_next("READY=1\nSTATUS=Reload refused: "), "staunch0.yaml:7:1: unknown key \"upstream\"");
	expect_part(heard.text[heard.n - 1], "; 1 connection on 1 address, 1/1 servers up, generation 2 since");
	kit_child_signal(s->child, SIGTERM);
	expect_next("STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000\nSTATUS=Draining, 1 connection left");
	expect_next("EXTEND_TIMEOUT_USEC=10000000\nSTATUS=Draining, 1 connection left");
	end_orderly(fd);
	assert_int_equal(kit_child_wait(s->child), 0);
	while (hear(NULL))
		expect_part(heard.text[heard.n - 1], "EXTEND_TIMEOUT_USEC=");
	close(heard.fd);
}

static void p27_in_order_by_path(void **state)
{
	(void)state;
	tells_in_order(textf("%s/notify", kit_dir()));
}

static void p27_in_order_by_abstract_name(void **state)
{
	(void)state;
	tells_in_order(textf("@%s/notify", kit_dir()));
}

/* The thread of the process with this name. */
static pid_t thread_of(pid_t pid, const char *name)
{
	DIR *tasks = opendir(textf("/proc/%d/task", pid));
	pid_t found = 0;

	assert_non_null(tasks);
	for (struct dirent *d; (d = readdir(tasks)) != NULL && found == 0;) {
		char comm[32];

		kit_file_read(textf("/proc/%d/task/%s/comm", pid, d->d_name), comm, sizeof(comm));
		if (strncmp(comm, name, strlen(name)) == 0)
			found = (pid_t)strtol(d->d_name, NULL, 10);
	}
	closedir(tasks);
	return found;
}

static bool fed_again(void *arg)
{
	const unsigned *before = arg;

	while (hear(NULL))
		;
	return count_heard("WATCHDOG=1") > *before;
}

static void wait_fed(void)
{
	unsigned n;

	while (hear(NULL))
		;
	n = count_heard("WATCHDOG=1");

	assert_true(kit_wait(fed_again, &n, KIT_MS));
}

static bool has_stalled(void *arg)
{
	const struct kit_staunch *s = arg;

	return kit_file_count(s->child->err, "\"event\":\"worker_stalled\"") > 0;
}

/* A worker that stands still, here in the hands of a debugger, and even one that had slept, ends the signs of life; one
 * that was on its way may still come. When the worker turns again they come back. */
static void p27_the_watchdog_tells_the_truth(void **state)
{
	struct kit_staunch *s;
	unsigned before;
	bool stalled;
	pid_t worker;
	int status;

	(void)state;
	set_up();
	listen_for(textf("%s/notify", kit_dir()));
	s = start_by(textf("env FDSTORE=0 NOTIFY_SOCKET=%s/notify "
			   "WATCHDOG_USEC=400000 WATCHDOG_PID=$$", kit_dir()), config(""));
	wait_fed();
	wait_fed();
	worker = thread_of(s->child->pid, "worker 1");
	assert_int_equal(ptrace(PTRACE_SEIZE, worker, NULL, NULL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, worker, NULL, NULL), 0);
	assert_int_equal(waitpid(worker, &status, __WALL), worker);
	while (hear(NULL))
		;
	before = count_heard("WATCHDOG=1");
	stalled = kit_wait(has_stalled, s, KIT_MS);
	while (hear(NULL))
		;
	/* First: a thread that is held cannot end, and the teardown would wait for it. */
	assert_int_equal(ptrace(PTRACE_DETACH, worker, NULL, NULL), 0);
	assert_true(stalled && count_heard("WATCHDOG=1") <= before + 1);
	wait_fed();
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	close(heard.fd);
}

/* Of another process, a watchdog wants nothing of this one; and without a socket there is nothing to send to. */
static void p27_silent_without(void **state)
{
	struct kit_staunch *s;

	(void)state;
	set_up();
	listen_for(textf("%s/notify", kit_dir()));
	s = start_by(textf("env FDSTORE=0 NOTIFY_SOCKET=%s/notify "
			   "WATCHDOG_USEC=100000 WATCHDOG_PID=1", kit_dir()), config(""));
	expect_next("READY=1\nSTATUS=");
	ten_exchanges(kit_ip(0), web);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	expect_next("STOPPING=1\n");
	assert_false(hear(NULL));
	s = start_by("env -u NOTIFY_SOCKET WATCHDOG_USEC=100000 WATCHDOG_PID=$$", config(""));
	kit_child_signal(s->child, SIGHUP);
	wait_generation(s, 2);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
	assert_false(hear(NULL));
	close(heard.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p27_in_order_by_path, kit_end),
		cmocka_unit_test_teardown(p27_in_order_by_abstract_name, kit_end),
		cmocka_unit_test_teardown(p27_the_watchdog_tells_the_truth, kit_end),
		cmocka_unit_test_teardown(p27_silent_without, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
