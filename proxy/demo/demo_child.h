/* demo_child: the proxy of the demo, a process of its own with the verb proxy. */
#ifndef PROXY_DEMO_DEMO_CHILD_H
#define PROXY_DEMO_DEMO_CHILD_H

#include <sys/types.h>

#include "netpoll/netpoll.h"

#define DEMO_SERVERS 3  /* echo servers behind the proxy */
#define DEMO_ARGS    10 /* words of the proxy's command line, at most */

struct demo_server;

struct demo_child {
	pid_t pid;  /* 0: it does not run */
	int log;    /* memory file with its stdout and stderr */
	int status; /* once it has ended: exit code, or 128 + signal */
	char from[32], to[DEMO_SERVERS * 32];
	const char *args[DEMO_ARGS]; /* the command line behind "staunch"; borrow the above, NULL behind the last */
};

/* demo_child_start: start the proxy at `from` in front of the DEMO_SERVERS servers. Returns 0 or
 * an error.
 *   Calls    before the worker runs, for it forks. */
must_use int demo_child_start(struct demo_child *c, const struct np_addr *from, const struct demo_server *to);

/* Does it run? Reaps it when it has ended, and then sets status. */
bool demo_child_alive(struct demo_child *c);

/* demo_child_await: until one connection has gone through it to a server and back.
 *   Returns  0, or an error: it has ended, or does not relay within ten seconds.
 *   Parks. */
must_use int demo_child_await(struct demo_child *c, const struct np_addr *listener);

/* demo_child_stop: let it drain; after ten seconds it is killed.   Parks  until it has ended. */
void demo_child_stop(struct demo_child *c);

/* The end of what it wrote, to stderr. */
void demo_child_show_log(const struct demo_child *c);

#endif
