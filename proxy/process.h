/* process: the running proxy: workers, listeners, control. What main.c and the verbs may call. */
#ifndef PROXY_PROCESS_H
#define PROXY_PROCESS_H

#include "netpoll/base.h"

struct config;

struct process_opts {
	const char *config_path; /* SIGHUP loads it again; NULL: no file */
	struct config *config; /* checked; ownership passes */
	const char *version; /* of this build */
};

/* process_run: start, serve until told to stop, drain.
 *   Returns  the exit code, one of exit_tbl.h.
 *   Calls    the main thread, once. */
must_use int process_run(const struct process_opts *o);

#endif
