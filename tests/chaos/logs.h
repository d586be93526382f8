/* logs: what the process says of itself, followed while the soak runs. */
#ifndef TESTS_CHAOS_LOGS_H
#define TESTS_CHAOS_LOGS_H

#include "tests/chaos/setup.h"

enum answer { ANSWER_NONE, ANSWER_TAKEN, ANSWER_REFUSED };

struct process_log {
	const char *path;     /* borrowed */
	long        offset;   /* read so far */
	bool        asked;    /* a SIGHUP was received and has no answer yet */
	enum answer answer;   /* of the last one; the reader sets it back */
	uint64_t    taken, refused, renewals;
	uint64_t    dropped, lost; /* access records, as it counts them itself */
	uint64_t    losses;   /* stops of a log that lost some: each may leave half a line */
	bool        cut, stopped; /* the drain cut connections; the process says that it has stopped */
	uint64_t    stalls;   /* a worker that did not turn for long: told, not judged */
	uint64_t    alarms;   /* sanitizers, failed checks, errors nobody expects */
	char        alarm[400]; /* the first */
};
void process_log_follow(struct process_log *p);

#endif
