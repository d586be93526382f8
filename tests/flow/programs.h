/* programs: what real programs as peers need: that they are installed, that they end well, that they listen. For the
 * test's own thread. */
#ifndef TESTS_FLOW_PROGRAMS_H
#define TESTS_FLOW_PROGRAMS_H

#include "tests/flow/edge.h"

/* A counted skip when it is missing. */
static inline void program_need(const char *program)
{
	if (kit_have(program))
		return;
	print_message("[  SKIPPED ] %s is not installed\n", program);
	skip();
}

/* Runs to its end, which must be a good one. Its handle has the files with its output. */
static inline struct kit_child *program_run(const char *name, const char *const argv[])
{
	struct kit_child *c = kit_child_start(name, argv);
	char out[2048], err[2048];

	if (kit_child_wait(c) == 0)
		return c;
	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	kit_fail("%s ended with status %d: %s%s", name, c->status, err, out);
}

/* All it said, which is short. */
static inline void program_said(const struct kit_child *c, const char *want)
{
	char text[4096];

	kit_file_read(c->out, text, sizeof(text));
	assert_string_equal(text, want);
}

struct program_place {
	struct kit_child *child;
	int port;
};

static inline bool program_answers(void *arg)
{
	const struct program_place *p = arg;
	int fd;

	if (!kit_child_alive(p->child))
		return true;
	fd = kit_try_connect(kit_ip(0), p->port);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A server, until it listens at kit_ip(0). */
static inline struct kit_child *program_serve(const char *name, const char *const argv[], int port)
{
	struct program_place p = {.child = kit_child_start(name, argv), .port = port};
	char text[2048];

	if (kit_wait(program_answers, &p, KIT_MS) && kit_child_alive(p.child))
		return p.child;
	kit_file_read(p.child->err, text, sizeof(text));
	kit_fail("%s does not come up: %s", name, text);
}

/* As an operator ends it. */
static inline void program_stop(struct kit_child *c, int sig)
{
	kit_child_signal(c, sig);
	kit_child_wait(c);
}

#endif
