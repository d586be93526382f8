/* load: everything of a (re)load that reads files: the configuration, what it names, and the
 * snapshot with its TLS contexts. It is one job of file work; nothing in force changes. */
#ifndef PROXY_CONTROL_LOAD_H
#define PROXY_CONTROL_LOAD_H

#include "proxy/policy/snapshot_trial.h"

struct config;
struct process;
struct tokens;

/* What a load made, to be put into force or freed. */
struct loaded {
	struct config *config;     /* snap owns it */
	struct snapshot *snap;     /* the process's current one: nothing has changed */
	uint64_t files;            /* watch_files_state before they were read */
	struct tokens *tokens;     /* the caller's: tokens_publish or tokens_free */
};

/* load_run: make a snapshot of config, or of the file at path if config is NULL.
 *   Returns  0 and *out; or the error, with its lines on stderr or in the log, and nothing has
 *            changed. -NP_ECANCELED: an order to stop came first.
 *   Parks    LOAD_PATIENCE at most.
 *   Calls    the control worker's main coroutine.
 *   Owns     config, and *out's snapshot, unless that is the current one. */
must_use int load_run(struct process *p, const char *path, struct config *config,
		      struct loaded *out);

/* What a plan found. */
struct planned {
	struct snapshot_trial trial; /* trial.snap NULL: there are errors */
	char *errors, *warnings;     /* owned: as problems_text; NULL: none */
};

/* load_plan: all of a load of n bytes of text, in the place of the file in force, but for what a load changes:
 * nothing is logged, printed or written, and no generation in force is touched.
 *   Returns  0 and *out, also with errors in the text; -NP_EDEADLINE, -NP_ECANCELED, -EBUSY, -NP_EAGAIN: as
 *            file_work_run; -NP_ENOMEM.
 *   Parks    LOAD_PATIENCE at most.   Calls  the control worker's main coroutine.
 *   Owns     text, on the heap; *out: planned_free. */
must_use int load_plan(struct process *p, char *text, size_t n, struct planned **out);
void planned_free(struct planned *f); /* takes NULL */

#endif
