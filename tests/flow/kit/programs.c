/* Real programs as children: run to the end, or served until they are stopped. */
#include "tests/flow/kit/programs.h"

void program_need(const char *program)
{
	if (kit_have(program))
		return;
	print_message("[  SKIPPED ] %s is not installed\n", program);
	skip();
}

struct kit_child *program_run(const char *name, const char *const argv[])
{
	struct kit_child *c = kit_child_start(name, argv);
	char out[2048], err[2048];

	if (kit_child_wait(c) == 0)
		return c;
	kit_file_read(c->out, out, sizeof(out));
	kit_file_read(c->err, err, sizeof(err));
	kit_fail("%s ended with status %d: %s%s", name, c->status, err, out);
}

void program_said(const struct kit_child *c, const char *want)
{
	char text[4096];

	kit_file_read(c->out, text, sizeof(text));
	assert_string_equal(text, want);
}

struct program_place {
	struct kit_child *child;
	const char *ip;
	int port;
};

static bool program_answers(void *arg)
{
	const struct program_place *p = arg;
	int fd;

	if (!kit_child_alive(p->child))
		return true;
	fd = kit_try_connect(p->ip, p->port);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

struct kit_child *program_serve(const char *name, const char *const argv[], const char *ip, int port)
{
	struct program_place p = {.child = kit_child_start(name, argv), .ip = ip, .port = port};
	char text[2048];

	if (kit_wait(program_answers, &p, KIT_MS) && kit_child_alive(p.child))
		return p.child;
	kit_file_read(p.child->err, text, sizeof(text));
	kit_fail("%s does not come up: %s", name, text);
}

void program_stop(struct kit_child *c, int sig)
{
	kit_child_signal(c, sig);
	kit_child_wait(c);
}
