/* manager: what the service manager is told, and when. Without one (proxy/systemd/notify.h) nothing here does
 * anything.
 *
 *   READY=1, STATUS=                              manager_ready: addresses accept
 *   RELOADING=1, MONOTONIC_USEC= ... READY=1      around every reload, a refused one too
 *   STATUS=                                       each 10 s, if it has changed
 *   WATCHDOG=1                                    with READY, then each half of WatchdogSec=, once every loop has
 *                                                 turned since the last
 *   MAINPID=                                      when another process serves instead; then nothing more
 *   STOPPING=1, STATUS=, EXTEND_TIMEOUT_USEC=     manager_stopping; again each 2 s, with the connections left
 *
 * "Every loop has turned" is asked of the loops: each answers a message, so one that sleeps and is not woken, or that
 * a debugger holds, counts as stuck. The control worker's own loop asks, so it is among them. Rejected: signs of life
 * after the counters of the watchdog's thread: a loop that sleeps is a good one there. */
#ifndef PROXY_CONTROL_MANAGER_H
#define PROXY_CONTROL_MANAGER_H

#include "netpoll/netpoll.h"
#include "proxy/systemd/notify.h"

struct process;

/* One loop that is asked. */
struct loop_probe {
	struct np_msg msg;
	bool answered; /* atomic: the message has been read */
};

/* The control thread's. */
struct manager {
	struct notify notify;
	struct loop_probe *probes; /* owned: one per loop; NULL: there is no watchdog */
	unsigned nprobes;
	int64_t fed;               /* when the last WATCHDOG=1 was sent */
	int64_t told;              /* when the status was last sent, or found to be the same */
	struct np_timer timer;
	bool serving;              /* between manager_ready and manager_end */
	bool stopping;             /* the end has begun */
	char status[512];         /* the last one sent */
};

/* manager_init: read the environment.   Calls  before there is a second thread. */
void manager_init(struct manager *m);
void manager_fini(struct manager *m);

/* The rest: control worker. */

/* manager_ready: clients are accepted. p->workers holds every loop that must turn. */
void manager_ready(struct process *p);
void manager_reloading(struct process *p);
/* manager_reloaded: taken over, or refused: p->why says why. */
void manager_reloaded(struct process *p);
/* manager_stopping: the end has begun. */
void manager_stopping(struct process *p);
/* manager_hand_over: process `pid` is the service from now on (upgrade.h): it is told to the manager, which hears
 * nothing of this process any more.   Parks  for no time, but may hold the thread for a second. */
void manager_hand_over(struct process *p, pid_t pid);
/* manager_end: nothing is told any more, while the loops still run. */
void manager_end(struct process *p);

#endif
