/* log_episode: what keeps the process log short while the same thing fails again and again. Private to the log.
 *
 * An episode is one event of one subject for one cause: "connect_failed", a server, ECONNREFUSED. Each has its own
 * rate, so a server that is down says nothing in the place of another. Its first line comes at once, the next ones
 * 1, 2, 4 ... LOG_EPISODE_GAP_MAX later at the earliest; an episode is over when nothing came for LOG_EPISODE_CALM,
 * and then one line more tells what the others did not.
 *
 * Any thread asks, the log thread ends episodes. One lock for both, as for a pick of a server: its holder looks up
 * an entry of a table, and only who has just failed takes it. */
#ifndef PROXY_LOG_LOG_EPISODE_H
#define PROXY_LOG_LOG_EPISODE_H

#include <pthread.h>

#include "proxy/log/log.h"

#define LOG_EPISODES        512 /* at once; what is beyond shares one */
#define LOG_EPISODE_GAP     INT64_C(1000000000) /* ns; the first gap between two lines */
#define LOG_EPISODE_GAP_MAX (64 * LOG_EPISODE_GAP)
#define LOG_EPISODE_CALM    (5 * LOG_EPISODE_GAP)
#define LOG_EPISODE_MSG     256 /* bytes of its first message that are kept */

struct log_episode {
	uint64_t key;        /* 0: free */
	int64_t began, last; /* of its events, monotonic ns */
	int64_t next, gap;   /* no line before next; the gap behind that line */
	uint64_t suppressed; /* events since the last line */
	const char *event;   /* static */
	enum log_level level;
	uint16_t chain;      /* the next of its bucket; 0: none */
	char msg[LOG_EPISODE_MSG];
};

struct log_episodes {
	pthread_mutex_t lock; /* of all below */
	uint16_t bucket[LOG_EPISODES]; /* the first of each; 0: none */
	uint16_t free, used;           /* the first free one, once there is one; how many were ever used */
	unsigned open;                 /* atomic for readers without the lock: episodes under way */
	struct log_episode at[1 + LOG_EPISODES]; /* 0: of what had no place of its own */
};

/* log_episode_key: of an event, whose it is (NULL: nobody's) and its cause. Never 0. */
uint64_t log_episode_key(const char *event, const char *who, int cause);

/* log_episode_admit: an event of that key happens.
 *   Returns  whether it may be logged; *suppressed is then how many were not since the last line, and *first
 *            whether an episode begins with it (log_episode_begin follows).
 *   Calls    any thread. */
must_use bool log_episode_admit(struct log_episodes *t, uint64_t key, int64_t now, uint64_t *suppressed, bool *first);

/* log_episode_begin: what its last line will repeat. */
void log_episode_begin(struct log_episodes *t, uint64_t key, enum log_level level, const char *event,
		       const char *msg);

/* log_episode_over: take out one that is over, at the time `now`; INT64_MAX: any.
 *   Returns  false: there is none. */
must_use bool log_episode_over(struct log_episodes *t, int64_t now, struct log_episode *out);

/* Is one under way?   Calls  any thread. */
bool log_episode_open(const struct log_episodes *t);

#endif
