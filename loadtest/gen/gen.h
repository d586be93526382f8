/* gen: the load test's generator and the servers behind the proxies, one program of verbs. Private to loadtest/gen/.
 *
 * One thread on plain epoll, and not the netpoll core: the tool that judges the core must not share its mistakes.
 *
 * How a verb talks to the driver (bench.py), which reads its output line by line:
 *   begin         the server listens, or the client's connections stand and the warm-up is over: take the first sample
 *   {...}         one line of JSON, the moment the window ends: take the second one
 * After it a client keeps its connections open until its standard input ends, so that a sample of memory or of
 * threads' CPU time still finds the proxy as it was. */
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
	struct sockaddr_in at; /* where a server listens, where a client connects to */
#define X(name, fallback, help) uint64_t name;
#include "loadtest/gen/opts_tbl.h"
#undef X
};
/* Reads "name=value" words; on a mistake says which and exits 2. opts.c */
void opts_parse(struct gen_opts *o, char **words);
void opts_help(FILE *f);

/* The generator has no peer to spare: whatever fails on its own side ends it with a sentence. gen.c */
no_return void gen_die(const char *what);
int64_t gen_now(void);
void gen_begin(void);           /* prints the line; the first sample is taken about now */
void gen_wait_for_driver(void); /* until standard input ends */

/* ---- sockets: sock.c ---- */

int sock_listen(const struct sockaddr_in *at);
/* Connection number i: its source address is one of opts.sources of 127.1.0.0/16, so that no pair of addresses runs
 * out of ports. The non-blocking form may still be under way. Returns  the descriptor, or -1. */
int sock_connect(const struct gen_opts *o, uint64_t i);
int sock_connect_start(const struct gen_opts *o, uint64_t i);
void sock_add(int epfd, int fd, uint32_t events, void *ptr);
/* Opens opts.conns connections, dies when one is refused, and returns them, non-blocking. */
int *sock_open_all(const struct gen_opts *o);

/* ---- a window of time, and what was counted in it: window.c ---- */

struct window {
	int64_t     start, end; /* ns; what is intended before start is warm-up */
	bool        open;
	uint64_t    units, errors;
	struct hist *latency; /* ns; owned */
};
void window_init(struct window *w, const struct gen_opts *o);
/* Opens the window when it is time. Returns  false once it is over. */
bool window_tick(struct window *w, int64_t now);
void window_record(struct window *w, int64_t intended, int64_t now);
/* The window's end: prints what was counted, `unit` naming it, waits for the driver, and frees what init took. */
void window_report(struct window *w, const char *unit);

/* The echo server in the client's own loop: a client that is one process with the servers behind the proxy waits for no
 * scheduler of theirs. Listens on port opts.echo and returns the epoll descriptor that can be read when there is work
 * for a turn. serve.c */
int echo_beside(const struct gen_opts *o);
void echo_beside_turn(void);

/* ---- the verbs, one file each: serve.c has the servers ---- */

int gen_echo(const struct gen_opts *o);
int gen_http(const struct gen_opts *o);
int gen_source(const struct gen_opts *o);
int gen_sink(const struct gen_opts *o);
int gen_rate(const struct gen_opts *o);
int gen_connect(const struct gen_opts *o);
int gen_bulk(const struct gen_opts *o);
int gen_hold(const struct gen_opts *o);

#endif
