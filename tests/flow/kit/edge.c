/* An edge: its start, its clients, and what is expected of its log and at its end. */
#include "tests/flow/kit/edge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *edge_config(int port, const char *listener, const char *upstreams)
{
	return textf("workers: 2\n"
		     "log: {access: \"@DIR@/access.log\", format: text}\n"
		     "shutdown: {timeout: 1s}\n"
		     "listeners:\n  - {name: edge, bind: \"%s:%d\", %s}\n"
		     "upstreams:\n%s", kit_ip(1), port, listener, upstreams);
}

struct edge edge_start(const char *listener, const char *upstreams)
{
	struct edge e = {.port = kit_port(kit_ip(1))};

	e.s = kit_staunch_start(edge_config(e.port, listener, upstreams));
	e.fds = kit_proc_fds(e.s->child->pid);
	return e;
}

int edge_connect(const struct edge *e)
{
	return kit_connect(kit_ip(1), e->port);
}

int edge_connect_from(const struct edge *e, int n)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, kit_ip(n), &from.sin_addr);
	inet_pton(AF_INET, kit_ip(1), &to.sin_addr);
	to.sin_port = htons((uint16_t)e->port);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		kit_fail("cannot connect from %s", kit_ip(n));
	return fd;
}

const char *edge_upstream(const char *name, int port, const char *more)
{
	return textf("  - {name: %s, servers: [\"%s:%d\"]%s}\n", name, kit_ip(0), port, more);
}

const char *edge_log(const struct edge *e)
{
	static char log[16384];

	kit_file_read(e->s->access, log, sizeof(log));
	return log;
}

bool edge_has(void *arg)
{
	const struct edge_wanted *w = arg;

	return kit_staunch_log(w->e->s, w->reason) >= w->lines;
}

void edge_ended(const struct edge *e, const char *reason, int n)
{
	struct edge_wanted w = {.e = e, .reason = textf(" reason=%s ", reason), .lines = n};

	if (!kit_wait(edge_has, &w, KIT_MS) || kit_staunch_log(e->s, w.reason) != n)
		kit_fail("not %d connections that ended with %s:\n%s", n, reason, edge_log(e));
}

void edge_said(const struct edge *e, const char *text)
{
	if (kit_staunch_log(e->s, text) == 0)
		kit_fail("no \"%s\" in the log:\n%s", text, edge_log(e));
}

void edge_untouched(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	assert_int_equal(poll(&p, 1, 0), 0);
}

void edge_no_complaint(const struct edge *e)
{
	static const char *const bad[] = {"\"level\":\"error\"", "Sanitizer", "runtime error", "CHECK"};

	for (size_t i = 0; i < array_len(bad); i++)
		assert_int_equal(kit_file_count(e->s->child->err, bad[i]), 0);
}

void edge_end(const struct edge *e)
{
	kit_proc_wait_fds(e->s->child->pid, e->fds);
	edge_no_complaint(e);
	assert_int_equal(kit_staunch_stop(e->s, SIGTERM), 0);
	edge_no_complaint(e);
}
