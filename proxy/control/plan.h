/* plan: what a reload of a text would change, and how many connections each change touches. Nothing changes. */
#ifndef PROXY_CONTROL_PLAN_H
#define PROXY_CONTROL_PLAN_H

#include "netpoll/base.h"

struct process;

/* plan_run: as a load of n bytes of text in the place of p's file, but for everything that a load changes.
 *   Returns  0 and *out: JSON, the members of an object without its braces; -NP_EDEADLINE, -NP_ECANCELED, -NP_EBUSY,
 *            -NP_EAGAIN: as file_work_run; -NP_ENOMEM.
 *   Parks    as long as a load.   Calls  the control worker's main coroutine.
 *   Owns     text; *out, on the heap. */
must_use int plan_run(struct process *p, char *text, size_t n, char **out);

#endif
