/* The relay is a process with one thread: it waits for a packet of either side and writes it to the other. Between it
 * and the test there are files in the test's directory: what to stop at, that it is held, and that it may go on. */
#include "tests/flow/kit/upgrade_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIR "STAUNCH_UPGRADE_FD"
#define HOME "RELAY_HOME"

/* ---- the relay ---- */

struct relay {
	int end[2];         /* by enum relay_from: towards the process that says it; -1: it has ended */
	struct relay_at at; /* nth 0: nowhere */
	int seen;           /* of that kind, from that side */
};

static pid_t behind; /* the real new process */

static char *relay_file(const char *name)
{
	static char path[3 * KIT_PATH];

	snprintf(path, sizeof(path), "%s/relay.%s", getenv(HOME), name);
	return path;
}

bool relay_asked(void)
{
	return getenv(PAIR) != NULL && getenv(HOME) != NULL;
}

static void pass_signal(int sig)
{
	kill(behind, sig);
}

/* With the arguments of the process that serves, so that argv[0] is the binary under test. Our end of the pair is its
 * third descriptor, as it would be without us. */
static void start_behind(int theirs, char *argv[])
{
	behind = fork();
	if (behind != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(theirs, 3);
	close_range(4, ~0U, 0);
	setenv(PAIR, "3", 1);
	execv(argv[0], argv);
	_exit(127);
}

static void read_plan(struct relay *r)
{
	FILE *f = fopen(relay_file("at"), "r");
	unsigned from = 0, kind = 0;
	int nth = 0;

	if (f == NULL)
		return;
	if (fscanf(f, "%u %u %d", &from, &kind, &nth) == 3)
		r->at = (struct relay_at){from, kind, nth};
	fclose(f);
}

static bool may_go(void *arg)
{
	(void)arg;
	return access(relay_file("go"), F_OK) == 0;
}

/* Until the test says so. The file appears whole, by rename. */
static void hold(void)
{
	char held[3 * KIT_PATH];
	FILE *f = fopen(relay_file("writing"), "w");

	if (f == NULL)
		return;
	fprintf(f, "%d\n", (int)behind);
	fclose(f);
	snprintf(held, sizeof(held), "%s", relay_file("held"));
	rename(relay_file("writing"), held);
	(void)!kit_wait(may_go, NULL, 10 * KIT_MS);
}

static bool is_the_one(struct relay *r, enum relay_from from, const uint8_t *packet, size_t n)
{
	uint16_t kind = 0;

	if (n >= HANDOVER_HEAD)
		memcpy(&kind, packet + 6, sizeof(kind));
	return r->at.nth > 0 && from == r->at.from && kind == r->at.kind && ++r->seen == r->at.nth;
}

/* Returns  false: who says it has ended. Who does not hear any more is the other's to find out. */
static bool pass_packet(struct relay *r, enum relay_from from)
{
	static uint8_t bytes[HANDOVER_PACKET_MOST];
	static char rights[CMSG_SPACE(NP_MSG_SYSFDS * sizeof(int))];
	struct iovec iov = {bytes, sizeof(bytes)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = rights, .msg_controllen = sizeof(rights)};
	ssize_t n = recvmsg(r->end[from], &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (n < 0 && errno == ECONNRESET)
		return true; /* what it said before is there still */
	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	if (is_the_one(r, from, bytes, (size_t)n))
		hold();
	iov.iov_len = (size_t)n;
	while (sendmsg(r->end[!from], &msg, MSG_NOSIGNAL) < 0 && errno == EAGAIN)
		poll(&(struct pollfd){r->end[!from], POLLOUT, 0}, 1, -1);
	c = CMSG_FIRSTHDR(&msg);
	for (size_t i = 0; c != NULL && CMSG_LEN(i * sizeof(int)) < c->cmsg_len; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		close(fd);
	}
	return true;
}

/* The end of one side is the end of the pair for the other. */
static void pass_on(struct relay *r)
{
	for (;;) {
		struct pollfd p[2] = {{r->end[0], POLLIN, 0}, {r->end[1], POLLIN, 0}};

		if (poll(p, 2, -1) < 0)
			continue;
		for (unsigned i = 0; i < 2; i++) {
			if (p[i].revents != 0 && !pass_packet(r, i))
				return;
		}
	}
}

/* As the real one does, so that whoever waits for us sees it. */
no_return static void end_as(int status)
{
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WEXITSTATUS(status));
}

int relay_main(char *argv[])
{
	static const int passed[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
	struct relay r = {.end = {(int)strtol(getenv(PAIR), NULL, 10), -1}};
	int pair[2], status;

	read_plan(&r);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 1;
	fcntl(pair[1], F_SETFL, O_NONBLOCK); /* as it would get it from the process that serves */
	start_behind(pair[1], argv);
	for (size_t i = 0; i < array_len(passed); i++)
		signal(passed[i], pass_signal);
	close(pair[1]);
	r.end[RELAY_NEW] = pair[0];
	pass_on(&r);
	close(r.end[RELAY_OLD]);
	close(r.end[RELAY_NEW]);
	while (waitpid(behind, &status, 0) < 0 && errno == EINTR)
		;
	end_as(status);
}

/* ---- the test ---- */

void relay_begin(void)
{
	setenv(HOME, kit_dir(), 1);
}

void relay_stop_at(const struct relay_at *at)
{
	char path[KIT_PATH];

	unlink(relay_file("held"));
	unlink(relay_file("go"));
	kit_file_write("relay.at", textf("%d %d %d\n", (int)at->from, (int)at->kind, at->nth), path);
}

struct kit_child *relay_upgrade(void)
{
	static char own[KIT_PATH];
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);

	if (n <= 0)
		kit_fail("this program's own file is not to be found");
	own[n] = '\0';
	return kit_child_start("verb", KIT_ARGV(kit_binary(), "upgrade", "--json", "--socket", control_socket(),
						"--binary", own));
}

static bool is_held(void *arg)
{
	char text[32];

	kit_file_read(relay_file("held"), text, sizeof(text));
	*(pid_t *)arg = (pid_t)strtol(text, NULL, 10);
	return text[0] != '\0';
}

pid_t relay_wait(void)
{
	pid_t pid = 0;

	if (!kit_wait(is_held, &pid, KIT_MS))
		kit_fail("the upgrade does not come to the message that it is stopped at");
	return pid;
}

void relay_go(void)
{
	char path[KIT_PATH];

	kit_file_write("relay.go", "", path);
}

/* Ours to reap, if the relay has ended before it. */
static bool is_gone(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	return waitpid(pid, NULL, WNOHANG) == pid || (kill(pid, 0) != 0 && errno == ESRCH);
}

void relay_wait_gone(pid_t pid)
{
	if (!kit_wait(is_gone, &pid, KIT_MS))
		kit_fail("process %d lives on", (int)pid);
}
