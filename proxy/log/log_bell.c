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
	DCHECK(b->depth == BELL_AWAKE, "the bell goes after its sleeper");
	sem_destroy(&b->wake);
}

void log_bell_lie_down(struct log_bell *b, enum bell depth)
{
	__atomic_store_n(&b->depth, depth, __ATOMIC_SEQ_CST);
}

/* Takes one post; it was made, or is being made by a ringer that has already changed the depth. */
static void take_post(struct log_bell *b)
{
	while (sem_wait(&b->wake) != 0)
		DCHECK(err_from_errno() == -NP_EINTR, "only a signal ends the wait");
}

/* A depth that is AWAKE already means that somebody rang, so that a post is there or about to be:
 * leaving it would cut the next sleep short. */
void log_bell_get_up(struct log_bell *b)
{
	if (__atomic_exchange_n(&b->depth, BELL_AWAKE, __ATOMIC_SEQ_CST) == BELL_AWAKE)
		take_post(b);
}

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

/* The load keeps the usual case, a writer that is awake or dozes, free of a locked instruction. */
void log_bell_ring(struct log_bell *b, enum bell loudness)
{
	if (__atomic_load_n(&b->depth, __ATOMIC_SEQ_CST) < loudness)
		return;
	if (__atomic_exchange_n(&b->depth, BELL_AWAKE, __ATOMIC_SEQ_CST) != BELL_AWAKE)
		sem_post(&b->wake);
}
