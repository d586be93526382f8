/* faults: the test build's staunch under faults.so, and the walk over every call that it makes: fail
 * the nth one with each error it can have, for n = 1, 2, ... The errors stand in
 * tests/faults/fault_tbl.h.
 *
 * One walk tries a choice of n by a seed that is printed; FAULTS=all tries every one, FAULTS=splice
 * those of one call, FAULTS_SEED=n the choice of an earlier walk. For the test's own thread. */
#ifndef TESTS_FLOW_KIT_FAULTS_H
#define TESTS_FLOW_KIT_FAULTS_H

#include "tests/faults/faults.h"
#include "tests/kit/kit.h"

/* ---- the program ---- */

struct faults {
	struct fault_table *table; /* shared with the program */
	struct kit_child   *child;
	char table_path[KIT_PATH];
};

/* Once a test. */
void faults_open(struct faults *f);
void faults_close(struct faults *f);

/* Starts `run -c config` with the rules that are armed; the counts begin at 0. Does not wait. */
void faults_spawn(struct faults *f, const char *config);

/* Only this rule, from now on. */
void faults_arm(struct faults *f, const struct fault_rule *r);
/* How many calls it has made fail. */
unsigned faults_hits(const struct faults *f);
void faults_disarm(struct faults *f);

/* The log thread waits for no more lines before it writes: who starts the program next waits for
 * each. */
void faults_hasten_log(struct faults *f);

/* ---- the walk ---- */

enum fault_when { FAULT_AT_START, FAULT_OF_WORKER };

struct fault_walk {
	enum fault_when when;
	bool     sticky_too;             /* each error once, and then for ever */
	unsigned count[FAULT_CALLS];     /* of a run without faults */
	unsigned call, error, nth, step; /* of the next case */
	bool     sticky;
};

/* The counts of one thread (FAULT_THREADS: of all) become the walk's. */
void fault_walk_init(struct fault_walk *w, const struct faults *f, unsigned thread);
/* False after the last case; r->thread is the caller's. */
bool fault_walk_next(struct fault_walk *w, struct fault_rule *r);

/* "splice:3+:EPERM". Good until the next call. */
const char *fault_text(const struct fault_rule *r);
const char *fault_call_name(unsigned call);

/* ---- what came of it ---- */

/* What is wrong today; why says where that is to be mended. "*" is every name. */
struct fault_known {
	const char *kind, *call, *error, *why;
};

struct fault_ledger {
	const struct fault_known *known;
	size_t   nknown;
	unsigned cases, failed, expected;
	unsigned seen[96]; /* by row */
};

/* outcome: NULL where all was as it should be. */
void fault_note(struct fault_ledger *l, const char *kind, const struct fault_rule *r, const char *outcome);
/* Fails the test for what fault_note was told since the last time and no row expects. */
void fault_ledger_close(struct fault_ledger *l);
/* After all walks: with FAULTS=all each row must have been seen to fail. What is mended loses
 * its row. */
void fault_ledger_healed(const struct fault_ledger *l);

#endif
