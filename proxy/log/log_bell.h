/* log_bell: how the writer of a log sleeps, and what wakes it. The writer says how deep it sleeps,
 * a ringer how loud it rings. The writer wakes if depth >= loudness, and only the ringer that finds
 * it asleep makes a system call.
 *
 *   depth        the writer waits for        woken by
 *   BELL_AWAKE   nothing: it works           no ringer
 *   BELL_PAUSE   a broken sink to recover    BELL_PAUSE: an order (reopen, stop)
 *   BELL_DOZE    a batch to gather           BELL_DOZE: a ring that fills up; or louder
 *   BELL_SLEEP   the first record            BELL_SLEEP: any record; or louder
 *
 * No wake is lost. The writer lies down first and then looks for work; a ringer publishes work
 * first and then looks whether the writer lies. All four steps are sequentially consistent, so at
 * least one of the two sees the other. Rejected: a condition variable, whose lock a worker would
 * wait for. */
#ifndef PROXY_LOG_LOG_BELL_H
#define PROXY_LOG_LOG_BELL_H

#include <semaphore.h>

#include "netpoll/base.h"

enum bell { BELL_AWAKE, BELL_PAUSE, BELL_DOZE, BELL_SLEEP };

struct log_bell {
	unsigned depth cache_aligned; /* atomic; enum bell */
	sem_t    wake;                /* 0 while awake; one post for each sleep that was ended */
};

void log_bell_init(struct log_bell *b);
void log_bell_fini(struct log_bell *b);

/* The writer alone calls these: first lie_down, then it looks for work, then either get_up or
 * sleep. After both it is awake. */
void log_bell_lie_down(struct log_bell *b, enum bell depth);
void log_bell_get_up(struct log_bell *b);
/* Sleeps until a ringer rings, at most ms milliseconds; -1: without a limit. */
void log_bell_sleep(struct log_bell *b, int ms);

/* log_bell_ring: wake the writer if it sleeps deep enough. The caller has stored the work before,
 * with sequential consistency. Any thread; never blocks. */
void log_bell_ring(struct log_bell *b, enum bell loudness);

#endif
