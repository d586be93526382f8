/* faults: which call shall fail, and how often each was made: memory that faults.so shares with
 * the test that started the program. A test arms a rule before the start or while the program
 * runs; calls count from then on. */
#ifndef TESTS_FAULTS_FAULTS_H
#define TESTS_FAULTS_FAULTS_H

#include <stdint.h>

#include "tests/faults/fault_tbl.h"

#define FAULT_RULES  4
#define FAULT_OBJECT 128

/* Threads are told by their names without the number. main is everybody else: the control worker,
 * which is the main thread, and what a library starts. */
#define FAULT_THREAD_TBL(X) X(main) X(worker) X(log) X(sysmon)

enum fault_thread {
#define X(name) FAULT_IN_##name,
	FAULT_THREAD_TBL(X)
#undef X
	FAULT_THREADS, /* and in a rule: whichever thread */
};

struct fault_rule {
	uint32_t on;           /* atomic; the rest is const while it is set, but for the last three */
	uint32_t call, thread;
	uint32_t nth;          /* fails, counted from 1 */
	uint32_t sticky;       /* and all that follow */
	int32_t  err;
	uint32_t seen, hits;   /* atomic: calls that matched, and those that failed */
	char     object[FAULT_OBJECT]; /* the path of the latest that failed, or "" */
};

struct fault_table {
	struct fault_rule rule[FAULT_RULES];
	uint32_t count[FAULT_THREADS][FAULT_CALLS]; /* atomic */
};

#endif
