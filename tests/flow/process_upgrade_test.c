/* Another program takes over: P16, P17, P20, P22 to P24, P35. The new process is not our child until
 * its parent has ended: then it is, since this program is the one that orphans go to. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/flow/kit/control.h"

#define KNOCKERS 4
#define MANY     20

/* ---- the instance, whichever process it is ---- */

struct world {
	struct kit_child *first; /* has the files with the output of all */
	pid_t pid;               /* of the process that serves */
	char config[KIT_PATH];
	int port;
	struct kit_peer *echo;
};

static void write_world(struct world *w, int workers, const char *binds, const char *more)
{
	kit_file_write("upgrade.yaml",
		       textf("workers: %d\nlog: {access: \"@DIR@/access.log\"}\n"
			     "control: {socket: \"%s\", state: \"@DIR@/state.yaml\"}\n"
			     "listeners:\n  - {name: web, bind: [%s], upstream: app}\n"
			     "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n%s",
			     workers, control_socket(), binds, kit_ip(0), kit_peer_port(w->echo), more),
		       w->config);
}

static const char *tcp_bind(const struct world *w)
{
	return textf("\"%s:%d\"", kit_ip(0), w->port);
}

static void start_with(struct world *w, const char *const argv[])
{
	w->first = kit_child_start("staunch", argv);
	kit_file_wait(w->first->err, "\"ready\"", 1);
	w->pid = w->first->pid;
}

static struct world world_of(void)
{
	struct world w = {
		.port = kit_port(kit_ip(0)),
		.echo = kit_peer_start(&(struct kit_peer_opts){.serve = KIT_ECHO}),
	};

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	write_world(&w, 2, tcp_bind(&w), "");
	return w;
}

static struct world world_started(void)
{
	struct world w = world_of();

	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	return w;
}

struct ending {
	pid_t pid;
	int status;
};

static bool was_reaped(void *arg)
{
	struct ending *e = arg;

	return waitpid(e->pid, &e->status, WNOHANG) == e->pid;
}

/* The first process is the kit's to reap, the others are ours.   Returns  the exit code. */
static int wait_for_end(struct world *w, pid_t pid)
{
	struct ending e = {.pid = pid};

	if (pid == w->first->pid)
		return kit_child_wait(w->first);
	if (!kit_wait(was_reaped, &e, KIT_MS))
		kit_fail("process %d does not end", (int)pid);
	return WIFEXITED(e.status) ? WEXITSTATUS(e.status) : 128 + WTERMSIG(e.status);
}

/* The number behind "pid": in the answer of the verb. */
static pid_t pid_in(const char *answer)
{
	const char *at = strstr(answer, "\"pid\":");

	if (at == NULL)
		kit_fail("no pid in %s", answer);
	return (pid_t)strtol(at + 6, NULL, 10);
}

/* By the verb. The old process has no connection, so it ends.   Returns  its pid. */
static pid_t upgrade(struct world *w)
{
	pid_t old = w->pid;

	w->pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	assert_int_not_equal(w->pid, old);
	assert_int_equal(wait_for_end(w, old), 0);
	return old;
}

static void stop(struct world *w)
{
	assert_int_equal(kill(w->pid, SIGTERM), 0);
	assert_int_equal(wait_for_end(w, w->pid), 0);
}

/* ---- clients that come all the time ---- */

struct knocker {
	pthread_t thread;
	int port;
	char ip[KIT_PATH];
	bool stop; /* atomic */
	unsigned served;
	int err;   /* the first failure */
};

static int knock(const struct knocker *k)
{
	int fd = kit_try_connect(k->ip, k->port);
	char back[5];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = kit_io_write(fd, "hello", sizeof(back));
	if (n == 0)
		n = kit_io_read_all(fd, back, sizeof(back));
	close(fd);
	if (n < 0)
		return (int)n;
	return n == sizeof(back) && memcmp(back, "hello", sizeof(back)) == 0 ? 0 : -EIO;
}

static void *knock_on(void *arg)
{
	struct knocker *k = arg;

	while (!__atomic_load_n(&k->stop, __ATOMIC_ACQUIRE) && k->err == 0) {
		k->err = knock(k);
		k->served += k->err == 0;
	}
	return NULL;
}

static void knockers_start(struct knocker *k, const char *ip, int port)
{
	for (int i = 0; i < KNOCKERS; i++) {
		k[i] = (struct knocker){.port = port};
		snprintf(k[i].ip, sizeof(k[i].ip), "%s", ip);
		assert_int_equal(pthread_create(&k[i].thread, NULL, knock_on, &k[i]), 0);
	}
}

/* Each of them was served each time. */
static void knockers_stop(struct knocker *k)
{
	int err = 0;

	for (int i = 0; i < KNOCKERS; i++)
		__atomic_store_n(&k[i].stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < KNOCKERS; i++) {
		pthread_join(k[i].thread, NULL);
		err = err == 0 ? k[i].err : err;
	}
	if (err != 0)
		kit_fail("a client was not served: error %d (%s)", -err, strerror(-err));
	for (int i = 0; i < KNOCKERS; i++)
		assert_true(k[i].served > 0);
}

/* ---- P16, P20, P35 ---- */

static void p16_no_client_is_refused(void **state)
{
	struct world w = world_started();
	struct knocker k[KNOCKERS];

	(void)state;
	knockers_start(k, kit_ip(0), w.port);
	for (int i = 0; i < 5; i++)
		upgrade(&w);
	knockers_stop(k);
	assert_int_equal(kit_file_count(w.first->err, "\"upgraded\""), 5);
	stop(&w);
}

/* What a reload would close as well is closed as by a reload; a new address is there from the first moment. */
static void p16_another_file_has_other_addresses(void **state)
{
	struct world w = world_started();
	int other = kit_port(kit_ip(1));

	(void)state;
	write_world(&w, 2, textf("\"%s:%d\"", kit_ip(1), other), "");
	upgrade(&w);
	assert_int_equal(kit_try_connect(kit_ip(0), w.port), -ECONNREFUSED);
	end_orderly(served(kit_ip(1), other));
	stop(&w);
}

/* Descriptors of the process that serves are as many as in the one before. */
static void p20_many_times_leave_nothing(void **state)
{
	struct world w = world_started();
	int fds;

	(void)state;
	end_orderly(served(kit_ip(0), w.port));
	upgrade(&w); /* the first one was started by the kit */
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(w.first->err, "\"predecessor_ended\"", 1);
	fds = kit_proc_fds(w.pid);
	for (int i = 0; i < MANY; i++)
		upgrade(&w);
	end_orderly(served(kit_ip(0), w.port));
	kit_file_wait(w.first->err, "\"predecessor_ended\"", MANY + 1);
	kit_proc_wait_fds(w.pid, fds);
	stop(&w);
}

static void p35_other_numbers_of_workers(void **state)
{
	static const int workers[] = {4, 1, 3, 2};
	struct world w = world_started();
	struct knocker k[KNOCKERS];

	(void)state;
	knockers_start(k, kit_ip(0), w.port);
	for (size_t i = 0; i < array_len(workers); i++) {
		write_world(&w, workers[i], tcp_bind(&w), "");
		upgrade(&w);
	}
	knockers_stop(k);
	stop(&w);
}

/* ---- P17 ---- */

static const char *program(const char *name, const char *text)
{
	static char path[KIT_PATH];

	kit_file_write(name, text, path);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

/* The old process serves on, a later upgrade works. */
static void expect_refused(struct world *w, const char *binary, const char *why)
{
	const char *said = control_verb(1, textf("upgrade --socket $S --binary %s", binary));

	expect_part(said, why);
	end_orderly(served(kit_ip(0), w->port));
	assert_true(kit_child_alive(w->first));
}

static void p17_a_program_that_cannot_take_over(void **state)
{
	struct world w = world_started();
	int fds = kit_proc_fds(w.pid);

	(void)state;
	expect_refused(&w, "/nonexistent/staunch", "no such file");
	expect_refused(&w, program("text", "no program"), "/text cannot be started: ");
	expect_refused(&w, program("fails", "#!/bin/sh\nexit 3\n"),
		       "the new program ended with 3: no code of staunch: is it another program?; its messages are in "
		       "the log");
	expect_refused(&w, program("dies", "#!/bin/sh\nkill -SEGV $$\n"), "the new program was ended by SIGSEGV");
	expect_refused(&w, program("ends", "#!/bin/sh\nexit 0\n"), "ended with 0");
	expect_refused(&w, program("says", "#!/bin/sh\necho no message >&3\n"),
		       "the new program: what it says is no message");
	assert_int_equal(kit_file_count(w.first->err, "\"upgrade_failed\""), 5);
	kit_proc_wait_fds(w.pid, fds);
	upgrade(&w);
	stop(&w);
}

/* It takes the pair and says nothing for 10 s, so an order to stop comes in between: P24. */
static void p24_an_order_to_stop_ends_an_upgrade(void **state)
{
	struct world w = world_started();
	int64_t began;

	(void)state;
	kit_file_wait(w.first->err, "\"ready\"", 1);
	(void)kit_child_start("verb", KIT_ARGV(kit_binary(), "upgrade", "--socket", control_socket(), "--binary",
					       program("hangs", "#!/bin/sh\nexec sleep 100\n")));
	kit_file_wait(w.first->err, "\"upgrade_started\"", 1);
	expect_part(control_verb(1, "reload --socket $S"), "an upgrade is under way");
	began = kit_now_ms();
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	assert_int_equal(kit_child_wait(w.first), 0);
	assert_in_range(kit_now_ms() - began, 0, KIT_MS);
	kit_file_wait(w.first->err, "upgrade given up, this process serves on: an order to stop came first", 1);
}

static void p17_a_file_with_mistakes(void **state)
{
	struct world w = world_started();
	int taken = 0, listener = kit_listen(kit_ip(2), &taken, 1);

	(void)state;
	write_world(&w, 2, tcp_bind(&w), "nonsense: 1\n");
	expect_part(control_verb(1, "upgrade --socket $S"),
		    "the new program refuses: its configuration has mistakes; they are in the log");
	end_orderly(served(kit_ip(0), w.port));
	write_world(&w, 2, textf("%s, \"%s:%d\"", tcp_bind(&w), kit_ip(2), taken), "");
	expect_part(control_verb(1, "upgrade --socket $S"), "ended with 69");
	end_orderly(served(kit_ip(0), w.port));
	write_world(&w, 2, tcp_bind(&w), "");
	close(listener);
	upgrade(&w);
	stop(&w);
}

/* ---- P23, and what an operator said ---- */

static void p23_unix_sockets_keep_their_file(void **state)
{
	struct world w = world_of();
	const char *path = textf("%s/web.sock", kit_dir());
	struct knocker k[KNOCKERS];
	struct stat before, after;

	(void)state;
	write_world(&w, 2, textf("%s, \"unix:%s\", \"unix:@upgrade-%d\"", tcp_bind(&w), path, (int)getpid()), "");
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	assert_int_equal(stat(path, &before), 0);
	knockers_start(k, path, 0);
	for (int i = 0; i < 3; i++)
		upgrade(&w);
	knockers_stop(k);
	end_orderly(served(textf("@upgrade-%d", (int)getpid()), 0));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	stop(&w);
	assert_int_equal(stat(path, &after), -1);
	assert_int_equal(stat(textf("%s.lock", path), &after), -1);
}

static void p16_what_was_said_of_servers_holds(void **state)
{
	struct world w = world_started();
	const char *server = textf("app/%s:%d", kit_ip(0), kit_peer_port(w.echo));

	(void)state;
	control_verb(0, textf("server drain %s --socket $S", server));
	upgrade(&w);
	expect_part(control_verb(0, "server --socket $S"), "drain");
	control_verb(0, textf("server ready %s --socket $S", server));
	upgrade(&w);
	end_orderly(served(kit_ip(0), w.port));
	stop(&w);
	assert_int_equal(kit_file_count(w.first->err, "\"state_off\""), 0);
}

/* ---- what is connected ---- */

/* Until it can be handed over it ends with the old process, which the new one tells to stop. */
static void p24_an_order_to_stop_reaches_both(void **state)
{
	struct world w = world_started();
	int fd = served(kit_ip(0), w.port);
	pid_t old = w.pid;

	(void)state;
	w.pid = pid_in(control_verb(0, "upgrade --json --socket $S"));
	still_works(fd);
	end_orderly(served(kit_ip(0), w.port));
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	kit_file_wait(w.first->err, "a second signal", 1);
	assert_int_equal(wait_for_end(&w, old), 4);
	assert_int_equal(wait_for_end(&w, w.pid), 0);
	close(fd);
}

/* A process that was told of a pair that is not its parent's takes nothing over. */
static void p22_only_the_parent_hands_over(void **state)
{
	struct world w = world_of();
	struct kit_child *c;

	(void)state;
	setenv("STAUNCH_UPGRADE_FD", "7", 1);
	c = kit_child_start("staunch", KIT_ARGV(kit_binary(), "run", "-c", w.config));
	unsetenv("STAUNCH_UPGRADE_FD");
	kit_file_wait(c->err, "\"ready\"", 1); /* 7 is not open: nobody asked */
	kit_child_signal(c, SIGTERM);
	assert_int_equal(kit_child_wait(c), 0);
	c = kit_child_start("shell", KIT_ARGV("sh", "-c",
		textf("exec 7</dev/null; STAUNCH_UPGRADE_FD=7 exec %s run -c %s", kit_binary(), w.config)));
	assert_int_equal(kit_child_wait(c), 1);
	kit_file_wait(c->err, "nothing is taken over: not a socket", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(p16_no_client_is_refused, kit_end),
		cmocka_unit_test_teardown(p16_another_file_has_other_addresses, kit_end),
		cmocka_unit_test_teardown(p16_what_was_said_of_servers_holds, kit_end),
		cmocka_unit_test_teardown(p17_a_program_that_cannot_take_over, kit_end),
		cmocka_unit_test_teardown(p17_a_file_with_mistakes, kit_end),
		cmocka_unit_test_teardown(p20_many_times_leave_nothing, kit_end),
		cmocka_unit_test_teardown(p22_only_the_parent_hands_over, kit_end),
		cmocka_unit_test_teardown(p23_unix_sockets_keep_their_file, kit_end),
		cmocka_unit_test_teardown(p24_an_order_to_stop_ends_an_upgrade, kit_end),
		cmocka_unit_test_teardown(p24_an_order_to_stop_reaches_both, kit_end),
		cmocka_unit_test_teardown(p35_other_numbers_of_workers, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
