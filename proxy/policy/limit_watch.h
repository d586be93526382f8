/* limit_watch: two lines of the log for each time in which a limit acts, however many it turns away:
 * limit_reached at its begin, limit_over with the count when it has not acted for LIMIT_CALM.
 *
 *   worker    limit_acted: hits++ -- the first one wakes the control worker (a message)
 *   control   limit_look each second while an episode is under way; it sleeps otherwise
 *
 * Who hits no limit does nothing for this. */
#ifndef PROXY_POLICY_LIMIT_WATCH_H
#define PROXY_POLICY_LIMIT_WATCH_H

#include "netpoll/netpoll.h"
#include "proxy/base/limit.h"

#define LIMIT_CALM (5 * NP_S) /* the kernel's own rate limit of messages has the same */

/* One per process. */
struct limit_watch {
	struct np_worker *worker; /* const while workers run; NULL: nobody looks */
	struct np_msg msg; /* to the worker; its fn is the owner's */
	uint32_t awake; /* atomic: the message is on its way, or somebody looks each second */
	struct limit descriptors; /* atomics: the kernel counts the use; here are high, hits and last_hit */
};

/* What a line says of a limit. */
struct limit_words {
	const char *key, *listener; /* listener: NULL: of the process, an upstream or a server */
	uint32_t max;
	const char *then; /* what happens beyond it */
	const char *upstream; /* whose it is; NULL: no upstream's */
	const char *server;   /* of that upstream, by its address; NULL: none's */
	const char *unit;     /* of max; NULL: places */
};

/* limit_acted: l turned somebody away, or made one wait: first; or that one still waits. w: NULL: only
 * the count.   Calls  any worker. */
void limit_acted(struct limit_watch *w, struct limit *l, bool first);

/* limit_wake: limits were hit (limit_hit), so they are to be looked at. w: NULL: nobody does.   Calls  any worker. */
void limit_wake(struct limit_watch *w);

/* limit_no_descriptor: the same of the kernel's limit. w: NULL: nothing.   Calls  any worker. */
void limit_no_descriptor(struct limit_watch *w, bool first);

/* limit_look: log what began or is over.
 *   Returns  whether an episode is under way.
 *   Calls    one thread at a time. */
bool limit_look(struct limit *l, const struct limit_words *words, int64_t now);

/* limit_close: l goes: its episode is over.   Calls  as limit_look. */
void limit_close(struct limit *l, const struct limit_words *words);

/* limit_watch_rests: no episode is under way, so nobody looks until somebody is hit. Who was hit just
 * before has sent no message: look once more after it.   Calls  the owner's worker. */
void limit_watch_rests(struct limit_watch *w);

/* limit_watch_resumes: look each second again, for one was hit just before.
 *   Returns  false: the message is on its way.   Calls  as above. */
must_use bool limit_watch_resumes(struct limit_watch *w);

#endif
