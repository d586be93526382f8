/* problems: what is wrong with a configuration, as JSON: the same objects in `check --format json` and in the
 * answer to a reload. */
#ifndef PROXY_CONTROL_PROBLEMS_H
#define PROXY_CONTROL_PROBLEMS_H

#include "config/text/diag.h"
#include "proxy/base/json.h"

#define PROBLEM_ROOM 32768 /* bytes of one problem: each of its texts escaped, and a path */

/* problem_put: one problem as an object. Positions are numbers, so that an editor can jump there. */
void problem_put(struct json *j, const struct diag_problem *b);

/* problems_text: the problems that d keeps, as objects with commas between them, on the heap. Those that do not fit
 * into 64 KiB are left out.
 *   Returns  NULL: there is no memory, or no problem.   Owns  the caller frees it. */
char *problems_text(const struct diag *d);
/* problems_of: those of one severity alone. */
char *problems_of(const struct diag *d, enum diag_severity severity);

/* problems_first: the first error that d keeps as one line, "FILE:LINE:COLUMN: MESSAGE", on the heap.
 *   Returns  NULL: there is no memory, or no error.   Owns  the caller frees it. */
char *problems_first(const struct diag *d);

/* problem_text: one problem that was found outside of a file, the same way. */
char *problem_text(const char *code, const char *message);

/* problems_log: what d holds as lines of the process log, where no person sees it at once: in JSON a list of the
 * problems in as few lines as hold it, else a line each. Without problems there is none. `after` is what becomes of
 * it, as in diag_print. */
void problems_log(const struct diag *d, const char *after);

#endif
