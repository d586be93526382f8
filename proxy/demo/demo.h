/* demo: what `staunch demo` is made of. Private to demo_*.c and cli_demo.c.
 *
 *     this process                     the child, exec'ed            this process
 *     50 clients (demo_client.c)  -->  staunch proxy  -->  echo servers a, b, c (demo_server.c)
 *
 * Everything here runs as coroutines of one worker on the main thread; so no field needs protection. The child is the
 * binary itself with the verb proxy: what is shown is what a user gets, not a second wiring of the same parts. */
#ifndef PROXY_DEMO_DEMO_H
#define PROXY_DEMO_DEMO_H

#include <stdio.h>

#include "netpoll/netpoll.h"

#define DEMO_SERVERS 3
#define DEMO_CLIENTS 50
#define DEMO_RATE    2000 /* requests a second in all: a laptop stays cool */
#define DEMO_MIN     64   /* bytes of a request */
#define DEMO_MAX     16384
#define DEMO_TICK    (200 * NP_MS)
#define DEMO_WINDOW  5 /* ticks that a shown rate or latency covers */
#define DEMO_PATIENCE (5 * NP_S) /* for one request; what takes longer counts as lost */

/* ---- latencies: demo_hist.c ------------------------------------------------------------------ */

/* Microseconds in buckets a sixteenth of their octave wide, up to half a minute: at most 6% off. */
#define HIST_SUB     16
#define HIST_OCTAVES 22
struct demo_hist {
	uint32_t bucket[HIST_SUB * HIST_OCTAVES];
	uint64_t count;
	int64_t  max; /* us */
};
void hist_add(struct demo_hist *h, int64_t us);
void hist_merge(struct demo_hist *h, const struct demo_hist *other);
int64_t hist_quantile(const struct demo_hist *h, double q); /* us; 0 when empty */

/* ---- the echo servers: demo_server.c --------------------------------------------------------- */

struct demo_server {
	char           name; /* 'a', 'b', 'c' */
	struct np_addr addr;
	int            hold;     /* a bound socket that does not listen: keeps the port ours while the server is away */
	struct np_fd   listener;
	bool           up;
	uint64_t       accepted;
};
must_use int demo_port_hold(struct np_addr *addr); /* a free port of 127.0.0.1; returns the holding socket */
must_use int demo_server_start(struct demo_server *s);
/* Without losing anybody: whom the kernel has connected is still served, whoever comes later is refused. */
void demo_server_stop(struct demo_server *s); /* Parks. */

/* ---- the proxy: demo_child.c ----------------------------------------------------------------- */

#define DEMO_ARGS 10
struct demo_child {
	pid_t pid;     /* 0: it does not run */
	int   log;     /* memory file with its stdout and stderr */
	int   status;  /* once it has ended: exit code, or 128 + signal */
	char  from[32], to[DEMO_SERVERS * 32];
	const char *args[DEMO_ARGS]; /* borrow the above */
};
/* Calls  before the worker runs, for it forks. */
must_use int demo_child_start(struct demo_child *c, const struct np_addr *from, const struct demo_server *to);
bool demo_child_alive(struct demo_child *c);
must_use int demo_child_await(struct demo_child *c, const struct np_addr *listener); /* Parks: until it relays. */
void demo_child_stop(struct demo_child *c); /* Parks: until it has drained; at last it is killed. */
void demo_child_show_log(const struct demo_child *c);

/* ---- the clients: demo_client.c -------------------------------------------------------------- */

struct demo_counts {
	uint64_t requests, bytes, opened; /* bytes: of requests that came back whole; as many went each way */
	uint64_t accepted[DEMO_SERVERS];
};

struct demo_load {
	struct np_addr       listener;
	struct demo_counts   n;
	struct demo_hist     recent; /* since the view took it away */
	unsigned             open, running; /* connections; clients */
	uint64_t             lost, corrupt; /* requests or connections that failed; that came back changed */
	int                  first_err;     /* of the first lost one */
	const char          *first_step;
	int64_t              next_turn;
	bool                 stopping;
	struct np_event      idle; /* set by the last client */
	struct demo_client  *clients; /* owned */
};
must_use int demo_load_start(struct demo_load *l);
void demo_load_stop(struct demo_load *l); /* Parks: until every client has ended its request. */

/* ---- what is shown: demo_view.c -------------------------------------------------------------- */

struct demo_moment {
	int64_t            at;
	struct demo_counts n;
	struct demo_hist   latency; /* of the tick that ended here */
};

struct demo_view {
	bool               live, colour; /* live: one line, written over */
	unsigned           ticks;
	struct demo_moment moments[DEMO_WINDOW + 1]; /* a ring */
	struct demo_hist   all;
};

struct demo {
	struct demo_server servers[DEMO_SERVERS];
	struct demo_child  child;
	struct demo_load   load;
	struct demo_view   view;
	int                front_hold;
	unsigned           ticks;       /* how long the traffic lasts */
	int64_t            began, ended;
	uint64_t           away_opened; /* connections opened while a server was away; 0: none was */
	int                err;         /* why there was no traffic */
};

void demo_view_open(struct demo_view *v, struct demo *d);
void demo_view_tick(struct demo_view *v, struct demo *d);
void demo_view_event(struct demo_view *v, const char *fmt, ...) printf_like(2, 3);
void demo_view_sum(struct demo_view *v, struct demo *d);

#endif
