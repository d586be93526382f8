/* tests/run.sh: what it makes of test programs that pass, fail, crash, hang or are none. Each row is a
 * shell script in the place of a compiled test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define BEGIN "echo '[==========] Running 3 test(s).'; echo '[ RUN      ] a'; echo '[       OK ] a';"
#define MID   "echo '[ RUN      ] b';"
#define SKIP  MID "echo '[  SKIPPED ] b';"
#define OK    MID "echo '[       OK ] b';"
#define NO    MID "echo '[  FAILED  ] b';"
#define LAST  "echo '[ RUN      ] c'; echo 'half a line[       OK ] c';"
#define LISTS "echo '[  SKIPPED ] 1 test(s), listed below:'; echo '[  SKIPPED ] b';"

static const struct {
	const char *name, *script, *last;
	int         status;
} rows[] = {
	{"all pass", BEGIN OK LAST, "3 passed, 0 failed\n", 0},
	{"one skipped", BEGIN SKIP LAST LISTS, "2 passed, 0 failed, 1 skipped\n", 0},
	{"one fails", BEGIN NO LAST "exit 1", "2 passed, 1 failed\n", 1},
	{"a failure the status hides", BEGIN NO LAST, "2 passed, 1 failed\n", 1},
	{"crash in the middle", BEGIN MID "kill -SEGV $$", "1 passed, 2 failed\n", 1},
	{"a leak at the exit", BEGIN OK LAST "exit 23", "3 passed, 1 failed\n", 1},
	{"hangs", BEGIN MID "exec sleep 100", "1 passed, 2 failed\n", 1},
	{"no test in it", "exit 0", "0 passed, 1 failed\n", 1},
	{"killed before the first", "kill -KILL $$", "0 passed, 1 failed\n", 1},
};

/* Makes kit_dir()/build/tests/unit/kit/run_test, this program's own name: run.sh asks for the source. */
static void place(const char *script)
{
	static const char *const steps[] = {"build", "build/tests", "build/tests/unit", "build/tests/unit/kit"};
	char path[KIT_PATH], text[1024];

	for (size_t i = 0; i < array_len(steps); i++) {
		snprintf(path, sizeof(path), "%s/%s", kit_dir(), steps[i]);
		mkdir(path, 0755);
	}
	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
	kit_file_write("build/tests/unit/kit/run_test", text, path);
	chmod(path, 0755);
}

/* Runs it and checks the status and the last lines. */
static void expect(const char *name, const char *kind, const char *last, int status)
{
	char build[KIT_PATH], text[8192];
	struct kit_child *c;
	int got;
	size_t n;

	snprintf(build, sizeof(build), "%s/build", kit_dir());
	c = kit_child_start("run", KIT_ARGV("tests/run.sh", build, kind));
	got = kit_child_wait(c);
	n = kit_file_read(c->out, text, sizeof(text));
	if (got != status || n < strlen(last) || strcmp(text + n - strlen(last), last) != 0 ||
	    (n > strlen(last) && text[n - strlen(last) - 1] != '\n'))
		kit_fail("%s: status %d, and the output:\n%s", name, got, text);
}

static void each_kind_of_end(void **state)
{
	(void)state;
	setenv("TEST_SECONDS", "1", 1);
	for (size_t i = 0; i < array_len(rows); i++) {
		place(rows[i].script);
		expect(rows[i].name, "unit", rows[i].last, rows[i].status);
	}
	unsetenv("TEST_SECONDS");
}

/* Fails every other time. */
#define FIRST "if ! rm $0.ran 2>/dev/null; then touch $0.ran;" BEGIN NO LAST "exit 1; fi;"

static void a_failed_one_runs_again(void **state)
{
	(void)state;
	place(FIRST BEGIN OK LAST);
	expect("again", "unit", "passed only when run again: unit/kit/run (b)\n3 passed, 0 failed\n", 0);
	setenv("AGAIN", "0", 1);
	expect("only once", "unit", "failed: unit/kit/run (b)\n2 passed, 1 failed\n", 1);
	unsetenv("AGAIN");
	place(BEGIN NO LAST);
	expect("again in vain", "unit", "failed: unit/kit/run (b)\n2 passed, 1 failed\n", 1);
}

static void nothing_to_run_fails(void **state)
{
	(void)state;
	expect("no directory", "unit", "0 passed, 1 failed\n", 1);
	place("exit 0");
	expect("no such kind", "sim", "0 passed, 1 failed\n", 1);
	setenv("FILTER", "nothing of this name", 1);
	expect("filtered away", "unit", "0 passed, 1 failed\n", 1);
	unsetenv("FILTER");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_kind_of_end, kit_end),
		cmocka_unit_test_teardown(a_failed_one_runs_again, kit_end),
		cmocka_unit_test_teardown(nothing_to_run_fails, kit_end),
	};

	unsetenv("FILTER"); /* of the run that this test is part of */
	return cmocka_run_group_tests_name("kit/run", tests, NULL, NULL);
}
