/* start_errors: words and exit codes for what fails while the process starts. They belong to the
 * call that failed and to its object, not to the errno alone: EAGAIN of a thread is a limit of
 * tasks, of a socket it is nothing of the kind. */
#ifndef PROXY_CONTROL_START_ERRORS_H
#define PROXY_CONTROL_START_ERRORS_H

#include "netpoll/base.h"

/* The kinds of calls of a start; each has its own remedies. */
enum start_call {
	START_MEMORY,     /* malloc and its like */
	START_DESCRIPTOR, /* socketpair, epoll_create1, eventfd, and what a poller needs */
	START_THREAD,     /* pthread_create; a worker's poller, too */
};

/* start_remedy: what the operator can do about it; "" if we know nothing. err: -NP_Exxx. */
const char *start_remedy(enum start_call call, int err);

/* start_failed: log that `what` could not be had, with its remedy.
 *   Returns  the exit code: EXIT_PERMISSION if the machine forbids it, else EXIT_FAILED. */
must_use int start_failed(enum start_call call, const char *what, int err);

#endif
