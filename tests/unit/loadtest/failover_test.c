/* The fail-over bench's Python: failover_test.py, a test for each of its classes. */
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
		execlp("python3", "python3", "tests/unit/loadtest/failover_test.py", (char *)*state, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	assert_int_equal(status, 0);
}

static char count[] = "Count", goals[] = "Goals", peers[] = "Peers", plan[] = "Plan", report[] = "Report";

int main(void)
{
	const struct CMUnitTest tests[] = {
		{"count", passes, NULL, NULL, count},
		{"goals", passes, NULL, NULL, goals},
		{"peers", passes, NULL, NULL, peers},
		{"plan", passes, NULL, NULL, plan},
		{"report", passes, NULL, NULL, report},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
