/* The load test's Python: figures_test.py, a test for each of its classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void passes(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execlp("python3", "python3", "tests/unit/loadtest/figures_test.py", (char *)*state, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	assert_int_equal(status, 0);
}

static char medians[] = "Medians", ratios[] = "Ratios", kernel[] = "Kernel", marks[] = "Marks", counts[] = "Counts",
	    gates[] = "Gates", tls[] = "Tls", results[] = "Results";

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"medians", passes, NULL, NULL, medians},
		{"ratios", passes, NULL, NULL, ratios},
		{"kernel", passes, NULL, NULL, kernel},
		{"marks", passes, NULL, NULL, marks},
		{"counts", passes, NULL, NULL, counts},
		{"gates", passes, NULL, NULL, gates},
		{"tls", passes, NULL, NULL, tls},
		{"results", passes, NULL, NULL, results},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
