/* busy: many connections, plain and TLS, on which pieces go to an echo and back all the time, each byte compared; one
 * thread has them all. A piece is due so many ms after the one before has come back. */
#ifndef TESTS_FLOW_KIT_BUSY_H
#define TESTS_FLOW_KIT_BUSY_H

#include <pthread.h>

#include "tests/flow/kit/tls_peer.h"

struct busy_conn {
	struct tls_peer tls; /* ssl NULL: plain */
	int fd;
	uint64_t seed, sent, got;
	int64_t due, began; /* us: of the next piece, and of the one that is under way */
	int64_t worst;      /* us: the longest that a piece took since busy_worst was asked */
	int err;            /* the first failure; 0: none */
};

struct busy {
	pthread_t thread;
	pthread_mutex_t lock; /* worst */
	struct busy_conn *conns;
	int n, every_ms;
	bool stop; /* atomic */
};

/* busy_start: n connections that are there already, conns the caller's until busy_stop.   Calls  test's thread. */
void busy_start(struct busy *b, struct busy_conn *conns, int n, int every_ms);
/* The longest of each since the last call, into us[n], sorted. */
void busy_worst(struct busy *b, int64_t us[]);
/* Every byte has come back, and each connection ends orderly; else the test fails. */
void busy_stop(struct busy *b);

/* A connection of each kind: max as in tls_peer_opts. */
struct busy_conn busy_plain(const char *ip, int port);
struct busy_conn busy_tls(const char *ip, int port, int max);

#endif
