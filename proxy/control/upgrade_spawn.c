/* upgrade_spawn: arguments from the kernel, an environment without what is this process's own, posix_spawn. */
#include "proxy/control/upgrade_spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/control/confine.h"

#define CHILD_FD  3                  /* the first one behind stderr */
#define ARGS_ROOM ((size_t)1 << 20)
#define ARGS_MOST 1024
#define PATH_ROOM ((size_t)4096)

extern char **environ;

/* What systemd said to this process and to no other; NOTIFY_SOCKET and WATCHDOG_USEC stay: the new one serves
 * instead. */
static const char *const own[] = {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PIDFDID=", "WATCHDOG_PID=",
				  UPGRADE_ENV "=",
				  CONFINE_ENV "="};

/* ---- what is started ---- */

/* How we were started. On the heap: too large for a frame. */
struct arguments {
	char *list[ARGS_MOST]; /* NULL behind the last one */
	char text[ARGS_ROOM];
};

/* The kernel knows, whatever became of argv since.   Returns  NULL: no memory, or it does not say. */
static struct arguments *own_arguments(void)
{
	struct arguments *a = malloc(sizeof(*a));
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = a != NULL && fd >= 0 ? read(fd, a->text, sizeof(a->text) - 1) : 0;
	size_t count = 0;

	if (fd >= 0)
		close(fd);
	if (n <= 0) {
		free(a);
		return NULL;
	}
	a->text[n] = '\0';
	for (char *p = a->text; p < a->text + n && count < ARGS_MOST - 1; p += strlen(p) + 1)
		a->list[count++] = p;
	a->list[count] = NULL;
	return a;
}

/* A package that was installed meanwhile has put another file at our path: the kernel says that ours is deleted. */
static const char *own_file(char *room, size_t n)
{
	static const char gone[] = " (deleted)";
	ssize_t got = readlink("/proc/self/exe", room, n - 1);
	size_t tail = sizeof(gone) - 1;

	if (got <= 0)
		return NULL;
	room[got] = '\0';
	if ((size_t)got > tail && strcmp(room + got - tail, gone) == 0)
		room[(size_t)got - tail] = '\0';
	return room;
}

/* By the path that we were started with: it may be a link, which names another release by now. */
static const char *find_binary(const char *asked, const char *arg0, char *room, size_t n)
{
	if (asked != NULL)
		return asked;
	if (arg0 != NULL && strchr(arg0, '/') != NULL)
		return arg0;
	return own_file(room, n);
}

const char *upgrade_binary(const char *binary, char *room, size_t n)
{
	struct arguments *a = own_arguments();
	const char *path = find_binary(binary, a != NULL ? a->list[0] : NULL, room, n);

	if (path != room)
		snprintf(room, n, "%s", path != NULL ? path : "the program of this process");
	free(a);
	return room;
}

static bool belongs_to_this_process(const char *variable)
{
	for (size_t i = 0; i < array_len(own); i++)
		if (strncmp(variable, own[i], strlen(own[i])) == 0)
			return true;
	return false;
}

/* On the heap, with the texts that are ours to write. */
struct environment {
	char pair[40];
	char confined[CONFINE_ROOM];
	char manager[NOTIFY_VARIABLES][NOTIFY_VARIABLE];
	char *list[]; /* the texts are borrowed */
};

/* Returns  NULL: no memory. */
static struct environment *make_environment(const struct notify *manager)
{
	struct environment *e;
	size_t n = 0, kept = 0;
	unsigned told;

	while (environ[n] != NULL)
		n++;
	e = calloc(1, sizeof(*e) + (n + 2 + NOTIFY_VARIABLES + 1) * sizeof(char *));
	if (e == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!belongs_to_this_process(environ[i]))
			e->list[kept++] = environ[i];
	told = notify_environment(manager, e->manager);
	for (unsigned i = 0; i < told; i++)
		e->list[kept++] = e->manager[i];
	if (confine_environment(e->confined))
		e->list[kept++] = e->confined;
	snprintf(e->pair, sizeof(e->pair), UPGRADE_ENV "=%d", CHILD_FD);
	e->list[kept] = e->pair;
	return e;
}

/* ---- starting it ---- */

/* Every signal as a fresh process has it: ours are handled, ignored or blocked. */
static int set_signals(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	int err;

	sigfillset(&all);
	sigemptyset(&none);
	err = posix_spawnattr_setsigdefault(attr, &all);
	if (err == 0)
		err = posix_spawnattr_setsigmask(attr, &none);
	return err != 0 ? err : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

/* The child's end becomes CHILD_FD, and every descriptor behind it is closed there, ours among them: none leaks. */
static int spawn_with(const char *path, char **args, char **environment, int child_end, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err = posix_spawn_file_actions_init(&actions);

	if (err != 0)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (err == 0) {
		err = set_signals(&attr);
		if (err == 0)
			err = posix_spawn_file_actions_adddup2(&actions, child_end, CHILD_FD);
		if (err == 0)
			err = posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + 1);
		if (err == 0)
			err = posix_spawn(pid, path, &actions, &attr, args, environment);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

/* dup2 of a descriptor to itself would leave it close-on-exec; glibc takes care of that since 2.29. */
static int start_with(const char *binary, const struct notify *manager, int child_end, pid_t *pid)
{
	struct arguments *a = own_arguments();
	struct environment *e = make_environment(manager);
	char *file = malloc(PATH_ROOM);
	const char *path = NULL;
	int err = -NP_ENOMEM;

	if (a != NULL && file != NULL && e != NULL) {
		path = find_binary(binary, a->list[0], file, PATH_ROOM);
		err = path != NULL ? spawn_with(path, a->list, e->list, child_end, pid) : -NP_ENOENT;
	}
	free(e);
	free(file);
	free(a);
	return err;
}

int upgrade_spawn(const char *binary, const struct notify *manager, pid_t *pid)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return err_from_errno();
	err = start_with(binary, manager, pair[1], pid);
	close(pair[1]);
	if (err == 0)
		return pair[0];
	close(pair[0]);
	return err;
}

/* ---- its end ---- */

bool upgrade_ended(pid_t pid, int *status)
{
	pid_t got = waitpid(pid, status, WNOHANG);

	if (got < 0)
		*status = -1;
	return got != 0;
}
