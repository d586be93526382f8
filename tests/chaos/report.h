/* report: numbers of the process over time, a line of progress every few seconds, and the summary. */
#ifndef TESTS_CHAOS_REPORT_H
#define TESTS_CHAOS_REPORT_H

#include "tests/chaos/disturbances.h"

struct sample {
	double seconds, kib;
};

struct report {
	const struct streams      *streams;
	const struct disturbances *disturbances;
	pid_t          pid;
	int64_t        began, next_sample, next_line;
	struct sample *samples; /* of private memory, one a second */
	size_t         nsamples, room;
};

long report_private_kib(pid_t pid);
void report_turn(struct report *r, int64_t now);
/* KiB by which private memory grew over the second half, by the straight line that fits its samples best. */
double report_growth(const struct report *r);
void report_summary(const struct report *r);

#endif
