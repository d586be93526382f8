/* Texts of configurations, the start under another program, and the baseline after a test. */
#include "tests/flow/kit/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

const char *textf(const char *fmt, ...)
{
	static char texts[64][2048];
	static unsigned turn;
	char *text = texts[turn++ % array_len(texts)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(texts[0]), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(texts[0]))
		kit_fail("a text of %d bytes", n);
	return text;
}

void expect_part(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		kit_fail("no %s in:\n%.4000s", part, text);
}

struct kit_staunch *spawn_by(const char *program, const char *config)
{
	char script[KIT_PATH], real[KIT_PATH];
	struct kit_staunch *s;

	snprintf(real, sizeof(real), "%s", kit_binary());
	kit_file_write("run", textf("#!/bin/sh\nexec %s %s \"$@\"\n", program, real), script);
	if (chmod(script, 0755) != 0 || chmod(kit_dir(), 0755) != 0)
		kit_fail("cannot make %s executable", script);
	setenv("STAUNCH", script, 1);
	s = kit_staunch_spawn(config);
	setenv("STAUNCH", real, 1);
	return s;
}

struct kit_staunch *start_by(const char *program, const char *config)
{
	struct kit_staunch *s = spawn_by(program, config);

	kit_staunch_wait_err(s, "\"ready\"", 1);
	return s;
}

const char *one_server(int port, int server, const char *more, const char *end)
{
	return textf(TWO_WORKERS "listeners:\n  - {name: web, bind: \"%s:%d\", upstream: app%s}\n"
				 "upstreams:\n  - {name: app, servers: [\"%s:%d\"]}\n%s",
		     kit_ip(0), port, more, kit_ip(0), server, end);
}

void still_works(int fd)
{
	static const char line[] = "are you there?";

	kit_send(fd, line, sizeof(line));
	kit_expect(fd, line, sizeof(line));
}

int served(const char *ip, int port)
{
	int fd = kit_connect(ip, port);

	still_works(fd);
	return fd;
}

void end_orderly(int fd)
{
	kit_half_close(fd);
	kit_expect_fin(fd);
	close(fd);
}

void ten_exchanges(const char *ip, int port)
{
	for (int i = 0; i < 10; i++)
		end_orderly(served(ip, port));
}

void back_to_normal(struct kit_staunch *s, int fds, const char *ip, int port)
{
	assert_true(kit_child_alive(s->child));
	kit_proc_wait_fds(s->child->pid, fds);
	ten_exchanges(ip, port);
	kit_proc_wait_fds(s->child->pid, fds);
	assert_int_equal(kit_staunch_stop(s, SIGTERM), 0);
}

void wait_generation(struct kit_staunch *s, int n)
{
	kit_staunch_wait_err(s, textf("generation %d is in force", n), 1);
}

int generation_from(struct kit_staunch *s, int n, const char *config)
{
	kit_staunch_rewrite(s, config);
	kit_child_signal(s->child, SIGHUP);
	wait_generation(s, n);
	return n;
}

static bool is_over(void *arg)
{
	return kit_now_ms() >= *(const int64_t *)arg;
}

long cpu_ms_within(pid_t pid, int ms)
{
	long before = kit_proc_cpu_ms(pid);
	int64_t end = kit_now_ms() + ms;

	assert_true(kit_wait(is_over, &end, KIT_MS));
	return kit_proc_cpu_ms(pid) - before;
}

void want_descriptors(rlim_t n)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = r.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_cur < n)
		kit_fail("a descriptor limit of %llu is too low for this test", (unsigned long long)r.rlim_cur);
}
