/* demo_child: the proxy of the demo, a process of its own. Its messages go to a memory file and
 * are shown only when the demo fails: a good run shows traffic and nothing else. */
#include "proxy/demo/demo_child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/demo/demo_server.h"

#define READY_TIME (10 * NP_S)
#define DRAIN_TIME (10 * NP_S) /* its clients are gone by then: it has nothing to wait for */
#define PAUSE      (10 * NP_MS)
#define SHOWN      4096 /* bytes of its messages that are shown after a failure */

/* Between fork and exec. A group of its own, so that Ctrl-C reaches us alone and the proxy does
 * not drain under the clients; the signal on our death, so that no proxy stays behind. */
no_return static void exec_proxy(const struct demo_child *c, pid_t parent)
{
	const char *argv[DEMO_ARGS + 2] = {"staunch"};
	int null = open("/dev/null", O_RDONLY);

	memcpy(argv + 1, c->args, sizeof(c->args));
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && dup2(null, 0) == 0 && dup2(c->log, 1) == 1 && dup2(c->log, 2) == 2)
		/* execv does not write to its arguments; POSIX keeps the type for old code's
		 * sake. */
		execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(EXIT_FAILED);
}

/* The words of the child's command line; shown to the person, who may type them again. */
static void write_args(struct demo_child *c, const struct np_addr *from, const struct demo_server *to)
{
	const char *args[DEMO_ARGS] = {"proxy", "--from", c->from, "--to", c->to, "--balance", "round_robin",
				       "--access-log", "off"};
	size_t n = 0;

	np_addr_format(&from->u.sa, from->len, c->from, sizeof(c->from));
	for (int i = 0; i < DEMO_SERVERS; i++) {
		c->to[n] = ',';
		n += i > 0;
		n += np_addr_format(&to[i].addr.u.sa, to[i].addr.len, c->to + n, sizeof(c->to) - n);
	}
	memcpy(c->args, args, sizeof(args));
}

int demo_child_start(struct demo_child *c, const struct np_addr *from, const struct demo_server *to)
{
	pid_t parent = getpid();

	CHECK(c->pid == 0, "the demo's proxy is started twice");
	c->log = memfd_create("staunch-demo", MFD_CLOEXEC);
	if (c->log < 0)
		return err_from_errno();
	write_args(c, from, to);
	c->pid = fork();
	if (c->pid < 0) {
		c->pid = 0;
		return err_from_errno();
	}
	if (c->pid == 0)
		exec_proxy(c, parent);
	return 0;
}

/* waitpid without waiting: it is asked at each tick, and the worker may not block. */
bool demo_child_alive(struct demo_child *c)
{
	int status;

	if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return c->pid != 0;
	c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	c->pid = 0;
	return false;
}

/* An empty connection, all the way to a server and back: when it has ended, so has its place in
 * every count. */
static int walk_through(struct np_fd *fd, int64_t deadline)
{
	ssize_t got;
	char byte;

	np_fd_set_deadline(fd, deadline);
	got = np_fd_close_write(fd);
	if (got == 0)
		got = np_fd_read(fd, &byte, sizeof(byte));
	np_fd_close(fd);
	return got > 0 ? -NP_EPROTO : (int)got;
}

/* Refused means that the child does not listen yet, as long as it is alive; any other error is
 * one. */
int demo_child_await(struct demo_child *c, const struct np_addr *listener)
{
	const struct np_dial_opts opts = {.deadline = np_deadline_after(READY_TIME)};
	struct np_fd fd;
	int err;

	while ((err = np_dial(&fd, listener, 1, &opts)) == -NP_ECONNREFUSED && demo_child_alive(c)) {
		if (np_nanotime() >= opts.deadline)
			return -NP_EDEADLINE;
		np_sleep(PAUSE);
	}
	return err == 0 ? walk_through(&fd, opts.deadline) : err;
}

/* TERM lets it drain, as an operator would; its exit code is part of the verdict. */
void demo_child_stop(struct demo_child *c)
{
	int64_t deadline = np_deadline_after(DRAIN_TIME);

	if (!demo_child_alive(c))
		return;
	DCHECK(c->pid > 0, "a signal to a process group, or to everything");
	kill(c->pid, SIGTERM);
	while (demo_child_alive(c) && np_nanotime() < deadline)
		np_sleep(PAUSE);
	if (c->pid != 0)
		kill(c->pid, SIGKILL);
	while (demo_child_alive(c))
		np_sleep(PAUSE);
}

/* The end is what explains a failure; all of it could be pages. */
void demo_child_show_log(const struct demo_child *c)
{
	off_t size = lseek(c->log, 0, SEEK_END), from = size > SHOWN ? size - SHOWN : 0;
	char text[1024];
	ssize_t n;

	if (size <= 0)
		return;
	fputs("what the proxy said:\n", stderr);
	for (; (n = pread(c->log, text, sizeof(text), from)) > 0; from += n)
		fwrite(text, 1, (size_t)n, stderr);
}
