/* dies: that an impossible state ends the process, and with which sentence. In a child, so that
 * the test lives on. */
#ifndef TESTS_UNIT_NETPOLL_DIES_H
#define TESTS_UNIT_NETPOLL_DIES_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* fn in a child whose stderr is kept. Returns the child's wait status. */
static inline int dies_run(void (*fn)(void), char *said, size_t size)
{
	int status, ends[2];
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL); /* cmocka would have its own say */
		dup2(ends[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(ends[1]);
	while (n + 1 < size && (got = read(ends[0], said + n, size - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void assert_dies(void (*fn)(void), const char *sentence)
{
	char said[8192];
	int status = dies_run(fn, said, sizeof(said));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(said, sentence) == NULL)
		fail_msg("status %#x, wanted an abort with \"%s\", said: %s", (unsigned)status,
			 sentence, said);
}

#endif
