/* confine: what the kernel denies this process from its start on: files by landlock, gains by no_new_privs,
 * capabilities. It cannot be taken back, and a program that takes over inherits it: so the paths of a configuration
 * must lie within, as the kernel itself is asked, or it takes a restart. */
#ifndef PROXY_CONTROL_CONFINE_H
#define PROXY_CONTROL_CONFINE_H

#include "config/text/pos.h"
#include "netpoll/base.h"

struct config;

/* How the program that takes over hears that landlock confines it already: the kernel cannot be asked. */
#define CONFINE_ENV  "STAUNCH_CONFINED"
#define CONFINE_ROOM 40
#define CONFINE_TEXT 256

/* Frozen once the process has started. */
struct confined {
	unsigned landlock;       /* version of its interface; 0: files are not confined */
	bool inherited;          /* from the process before this one */
	bool fixed;              /* no_new_privs */
	bool closed;             /* seccomp: calls are confined to a list, without those that start a program */
	uint64_t capabilities;   /* that are left */
	char text[CONFINE_TEXT]; /* in words: "landlock (ABI 7), no_new_privs, capabilities: net_bind_service" */
};

/* confine_start: confine this process as the configuration has it.
 *   Returns  EXIT_OK; or the exit code of one that has inherited a sandbox in which its files do not lie, with a line
 *            in the log, and for the process that started it.
 *   Calls    process_run, while there is one thread. */
must_use int confine_start(const struct config *c);

/* confine_say: one line of the log.   Calls  a process that serves. */
void confine_say(void);

const struct confined *confine_state(void);
/* confine_environment: the variable for a program that takes over.   Returns  false: there is nothing to say. */
bool confine_environment(char room[CONFINE_ROOM]);

/* confine_denies: is there a path in c that this process may not use, though its mode allows it? Those that only a
 * start opens do not count.   Returns  true, with the path, which is c's, and where it is written.
 *   Any thread; blocks on the disk. */
struct confine_denied {
	const char *path; /* NULL: none */
	struct config_pos at;
};
bool confine_denies(const struct config *c, struct confine_denied *out);

#endif
