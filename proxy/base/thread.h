/* thread: a thread beside the workers, for what may block: the log's sink, a lookup by the system's
 * resolver.
 *
 * All signals are blocked in it from its first instruction. Signals belong to the control thread,
 * and one that another thread takes would cut short the call that it blocks in. SIGPIPE is ignored
 * in the whole process, so a write to a reader that left returns EPIPE here. */
#ifndef PROXY_BASE_THREAD_H
#define PROXY_BASE_THREAD_H

#include <pthread.h>

#include "netpoll/base.h"

#define THREAD_NAME_MAX 16 /* of a thread's name with its NUL: the kernel keeps no more */

/* thread_start: start a thread that runs main(arg); ps and gdb show its name.
 *   Returns  0 or -NP_Exxx, mostly -NP_EAGAIN: too many threads.
 *   Calls    any thread.
 *   Owns     the caller owns *out and joins it. With out NULL nobody does: the thread is
 *   detached. */
must_use int thread_start(pthread_t *out, const char *name, void *(*main)(void *arg), void *arg);

#endif
