/* upgrade: another program takes over from the one that runs, and no client is refused. Both processes live for a
 * while, each on one end of a socket pair (upgrade_pair.h); what is said stands in proxy/proto/handover_tbl.h.
 *
 *   old: upgrade_run                                  new: upgrade_join, then the start as ever
 *   1  starts the program                             HELLO
 *      HELLO  LISTENERS, with all sockets
 *   4                                                 loads, checks, binds what is missing: READY, or it ends
 *   5  no address is accepted at: the kernel queues
 *      STATE                                          takes it (upgrade_state.h)
 *      GO
 *   6                                                 accepts: ACCEPTING
 *   7  its connections, CONNS and RUN                 builds them, ACK, and runs them (upgrade_move.h)
 *   8  tells the service manager; DONE
 *      forgets its sockets, their files and locks
 *   9  each 100 ms what has become movable moves;     passes an order to stop on: SIGNAL;
 *      the rest ends here, as in a drain; what it     adds it, and ends after old
 *      counts meanwhile: COUNTERS; at last BYE
 *
 * Until GO, old undoes all of it when new ends, is late or says something else: nothing has happened. From ACCEPTING
 * on new is the process that serves. New ends with old until GO; after it new is on its own.
 *
 * Control thread. */
#ifndef PROXY_CONTROL_UPGRADE_H
#define PROXY_CONTROL_UPGRADE_H

#include <sys/types.h>

#include "proxy/base/limit.h"
#include "proxy/control/upgrade_pair.h"

struct order;
struct process;
struct snapshot;
struct upgrade_counts;
struct upgrade_limits;
struct upgrade_sources;

#define UPGRADE_WHY 256

/* Atomic, so that others see it: no order that changes something is obeyed meanwhile. */
enum upgrade_stage {
	UPGRADE_NONE,
	UPGRADE_JOINING,   /* new: not in force yet */
	UPGRADE_UNDER_WAY, /* old: it serves, and new starts */
	UPGRADE_OVER,      /* old: new serves */
};

/* What the admin worker does with its sockets; NULL functions: there is no control plane. Each is called on the
 * control worker and waits until admin has done it. */
struct upgrade_control {
	void *admin;
	void (*suspend)(void *admin); /* accept no more clients; those that are there are served */
	void (*resume)(void *admin);  /* accept again; of new: for the first time */
	void (*give)(void *admin);    /* after suspend: files and locks are another process's */
	int sysfd[2];                 /* its sockets: of the Unix address, of TCP; -1: none */
	int lock;                     /* of the Unix socket's file; -1: none */
	struct np_addr addr[2];
};

struct upgrade {
	uint32_t stage;              /* atomic: enum upgrade_stage */
	struct upgrade_pair pair;
	struct upgrade_message message; /* the one that came last */
	int read_err;                /* of the read that brought it: 0, or why nothing will come any more */
	bool reads;                  /* the coroutine that reads has not ended */
	struct np_event *taken;      /* it waits for this one before it reads on; NULL: it reads */
	pid_t pid;                   /* the other process */
	struct upgrade_counts *counts; /* old: owned: what it has told (upgrade_counts.h); NULL: nothing */
	struct upgrade_limits *limits; /* old: owned: the same of limits (upgrade_limits.h) */
	struct limit left;           /* connections of old: old counts, new holds */
	struct upgrade_sources *sources; /* old: owned: the same of sources (upgrade_sources.h) */
	struct upgrade_batch *batch; /* new: owned: what came and does not run yet; NULL: nothing comes */
	unsigned moved;              /* old: connections that are the other process's now */
	uint64_t batches;            /* old: sent so far */
	int64_t end_by;              /* old: new stops, and what is left here ends by then, too; INT64_MAX: not said */
	bool tells;                  /* old: what it counts is still told */
	int64_t moved_at;            /* old: when the first look at all of them began; 0: no more are moved */
	int64_t move_next;           /* old: the next look at those that could not move then */
	char why[UPGRADE_WHY];       /* of the last one that failed, a sentence; "": none has */
	struct upgrade_control control;
};

/* upgrade_run: old's part, steps 1 to 7. `binary` NULL: the program at our own path.
 *   Returns  true: another process serves, and what is left is a drain without addresses; false: nothing has happened,
 *            and p->upgrade.why says why, with a line in the log.
 *   Parks    60 s at most, and as long as new takes to load.   Calls  the main coroutine, while it serves. */
must_use bool upgrade_run(struct process *p, const char *binary);
/* upgrade_move_late: old, while it drains: what has become movable moves. Harmless without an upgrade.   Parks. */
void upgrade_move_late(struct process *p);
/* upgrade_bye: step 9: nothing is left here. Harmless without an upgrade. */
void upgrade_bye(struct process *p);

/* upgrade_asked: this process was started by another one to take over from it.   Calls  any thread. */
bool upgrade_asked(void);
/* upgrade_refuse: new, before it has a worker: the configuration cannot be loaded, and this is why. Harmless if
 * nobody asked. */
void upgrade_refuse(int code, const char *text);
/* upgrade_join: new's part before the load: HELLO, and the sockets into p->bindings.handed.
 *   Returns  0, also if nobody asked; or the error, with a line in the log: the process ends.   Parks. */
must_use int upgrade_join(struct process *p);
/* upgrade_ready: new's part behind the load: READY; STATE, for snap, which comes into force; and GO has come.
 *   Returns  0: this process is in force, and has to accept; or the error, with a line in the log.   Parks. */
must_use int upgrade_ready(struct process *p, struct snapshot *snap);
/* upgrade_accepting: new: it accepts. */
void upgrade_accepting(struct process *p);
/* upgrade_heard: new, after SIGNALS_PEER: what old said while this process serves. */
void upgrade_heard(struct process *p);
/* upgrade_pass_on: new: logs are opened anew in old, too, as long as it lives. */
void upgrade_pass_on(struct process *p, int sig);
/* upgrade_stop_old: new: what old has left ends by then. Harmless without an old one. */
void upgrade_stop_old(struct process *p, int64_t by);
/* upgrade_has_old: new: the process before this one lives.   Calls  control thread. */
bool upgrade_has_old(const struct process *p);

/* upgrade_leave_old: the process before this one goes on alone: another takes over from this one. Harmless without an
 * old one.   Parks  1 s at most. */
void upgrade_leave_old(struct process *p);

/* upgrade_under_way: an order that changes something is refused meanwhile.   Calls  control thread. */
bool upgrade_under_way(const struct process *p);

#endif
