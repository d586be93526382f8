/* Starts a writer thread of the log, and waits for its end no longer than until a deadline. */
#include "proxy/log/log_thread.h"

#include <time.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/thread.h"

#define NS_PER_S 1000000000

enum { RUNS, ENDED, GIVEN_UP };

int log_thread_start(struct log_thread *t, const char *name, void *(*main)(void *arg), void *arg)
{
	int err;

	t->state = RUNS;
	CHECK(sem_init(&t->ended, 0, 0) == 0, "a private semaphore of value 0 can always be made");
	err = thread_start(&t->id, name, main, arg);
	if (err != 0)
		sem_destroy(&t->ended);
	return err;
}

/* The post comes after the exchange, and the joiner frees *t only after pthread_join: so the post
 * still finds it. */
bool log_thread_end(struct log_thread *t)
{
	unsigned before = __atomic_exchange_n(&t->state, ENDED, __ATOMIC_ACQ_REL);

	DCHECK(before != ENDED, "a thread ends once");
	if (before == GIVEN_UP) {
		sem_destroy(&t->ended);
		return true;
	}
	sem_post(&t->ended);
	return false;
}

bool log_thread_wait(struct log_thread *t, int64_t deadline)
{
	struct timespec end = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
	int rc;

	do
		rc = sem_clockwait(&t->ended, CLOCK_MONOTONIC, &end);
	while (rc != 0 && err_from_errno() == -NP_EINTR);
	return rc == 0;
}

/* A thread that ends between the wait and the exchange is joined after all: it is past its last
 * write. */
bool log_thread_release(struct log_thread *t)
{
	pthread_t id = t->id; /* *t is gone as soon as the thread is given up */

	if (__atomic_exchange_n(&t->state, GIVEN_UP, __ATOMIC_ACQ_REL) == RUNS) {
		pthread_detach(id);
		return false;
	}
	pthread_join(id, NULL);
	sem_destroy(&t->ended);
	return true;
}
