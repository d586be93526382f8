/* logs: what the process says of itself. The process log is followed while the soak runs; the access log's lines are
 * counted at its end, over every file that ever held some. */
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
	uint64_t    stalls;   /* a worker that did not turn for long: told, not judged */
	uint64_t    alarms;   /* sanitizers, failed checks, errors nobody expects */
	char        alarm[400]; /* the first */
};
void process_log_follow(struct process_log *p);

struct access_lines {
	uint64_t at[PLACES]; /* lines of each listener */
	uint64_t all, torn;  /* torn: no whole line, or a reason that nobody knows */
	char     sample[500]; /* the first of these */
	unsigned files;
};
void access_lines_count(struct access_lines *a);

#endif
