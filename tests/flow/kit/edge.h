/* edge: staunch with one listener, `edge`, that looks at what clients send or speaks TLS, and the rule that holds after
 * every test: it lives, its descriptors are back, it complains of nothing, TERM ends it well. All for the test's own
 * thread. */
#ifndef TESTS_FLOW_KIT_EDGE_H
#define TESTS_FLOW_KIT_EDGE_H

#include "tests/flow/kit/service.h"

struct edge {
	struct kit_staunch *s;
	int port, fds;
};

/* listener, upstreams: the rest of the listener's map, and all upstreams: "  - {name: ...}\n". */
const char *edge_config(int port, const char *listener, const char *upstreams);

struct edge edge_start(const char *listener, const char *upstreams);

int edge_connect(const struct edge *e);

/* From kit_ip(n). */
int edge_connect_from(const struct edge *e, int n);

/* An upstream of one server with more keys: ", tls: {...}". */
const char *edge_upstream(const char *name, int port, const char *more);

const char *edge_log(const struct edge *e);

struct edge_wanted {
	const struct edge *e;
	const char *reason;
	int lines;
};

bool edge_has(void *arg);

/* n connections in all have ended with this reason. */
void edge_ended(const struct edge *e, const char *reason, int n);

/* A line has this text. */
void edge_said(const struct edge *e, const char *text);

/* Nobody has connected to this socket. */
void edge_untouched(int listener);

void edge_no_complaint(const struct edge *e);

void edge_end(const struct edge *e);

#endif
