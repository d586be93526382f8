/* Another program takes over, and no client is refused: P16, P17, P20, P22 to P24, P35. What is connected:
 * process_upgrade_conns_test.c. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/exit_tbl.h"
#include "tests/flow/kit/upgrade.h"

#define MANY 20

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

/* One that may start any program, so that others can take its place. */
static struct world world_open(void)
{
	struct world w = world_of();

	write_world(&w, 2, tcp_bind(&w), "sandbox: {landlock: false}\n");
	start_with(&w, KIT_ARGV(kit_binary(), "run", "-c", w.config));
	return w;
}

static void p17_a_program_that_cannot_take_over(void **state)
{
	static const int no_start[] = {0, EXIT_LOSSES, EXIT_CUT, 9};
	struct world w = world_open();
	int fds = kit_proc_fds(w.pid);

	(void)state;
	expect_refused(&w, "/nonexistent/staunch", "no such file");
	expect_refused(&w, program("text", "no program"), "/text cannot be started: ");
	for (size_t i = 0; i < array_len(no_start); i++)
		expect_refused(&w, program(textf("code%d", no_start[i]), textf("#!/bin/sh\nexit %d\n", no_start[i])),
			       textf("the new program ended with %d: no start of staunch ends so: is it another "
				     "program?; its messages are in the log", no_start[i]));
	expect_refused(&w, program("refuses", "#!/bin/sh\nexit 78\n"),
		       "the new program ended with 78: the configuration is invalid; its messages are in the log");
	expect_refused(&w, program("dies", "#!/bin/sh\nkill -SEGV $$\n"), "the new program was ended by SIGSEGV");
	expect_refused(&w, program("says", "#!/bin/sh\necho no message >&3\n"),
		       "the new program: what it says is no message");
	assert_int_equal(kit_file_count(w.first->err, "\"upgrade_failed\""), 8);
	kit_proc_wait_fds(w.pid, fds);
	upgrade(&w);
	stop(&w);
}

/* It takes the pair and says nothing for 10 s, so an order to stop comes in between: P24. */
static void p24_an_order_to_stop_ends_an_upgrade(void **state)
{
	struct world w = world_open();
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
		cmocka_unit_test_teardown(p35_other_numbers_of_workers, kit_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
