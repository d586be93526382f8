/* Children: status, output, signals, and that none outlives its test. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/kit.h"

static struct kit_child *shell(const char *script)
{
	return kit_child_start("sh", KIT_ARGV("sh", "-c", script));
}

static void status_is_the_shells(void **state)
{
	(void)state;
	assert_int_equal(kit_child_wait(shell("exit 78")), 78);
	assert_int_equal(kit_child_wait(shell("kill -TERM $$")), 128 + SIGTERM);
	assert_int_equal(kit_child_wait(kit_child_start("none", KIT_ARGV("/nonexistent"))), 127);
}

static void output_is_collected(void **state)
{
	struct kit_child *c = shell("echo out; echo err >&2; printf 'err half' >&2");
	char text[64];

	(void)state;
	kit_child_wait(c);
	assert_int_equal(kit_file_count(c->out, "out"), 1);
	assert_int_equal(kit_file_count(c->err, "err"), 1); /* an unfinished line is not a line yet */
	assert_int_equal(kit_file_read(c->err, text, sizeof(text)), strlen("err\nerr half"));
	assert_string_equal(text, "err\nerr half");
}

static void signal_reaches_it(void **state)
{
	struct kit_child *c = shell("trap 'exit 7' USR1; sleep 100 & echo on; wait");

	(void)state;
	kit_file_wait(c->out, "on", 1);
	assert_true(kit_child_alive(c));
	kit_child_signal(c, SIGUSR1);
	assert_int_equal(kit_child_wait(c), 7);
}

static void inherits_three_descriptors(void **state)
{
	int extra = dup(0);
	struct kit_child *c = shell("echo on; read never <&-; exec sleep 100");

	(void)state;
	kit_file_wait(c->out, "on", 1);
	kit_proc_wait_fds(c->pid, 3);
	close(extra);
}

static void numbers_are_plausible(void **state)
{
	struct kit_child *c = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done;"
				    "sleep 100");

	(void)state;
	kit_file_wait(c->out, "done", 1);
	assert_true(kit_proc_cpu_ms(c->pid) >= 10);
	assert_in_range(kit_proc_rss_kb(c->pid), 100, 100000);
	assert_int_equal(kit_proc_threads(c->pid), 1);
}

/* Gone, or a zombie that waits for init: /proc still lists the latter, with nothing in it. */
static bool is_dead(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	char path[64], text[256];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return kit_file_read(path, text, sizeof(text)) == 0 || strstr(text, ") Z ") != NULL;
}

/* What kit_end promises, seen from outside: the children and their own children are gone, and so is
 * the directory. */
static void end_takes_all_away(void **state)
{
	struct kit_child *c = shell("sleep 100 & echo $!; wait"), *left = shell("sleep 100 & echo $!");
	struct kit_child *both[] = {c, left};
	pid_t pid = c->pid, grandchildren[2];
	char text[32], path[KIT_PATH];

	kit_child_wait(left);
	for (size_t i = 0; i < array_len(both); i++) {
		kit_file_wait(both[i]->out, "", 1);
		kit_file_read(both[i]->out, text, sizeof(text));
		grandchildren[i] = (pid_t)strtol(text, NULL, 10);
		assert_int_equal(kill(grandchildren[i], 0), 0);
	}
	kit_file_write("left.over", "x", path);
	kit_end(state);
	for (size_t i = 0; i < array_len(grandchildren); i++)
		assert_true(kit_wait(is_dead, &grandchildren[i], KIT_MS));
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(access(path, F_OK), -1);
	kit_end(state); /* twice is no harm */
}

static void staunch_is_awaited(void **state)
{
	static const char script[] = "#!/bin/sh\n[ \"$1 $2\" = 'run -c' ] || exit 2\n"
				     "trap 'exit 0' TERM\n"
				     "echo 'staunch: listening on 127.0.0.1:1' >&2\necho ready >&2\n"
				     "cat \"$3\"\nsleep 100 & wait\n";
	const char *real = getenv("STAUNCH");
	struct kit_staunch *s;
	char path[KIT_PATH];

	(void)state;
	kit_file_write("fake", script, path);
	assert_int_equal(kit_child_wait(kit_child_start("chmod", KIT_ARGV("chmod", "+x", path))), 0);
	setenv("STAUNCH", path, 1);
	s = kit_staunch_start("a: 1\ndir: @DIR@\n");
	setenv("STAUNCH", real != NULL ? real : "build/staunch", 1);
	kit_staunch_wait_err(s, "listening on", 1);
	kit_staunch_wait_log(s, kit_dir(), 1);
	assert_int_equal(kit_staunch_log(s, "@DIR@"), 0);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(status_is_the_shells, kit_end),
		cmocka_unit_test_teardown(output_is_collected, kit_end),
		cmocka_unit_test_teardown(signal_reaches_it, kit_end),
		cmocka_unit_test_teardown(inherits_three_descriptors, kit_end),
		cmocka_unit_test_teardown(numbers_are_plausible, kit_end),
		cmocka_unit_test_teardown(end_takes_all_away, kit_end),
		cmocka_unit_test_teardown(staunch_is_awaited, kit_end),
	};

	return cmocka_run_group_tests_name("kit/child", tests, NULL, NULL);
}
