/* child: processes of a test, from start to reaping. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/own.h"

static struct kit_child *children; /* latest first */

int kit_pass[KIT_PASS_MOST];
unsigned kit_npass;

/* To 3 and on, as systemd passes them; every other one is closed. First out of the way of each other. */
static void pass_descriptors(void)
{
	int away[KIT_PASS_MOST];

	for (unsigned i = 0; i < kit_npass; i++)
		away[i] = fcntl(kit_pass[i], F_DUPFD, 3 + KIT_PASS_MOST);
	for (unsigned i = 0; i < kit_npass; i++)
		dup2(away[i], 3 + (int)i);
	close_range(3 + kit_npass, ~0U, 0);
}

/* In the child, between fork and exec: async-signal-safe calls alone, since the parent may have
 * threads. The signal on the parent's death belongs to the thread that forked, which is the test's
 * main one. */
no_return static void become(const struct kit_child *c, const char *const argv[], pid_t parent)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(c->out, O_WRONLY | O_CREAT | O_APPEND, 0600);
	int err = open(c->err, O_WRONLY | O_CREAT | O_APPEND, 0600);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || in < 0 || out < 0 || err < 0)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	pass_descriptors();
	/* execvp does not write to its arguments; POSIX keeps the type for old code's sake. */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(2, "cannot run %s\n", argv[0]);
	_exit(127);
}

struct kit_child *kit_child_start(const char *name, const char *const argv[])
{
	static int serial; /* the same name twice in a test gets files of its own */
	struct kit_child *c = calloc(1, sizeof(*c));
	pid_t parent = getpid();

	if (c == NULL)
		kit_fail("no memory");
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->out, sizeof(c->out), "%s/%s.%d.out", kit_dir(), c->name, ++serial);
	snprintf(c->err, sizeof(c->err), "%s/%s.%d.err", kit_dir(), c->name, serial);
	/* Each instance would take the machine's one place for a control socket. A test that wants one says where. */
	setenv("STAUNCH_CONTROL", "off", 0);
	setenv("STAUNCH_STATE", "off", 0);
	setenv("COLUMNS", "10000", 0); /* a message stays one line, in which it can be looked for */
	c->pid = fork();
	if (c->pid < 0) {
		free(c);
		kit_fail("cannot fork for %s", name);
	}
	if (c->pid == 0)
		become(c, argv, parent);
	setpgid(c->pid, c->pid); /* in both, so that it holds for whoever is first */
	c->running = true;
	c->next = children;
	children = c;
	return c;
}

/* Collects the status if there is one. True while the child runs. */
bool kit_child_alive(struct kit_child *c)
{
	int st;

	if (c->running && waitpid(c->pid, &st, WNOHANG) == c->pid) {
		c->running = false;
		c->status = WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
	}
	return c->running;
}

void kit_child_signal(struct kit_child *c, int sig)
{
	if (!kit_child_alive(c))
		kit_fail("%s has ended with status %d before signal %d", c->name, c->status, sig);
	kill(c->pid, sig);
}

static bool has_ended(void *arg)
{
	return !kit_child_alive(arg);
}

int kit_child_wait(struct kit_child *c)
{
	if (!kit_wait(has_ended, c, KIT_MS))
		kit_fail("%s (pid %d) does not end", c->name, (int)c->pid);
	return c->status;
}

static void show(const struct kit_child *c)
{
	char text[8192];

	kit_file_read(c->err, text, sizeof(text));
	print_error("--- stderr of %s, still running at the end of the test:\n%s---\n", c->name, text);
}

void child_end_all(void)
{
	struct kit_child *c;

	while ((c = children) != NULL) {
		children = c->next;
		if (kit_child_alive(c) && strcmp(c->name, "staunch") == 0)
			show(c);
		/* The whole group, and when its leader has ended too: an upgrade leaves the new
		 * process in it. */
		kill(-c->pid, SIGKILL);
		while (c->running && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
		free(c);
	}
}

bool kit_have(const char *program)
{
	const char *path = getenv("PATH");
	char name[KIT_PATH];
	size_t n;

	for (; path != NULL && *path != '\0'; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		snprintf(name, sizeof(name), "%.*s/%s", (int)n, path, program);
		if (access(name, X_OK) == 0)
			return true;
	}
	snprintf(name, sizeof(name), "/usr/sbin/%s", program);
	if (access(name, X_OK) == 0)
		return true;
	fprintf(stderr, "%s is not installed here\n", program);
	return false;
}
