/* upgrade: an instance that other programs take over from, one after the other, and clients that come all the time.
 * The new process is not our child until its parent has ended: then it is, since the test is the one that orphans go
 * to. For the test's own thread. */
#ifndef TESTS_FLOW_KIT_UPGRADE_H
#define TESTS_FLOW_KIT_UPGRADE_H

#include <pthread.h>

#include "tests/flow/kit/control.h"

#define KNOCKERS 4

struct world {
	struct kit_child *first; /* has the files with the output of all */
	pid_t pid;               /* of the process that serves */
	char config[KIT_PATH];
	int port, late; /* late: of a listener that waits for a PROXY header; 0: there is none */
	struct kit_peer *echo;
};

/* What the next process reads: so many workers, listener web at these addresses, and more at the end of the file. */
void write_world(struct world *w, int workers, const char *binds, const char *more);
const char *tcp_bind(const struct world *w); /* the first address, as write_world takes it */
struct world world_of(void);                 /* not started */
void start_with(struct world *w, const char *const argv[]);
struct world world_started(void);
/* The exit code of a process that has served.   Waits. */
int wait_for_end(struct world *w, pid_t pid);
pid_t pid_in(const char *answer); /* behind "pid": in the answer of the verb */
/* By the verb. Nothing is left with the old process, so it ends.   Returns  its pid. */
pid_t upgrade(struct world *w);
void stop(struct world *w);

struct knocker {
	pthread_t thread;
	int port;
	char ip[KIT_PATH];
	int every_us; /* from one client to the next at least; 0: at once */
	bool stop;    /* atomic */
	unsigned served;
	int err;   /* the first failure */
};
void knockers_start(struct knocker *k, const char *ip, int port); /* KNOCKERS of them, as fast as they can */
void knockers_start_at(struct knocker *k, const char *ip, int port, int per_second); /* all together */
void knockers_stop(struct knocker *k); /* each of them was served each time */

#endif
