/* reload: a configuration comes into force, at the start and on SIGHUP.
 *
 *   reload_prepare   everything that can fail; nothing in force has changed yet
 *   reload_publish   every worker switches
 *   reload_retire    the end: no configuration is in force
 *
 * Control thread. */
#ifndef PROXY_CONTROL_RELOAD_H
#define PROXY_CONTROL_RELOAD_H

#include "netpoll/base.h"

struct config;
struct process;
struct snapshot;

/* The steps of reload_prepare. */
enum reload_step {
	RELOAD_LOAD, /* files: the configuration, and what it names */
	RELOAD_BIND, /* addresses */
	RELOAD_LOG,  /* the access log */
};

/* reload_prepare: load c, or the file at path if c is NULL; check its limits, make its snapshot,
 * open the addresses it names and p does not have yet (all or none, into *opened), and switch every
 * worker to its access log.
 *   Returns  0; or the error with a line in the log, and then nothing has changed and c is freed.
 *            -NP_ECANCELED: an order to stop is pending. *step is the step that failed.
 *   Parks    Owns     c. */
must_use int reload_prepare(struct process *p, const char *path, struct config *c,
			    struct snapshot **out, struct list *opened, enum reload_step *step);

/* reload_publish: put snap into force on every worker. p->bindings become exactly those it names,
 * p->snap becomes snap, the old one is retired. With the current snapshot the generation gets
 * its next number, and bindings that are missing are opened.
 *   Returns  0; or -NP_ENOMEM when a new binding could not start on every worker: that one is
 *            closed.
 *   Parks    until every worker has switched.   Owns  snap and the bindings in *opened. */
must_use int reload_publish(struct process *p, struct snapshot *snap, struct list *opened);

/* reload_retire: p->snap is no longer current on any worker. Takes a process without one.   Parks.
 */
void reload_retire(struct process *p);

/* reload_log_level: the process log's level becomes c's. */
void reload_log_level(const struct config *c);

/* reload_file: SIGHUP: reopen the logs, load the configuration file and put it into force. A bad
 * file changes nothing.
 *   Returns  0, or why it was refused: p->why and p->problems say more. *restart (may be NULL): some of
 *            what has changed holds after a restart only.
 *   Parks. */
int reload_file(struct process *p, bool *restart);

/* reload_again: make the configuration in force anew, with the files of TLS as they are now. What
 * was edited in the configuration file waits for its SIGHUP.   Parks. */
void reload_again(struct process *p);

/* reload_logs: SIGUSR1: open the access log's file again. */
void reload_logs(struct process *p);

/* reload_wait_for_old_logs: wait until no writer of a replaced log is left, as long as
 * p->old_logs_by says.   Parks. */
void reload_wait_for_old_logs(const struct process *p);

#endif
