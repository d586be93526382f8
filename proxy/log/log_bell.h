/* log_bell: how the writer sleeps and who may wake it. The writer says how deep it sleeps, a ringer
 * how loud it is; the sleeper wakes if depth >= loudness, and only the ringer that finds it asleep
 * makes a system call.
 *
 *   depth        the writer waits for        woken by
 *   BELL_AWAKE   nothing: it works           nobody
 *   BELL_PAUSE   a broken sink to recover    BELL_PAUSE: an order (reopen, stop)
 *   BELL_DOZE    a batch to gather           BELL_DOZE: a ring that fills up; or louder
 *   BELL_SLEEP   the first record            BELL_SLEEP: any record; or louder
 *
 * No wake is lost: the writer lies down and then looks whether there is something to do; a ringer
 * makes something to do and then looks whether the writer lies. Both orders are sequentially
 * consistent, so one of them sees the other. A semaphore and not a condition variable, because
 * posting takes no lock that a worker could wait for. */
#ifndef PROXY_LOG_LOG_BELL_H
#define PROXY_LOG_LOG_BELL_H

#include <semaphore.h>

#include "netpoll/base.h"

enum bell { BELL_AWAKE, BELL_PAUSE, BELL_DOZE, BELL_SLEEP };

struct log_bell {
	unsigned depth cache_aligned; /* atomic; enum bell */
	sem_t    wake;                /* 0 while awake; one post per ring that found a sleeper */
};

void log_bell_init(struct log_bell *b);
void log_bell_fini(struct log_bell *b);

/* Writer. lie_down comes first, then the look around, then either get_up or sleep; both end
 * awake. */
void log_bell_lie_down(struct log_bell *b, enum bell depth);
void log_bell_get_up(struct log_bell *b);
void log_bell_sleep(struct log_bell *b, int ms); /* until rung, or for ms; -1 is for ever */

/* Any thread. What is to be seen by the writer must have been stored before, sequentially
 * consistent. */
void log_bell_ring(struct log_bell *b, enum bell loudness);

#endif
