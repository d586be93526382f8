/* programs: what real programs as peers need: that they are installed, that they end well, that they listen. For the
 * test's own thread. */
#ifndef TESTS_FLOW_KIT_PROGRAMS_H
#define TESTS_FLOW_KIT_PROGRAMS_H

#include "tests/flow/kit/edge.h"

/* A counted skip when it is missing. */
void program_need(const char *program);

/* Runs to its end, which must be a good one. Its handle has the files with its output. */
struct kit_child *program_run(const char *name, const char *const argv[]);

/* All it said, which is short. */
void program_said(const struct kit_child *c, const char *want);

/* A server, until it listens there. */
struct kit_child *program_serve(const char *name, const char *const argv[], const char *ip, int port);

/* As an operator ends it. */
void program_stop(struct kit_child *c, int sig);

#endif
