/* The end of a process that found an impossible state: the sentence, the place and a backtrace on
 * stderr, then abort. */
#include "netpoll/check.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Writes with dprintf, not stdio: the process may be in any state. */
void check_failed(const char *file, int line, const char *cond, const char *sentence)
{
	void *frames[32];
	int n = backtrace(frames, (int)array_len(frames));

	dprintf(STDERR_FILENO, "staunch: BUG: %s\n  at %s:%d: CHECK(%s)\n", sentence, file, line, cond);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
	abort();
}
