/* log_thread: a thread that may hang in a write for ever, and that must not keep the process from
 * ending. Private to the log.
 *
 * A write to a pipe, a terminal or a disk can block whatever poll said before, and nothing ends it
 * from outside. So the thread that waits for the end of such a thread waits until a deadline, and
 * gives it up then:
 *
 *   RUNS --log_thread_end-----> ENDED     log_thread_release joins it; its memory is the caller's
 *     '---log_thread_release--> GIVEN_UP  its memory is its own: it frees it if it ever gets so far
 *
 * One exchange of the word decides which of the two it is. Rejected: pthread_cancel. The thread
 * could hold a lock of the C library, and a cancelled write says nothing about how much it
 * wrote. */
#ifndef PROXY_LOG_LOG_THREAD_H
#define PROXY_LOG_LOG_THREAD_H

#include <pthread.h>
#include <semaphore.h>

#include "netpoll/base.h"

struct log_thread {
	pthread_t id;   /* const after start */
	sem_t ended;    /* one post, when the thread has ended */
	unsigned state; /* atomic; the words above */
};

/* log_thread_start: start main(arg) with all signals blocked. *t lives at least as long as the
 * thread.
 *   Returns  0 or -NP_Exxx.
 *   Calls    any thread. */
must_use int log_thread_start(struct log_thread *t, const char *name, void *(*main)(void *arg),
			      void *arg);

/* log_thread_end: the last call of the thread itself.
 *   Returns  true if the thread was given up: it frees what it was started with, *t included. */
must_use bool log_thread_end(struct log_thread *t);

/* log_thread_wait: wait until the thread has ended, at most until `deadline`, in monotonic ns; 0
 * only asks. After it the caller may still read the thread's memory.
 *   Returns  whether it has ended.
 *   Calls    the thread that started it, until it has returned true. */
bool log_thread_wait(struct log_thread *t, int64_t deadline);

/* log_thread_release: join the thread if it has ended, or else give it up. Never waits for a thread
 * that hangs.
 *   Returns  false if it was given up: the caller may not touch its memory any more, *t included.
 *   Calls    the thread that started it, once, after log_thread_wait. */
must_use bool log_thread_release(struct log_thread *t);

#endif
