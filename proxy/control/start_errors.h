/* start_errors: words and exit codes for what fails while the process starts or takes a new
 * configuration. They belong to the call that failed and to its object, not to the errno alone:
 * EAGAIN of a thread is a limit of tasks, of a socket it is nothing of the kind. */
#ifndef PROXY_CONTROL_START_ERRORS_H
#define PROXY_CONTROL_START_ERRORS_H

#include "netpoll/base.h"
#include "proxy/base/text.h"

/* The kinds of calls of a start; each has its own words and remedies. */
enum start_call {
	START_MEMORY,     /* malloc and its like; the mapping of a stack */
	START_DESCRIPTOR, /* socketpair, epoll_create1, eventfd, and what a poller needs */
	START_THREAD,     /* pthread_create */
	START_FILE,       /* open of a file to write to */
};

/* start_why: append what could not be had, why, and what the operator can do about it, as "no
 * thread: the limit of tasks is reached (EAGAIN); raise ...". err: -NP_Exxx. */
#define START_WHY_ROOM 256 /* with a NUL behind it */
void start_why(struct text *t, enum start_call call, int err);

/* What the operator can do about it, or NULL. */
const char *start_remedy(enum start_call call, int err);

/* start_failed: log that `what` could not be had, with start_why.
 *   Returns  the exit code: EXIT_PERMISSION if the machine forbids it, else EXIT_FAILED. */
must_use int start_failed(enum start_call call, const char *what, int err);

#endif
