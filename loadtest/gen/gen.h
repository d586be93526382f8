/* gen: the load test's clients and the servers behind the proxies, one program with a verb for
 * each. Private to loadtest/gen/.
 *
 * It is one thread on plain epoll, without the netpoll core: the tool that judges the core must not
 * share its mistakes.
 *
 * A verb prints two lines for the driver (bench.py):
 *   begin   the server listens, or the client has connected and its warm-up is over: the driver
 *           takes its first sample
 *   {...}   one line of JSON when the measured window ends: the driver takes its second sample
 * Then a client keeps its connections open until its standard input ends, so that the second sample
 * still finds the proxy's memory and threads. */
#ifndef LOADTEST_GEN_GEN_H
#define LOADTEST_GEN_GEN_H

#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "loadtest/gen/hist.h"
#include "netpoll/base.h"

#define GEN_S     INT64_C(1000000000)
#define GEN_MS    INT64_C(1000000)
#define GEN_BATCH 128 /* events a wait */

struct gen_opts {
	struct sockaddr_in at; /* a server listens there, a client connects to it */
#define X(name, fallback, help) uint64_t name;
#include "loadtest/gen/opts_tbl.h"
#undef X
};
/* Reads "name=value" words. Prints a wrong one and exits 2. opts.c */
void opts_parse(struct gen_opts *o, char **words);
void opts_help(FILE *f);

/* Prints what failed and the error of errno, and exits 1. gen.c */
no_return void gen_die(const char *what);
int64_t gen_now(void);
void gen_begin(void);           /* prints the line "begin" */
void gen_wait_for_driver(void); /* until standard input ends */
/* When unit i of an open loop is due that began at t0. */
int64_t gen_due_at(const struct gen_opts *o, int64_t t0, uint64_t i);
/* Waits for events, but not beyond `until`.
 *   Returns  how many of the GEN_BATCH events are filled in, or -1. */
int gen_wait_until(int epfd, struct epoll_event *events, int64_t until);

/* ---- sockets: gen_sock.c ---- */

int sock_listen(const struct sockaddr_in *at);
/* Opens connection number i. Its source is one of opts.sources addresses of 127.1.0.0/16, so that
 * no pair of addresses runs out of ports. The second form does not wait until it is connected.
 *   Returns  the descriptor, or -1. */
int sock_connect(const struct gen_opts *o, uint64_t i);
int sock_connect_start(const struct gen_opts *o, uint64_t i);
void sock_add(int epfd, int fd, uint32_t events, void *ptr);
/* Opens opts.conns connections; exits when one fails.
 *   Returns  their non-blocking descriptors; the caller frees the array. */
int *sock_open_all(const struct gen_opts *o);

/* ---- the measured window, and its counts: window.c ---- */

struct window {
	int64_t     start, end; /* ns; a request due before start is warm-up */
	bool        open;       /* the warm-up is over */
	uint64_t    units, errors;
	struct hist *latency; /* ns; owned */
};
void window_init(struct window *w, const struct gen_opts *o);
/* Opens the window when it is time.
 *   Returns  false once the window is over. */
bool window_tick(struct window *w, int64_t now);
/* Counts a unit, and its latency from `intended` on, when it was due. */
void window_record(struct window *w, int64_t intended, int64_t now);
/* Prints the counts, waits for the driver, and frees what init allocated. `unit` names what was
 * counted. */
void window_report(struct window *w, const char *unit);

/* The echo server within the client's loop: as two processes on one CPU they would wait for each
 * other's turns. Listens on port opts.echo.
 *   Returns  an epoll descriptor; when it is readable, echo_beside_turn has work. gen_serve.c */
int echo_beside(const struct gen_opts *o);
void echo_beside_turn(void);

/* ---- the verbs: gen_serve.c has the servers, a file of its name each client ---- */

int gen_echo(const struct gen_opts *o);
int gen_http(const struct gen_opts *o);
int gen_source(const struct gen_opts *o);
int gen_sink(const struct gen_opts *o);
int gen_rate(const struct gen_opts *o);
int gen_connect(const struct gen_opts *o);
int gen_bulk(const struct gen_opts *o);
int gen_hold(const struct gen_opts *o);

#endif
