/* P30: what the kernel answers behind seccomp_close, asked in a process of its own, since it is never taken back. */
#include "proxy/sandbox/seccomp.h"

#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/kit.h"

#define NO_CALL 4000 /* no kernel has that many */

/* Returns  the error of a call without arguments; 0: there was none. */
static int error_of(long call)
{
	errno = 0;
	(void)syscall(call, NULL, NULL, NULL, NULL, NULL);
	return errno;
}

static void *thread(void *arg)
{
	return arg;
}

/* Returns  0; or the number of the expectation that was not met. */
static int ask_kernel(void)
{
	pthread_t t;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || seccomp_close() != 0)
		return 1;
	if (error_of(SYS_execve) != EPERM || error_of(SYS_execveat) != EPERM || error_of(SYS_ptrace) != EPERM)
		return 2;
	if (error_of(NO_CALL) != ENOSYS || error_of(SYS_lookup_dcookie) != ENOSYS)
		return 3;
	if (error_of(SYS_getpid) != 0)
		return 4;
	return pthread_create(&t, NULL, thread, NULL) == 0 && pthread_join(t, NULL) == 0 ? 0 : 5;
}

static void p30_answers_of_the_kernel(void **state)
{
	int status;
	pid_t pid;

	(void)state;
#if defined(NP_ASAN) || defined(NP_TSAN)
	skip(); /* sanitizers make calls of their own */
#endif
	pid = fork();
	if (pid == 0)
		_exit(ask_kernel());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p30_answers_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
