/* control: the process as its own thread sees it. Private to process.c, signals.c, reload.c and drain.c; every function
 * runs in a coroutine of the control worker, which is a netpoll worker like the others but relays nothing: so waiting
 * for a worker, a signal or a time reads like a straight line. */
#ifndef PROXY_CONTROL_SIGNALS_H
#define PROXY_CONTROL_SIGNALS_H

#include "proxy/listen/acceptor.h"
#include "proxy/control/ocsp.h"
#include "proxy/process.h"

struct process {
	const char *config_path;  /* const; NULL: not from a file */
	struct registry registry;
	struct snapshot *snap;    /* current */
	struct limit limit;       /* connections of the process; workers take from it */
	unsigned pipes;           /* const after init: per worker, for splicing */
	struct list bindings;
	struct shard *shards;     /* one per worker */
	unsigned nshards;         /* const after init */
	struct np_worker **workers;
	unsigned nworkers;        /* started */
	struct np_sysmon *sysmon;
	struct log *log;          /* access log; NULL: off */
	struct stats stats;       /* what the control thread counts */
	struct ocsp ocsp;         /* what is fetched to be stapled */
	uint64_t files, files_seen; /* states of the files of TLS: in force; at the last look. 0: there are none */
};

/* Connections that the descriptor limit allows beside the listeners of c. At least one. */
int64_t process_capacity(const struct process *p, const struct config *c);

/* ---- signals.c: signals ---------------------------------------------------------------------- */

/* control_signals_open: from now on signals are bytes to be read. Before any thread is started, so that all others
 * block them.   control_wait: the next one; deadline 0: none. Returns the signal or -NP_EDEADLINE. Parks. */
must_use int control_signals_open(void);
must_use int control_signals_start(void); /* on the control worker */
must_use int control_wait(int64_t deadline);
void control_signals_stop(void);
/* The loop of a running process: returns when it is told to stop. */
void control_run(struct process *p);

/* ---- reload.c -------------------------------------------------------------------------------- */

/* Everything that can fail before c is in force: its limit, its snapshot, the bindings it names and p
 * does not have yet (all or none, into *opened), its access log on every shard.
 *   Returns  0; or the error with a line in the log, and then nothing has changed and c is freed.
 *   Owns     c. */
must_use int reload_prepare(struct process *p, struct config *c, struct snapshot **out, struct list *opened);
/* Put snap into force on every worker: p->bindings become exactly those it names, p->snap becomes snap, the old one is
 * retired.   Returns  0, or -NP_ENOMEM when a new binding could not start on every worker: that one is closed. */
must_use int reload_publish(struct process *p, struct snapshot *snap, struct list *opened);
void reload_retire(struct process *p); /* p->snap is current no more */
void reload_log_level(const struct config *c);
void reload_file(struct process *p); /* SIGHUP */
/* The config that is in force once more, with the files of TLS as they are now: what was edited since waits for its
 * SIGHUP. */
void reload_again(struct process *p);
void reload_logs(struct process *p); /* SIGUSR1 */

/* ---- renew.c -------------------------------------------------------------------------- */

#define RENEW_POLL (250 * NP_MS)

int64_t renew_next_poll(const struct process *p); /* when renew_poll is due; 0: never */
/* Ticket keys and OCSP answers in time, and reload_again when a file of TLS has changed. */
void renew_poll(struct process *p);
uint64_t reload_files(const struct config *c);
void reload_warn_of_expiry(const struct snapshot *snap);

/* ---- drain.c --------------------------------------------------------------------------------- */

/* Stop accepting after shutdown.delay, wait for the connections up to shutdown.timeout, end the rest. A further signal
 * ends them at once. */
void drain_run(struct process *p);

#endif
