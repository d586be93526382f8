/* state_file: what is on the disk, whose it is, and what is refused: O11. */
#include "proxy/control/state_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

#define MOST 100

static char path[STATE_PATH_ROOM], why[STATE_WHY];

static const char *named(const char *suffix)
{
	static char name[STATE_PATH_ROOM + 8];

	snprintf(path, sizeof(path), "%s/state.yaml", kit_dir());
	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return name;
}

static void expect_text(const char *text)
{
	char *got;
	size_t n;

	assert_int_equal(state_file_read(path, MOST, &got, &n, why), 0);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
	free(got);
}

static void expect_refused(const char *part)
{
	char *got;
	size_t n;

	why[0] = '\0';
	assert_true(state_file_read(path, MOST, &got, &n, why) < 0);
	if (strstr(why, part) == NULL)
		kit_fail("no \"%s\" in \"%s\"", part, why);
}

/* A write replaces the whole file, or nothing of it. */
static void o11_written_and_read(void **state)
{
	struct stat st;
	char *got;
	size_t n;

	(void)state;
	named("");
	assert_int_equal(state_file_read(path, MOST, &got, &n, why), 0);
	assert_null(got);
	assert_int_equal(state_file_write(path, "one", 3), 0);
	expect_text("one");
	assert_int_equal(close(open(named(".tmp"), O_CREAT | O_WRONLY, 0644)), 0); /* of a crash */
	assert_int_equal(state_file_write(path, "other", 5), 0);
	expect_text("other");
	assert_int_not_equal(access(named(".tmp"), F_OK), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(state_file_set_aside(path), 0);
	assert_int_equal(access(named(".bad"), F_OK), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* Links, strangers' files and what is no file: each with its sentence. */
static void o11_what_is_refused(void **state)
{
	char long_text[MOST + 1];

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	assert_int_equal(symlink("/etc/passwd", named("")), 0);
	expect_refused("it is a link");
	assert_int_equal(state_file_write(path, "mine", 4), 0); /* in the link's place */
	expect_text("mine");
	assert_int_equal(state_file_write(path, long_text, sizeof(long_text)), 0);
	expect_refused("too large");
	assert_int_equal(state_file_write(path, "mine", 4), 0);
	assert_int_equal(chmod(path, 0620), 0);
	expect_refused("others may write to it");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refused("it is no file");
}

/* A link in the place of the next file, or of the lock, leads nowhere. */
static void o11_no_link_is_written_through(void **state)
{
	char target[STATE_PATH_ROOM + 8];

	(void)state;
	snprintf(target, sizeof(target), "%s", named(".target"));
	assert_int_equal(symlink(target, named(".tmp")), 0);
	assert_int_equal(symlink(target, named(".lock")), 0);
	assert_int_equal(state_file_write(path, "mine", 4), 0);
	assert_true(state_file_lock(path, why) < 0);
	if (strncmp(why, "its lock file: ", 15) != 0)
		kit_fail("%s", why);
	assert_int_not_equal(access(target, F_OK), 0);
}

/* Two processes with one file would undo each other's words. */
static void o11_one_has_it(void **state)
{
	int lock, second;

	(void)state;
	named("");
	lock = state_file_lock(path, why);
	assert_true(lock >= 0);
	second = state_file_lock(path, why);
	assert_true(second < 0);
	assert_string_equal(why, "another process uses it");
	close(lock);
	lock = state_file_lock(path, why);
	assert_true(lock >= 0);
	close(lock);
}

/* The rule of auto: the environment, the system's directory, the user's own. */
static void o11_where_it_is(void **state)
{
	char got[STATE_PATH_ROOM], want[STATE_PATH_ROOM + 32];

	(void)state;
	setenv("STAUNCH_STATE", "off", 1);
	assert_null(state_path_of("auto", got));
	assert_null(state_path_of("off", got));
	assert_string_equal(state_path_of("/a/b", got), "/a/b");
	setenv("STAUNCH_STATE", "/c", 1);
	assert_string_equal(state_path_of("auto", got), "/c");
	setenv("STAUNCH_STATE", "", 1);
	setenv("XDG_STATE_HOME", kit_dir(), 1);
	if (access("/var/lib/staunch", F_OK) == 0)
		return; /* the machine's own comes first */
	snprintf(want, sizeof(want), "%s/staunch/state.yaml", kit_dir());
	assert_string_equal(state_path_of("auto", got), want);
	setenv("XDG_STATE_HOME", "/nowhere", 1);
	assert_null(state_path_of("auto", got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(o11_what_is_refused, kit_end),
		cmocka_unit_test_teardown(o11_no_link_is_written_through, kit_end),
		cmocka_unit_test_teardown(o11_written_and_read, kit_end),
		cmocka_unit_test_teardown(o11_one_has_it, kit_end),
		cmocka_unit_test_teardown(o11_where_it_is, kit_end),
	};

	return cmocka_run_group_tests_name("state_file", tests, NULL, NULL);
}
