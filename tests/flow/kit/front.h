/* front: staunch in front of a test's servers, and the rule that holds after every test: the
 * process lives, its descriptors are back, the next connections succeed, its log has no complaint,
 * TERM ends it well.
 *
 * Three listeners: front is the one under test. probe leads to an echo, so that the rule can be
 * checked whatever became of the test's own servers. clock leads there too and closes what is
 * silent for a second: who waits for that has a second of the proxy's own time, and no sleep. */
#ifndef TESTS_FLOW_KIT_FRONT_H
#define TESTS_FLOW_KIT_FRONT_H

#include <pthread.h>

#include "tests/kit/kit.h"

struct front_opts {
	const char *servers;  /* YAML: "[{address: ..., weight: 2}]"; see front_to() */
	const char *upstream; /* more keys of the upstream, or NULL */
	const char *listener; /* more keys of the listener, or NULL */
	const char *bind;     /* NULL: a TCP port of our own */
};

struct front {
	struct kit_staunch *s;
	pid_t pid;
	int port, probe_port, clock_port;
	int fds; /* at rest */
	const char *ip; /* where clients connect, as kit_connect wants it */
};

/* The one server's list of a peer on TCP. Good until the next call. */
const char *front_to(int port);

struct front front_start(const struct front_opts *o);

/* The usual case: one peer behind it. */
struct front front_before(struct kit_peer *p, const char *listener);

int front_connect(const struct front *f);

/* Lines of the access log that have both texts. */
int front_count(const struct front *f, const char *a, const char *b);

/* Waits for n lines of the listener under test that end with this reason; exactly n. */
void front_wait(const struct front *f, const char *reason, int n);

/* The one connection of a test: its reason and the bytes each way. */
void front_ended(const struct front *f, const char *reason, uint64_t in, uint64_t out);

/* A connection that a second of silence will end: poll it for its FIN. */
int front_clock(const struct front *f);

/* Milliseconds of CPU the proxy uses in a second in which the test does nothing. */
long front_cpu_of_a_second(const struct front *f);

void front_no_complaint(const struct front *f);

/* The rule, but for the end: for tests that go on. */
void front_at_rest(const struct front *f);

void front_end(const struct front *f);

/* --- somebody who sends while the test reads; the test joins before it returns --- */

struct talker {
	pthread_t thread;
	int fd;
	uint64_t seed, bytes;
	size_t piece; /* of one write, at most 9999; 0: all sizes, as they come */
	bool fin;     /* after the bytes */
	uint64_t sent; /* atomic */
	int err;      /* const after talker_join */
};

void talker_start(struct talker *t);

bool talker_has_said_much(void *arg);

int talker_join(struct talker *t);

#endif
