/* The sleep of a log's writer: one word that says how deep it is, and one semaphore. */
#include "proxy/log/log_bell.h"

#include <time.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

void log_bell_init(struct log_bell *b)
{
	b->depth = BELL_AWAKE;
	CHECK(sem_init(&b->wake, 0, 0) == 0, "a private semaphore of value 0 can always be made");
}

void log_bell_fini(struct log_bell *b)
{
	DCHECK(__atomic_load_n(&b->depth, __ATOMIC_RELAXED) == BELL_AWAKE, "its sleeper has ended");
	sem_destroy(&b->wake);
}

void log_bell_lie_down(struct log_bell *b, enum bell depth)
{
	DCHECK(depth != BELL_AWAKE, "a writer lies down to sleep");
	DCHECK(__atomic_load_n(&b->depth, __ATOMIC_RELAXED) == BELL_AWAKE,
	       "a bell has one sleeper, which lies down once");
	__atomic_store_n(&b->depth, depth, __ATOMIC_SEQ_CST);
}

/* Takes one post. A ringer has made it, or has changed the depth and is about to make it. */
static void take_post(struct log_bell *b)
{
	while (sem_wait(&b->wake) != 0)
		DCHECK(err_from_errno() == -NP_EINTR, "only a signal ends the wait");
}

/* If the depth is AWAKE already, a ringer was here and a post is there or on its way. Left there,
 * it would cut the next sleep short. */
void log_bell_get_up(struct log_bell *b)
{
	if (__atomic_exchange_n(&b->depth, BELL_AWAKE, __ATOMIC_SEQ_CST) == BELL_AWAKE)
		take_post(b);
}

/* Returns false if the time ran out first. */
static bool wait_until(struct log_bell *b, const struct timespec *end)
{
	int rc;

	do
		rc = sem_clockwait(&b->wake, CLOCK_MONOTONIC, end);
	while (rc != 0 && err_from_errno() == -NP_EINTR);
	return rc == 0;
}

void log_bell_sleep(struct log_bell *b, int ms)
{
	struct timespec end;

	if (ms < 0) {
		take_post(b);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000L;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	if (!wait_until(b, &end))
		log_bell_get_up(b);
}

/* The load keeps the usual case, a writer that is awake or dozes, free of a locked instruction. Of
 * two ringers the exchange lets one post: one sleep takes exactly one post. */
void log_bell_ring(struct log_bell *b, enum bell loudness)
{
	if (__atomic_load_n(&b->depth, __ATOMIC_SEQ_CST) < loudness)
		return;
	if (__atomic_exchange_n(&b->depth, BELL_AWAKE, __ATOMIC_SEQ_CST) != BELL_AWAKE)
		sem_post(&b->wake);
}
