/* micro: what the micro-benchmarks share. One number a line: name, value, unit. The best of
 * several rounds is printed: noise on a shared machine only ever adds. */
#ifndef TESTS_MICRO_MICRO_H
#define TESTS_MICRO_MICRO_H

#include <stdio.h>
#include <stdlib.h>

#include "netpoll/hook.h"

#define MICRO_ROUNDS 7

static inline void micro_print(const char *name, double value, const char *unit)
{
	printf("%-32s %10.1f %s\n", name, value, unit);
	fflush(stdout);
}

/* The figure of one round of `body`, which does `ops` operations: its cost in ns per operation. */
static inline double micro_round(void (*body)(void *), void *arg, size_t ops)
{
	int64_t start = nanotime();

	body(arg);
	return (double)(nanotime() - start) / (double)ops;
}

/* Runs set_up (may be NULL) and body MICRO_ROUNDS times, the set-up untimed, and prints the
 * best. */
static inline void micro_best(const char *name, size_t ops, void (*set_up)(void *), void (*body)(void *), void *arg)
{
	double best = 0;

	for (int i = 0; i < MICRO_ROUNDS; i++) {
		double ns;

		if (set_up != NULL)
			set_up(arg);
		ns = micro_round(body, arg, ops);
		if (i == 0 || ns < best)
			best = ns;
	}
	micro_print(name, best, "ns");
}

/* A benchmark that cannot set itself up has no number to print. */
static inline void *micro_need(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "micro: out of memory\n");
		exit(1);
	}
	return p;
}

#endif
