/* state_file: no link is followed, and nothing that others may write is believed. */
#include "proxy/control/state_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/control/control_path.h"

#define SYSTEM_DIRECTORY "/var/lib/staunch"
#define NAME_ROOM        (STATE_PATH_ROOM + 8) /* a path and what stands behind it */
#define OF_OURS          (O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK)

/* ---- where ---- */

/* Below $XDG_STATE_HOME; the directory staunch is made by the first who needs it. */
static const char *users_state(char path[STATE_PATH_ROOM])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char base[STATE_PATH_ROOM - 32];
	int n, err;

	if (state != NULL && state[0] == '/')
		n = snprintf(base, sizeof(base), "%s", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(base, sizeof(base), "%s/.local/state", home);
	else
		return NULL;
	if (n >= (int)sizeof(base) || !control_path_is_ours(base))
		return NULL;
	snprintf(path, STATE_PATH_ROOM, "%s/staunch", base);
	err = mkdir(path, 0700) != 0 ? err_from_errno() : 0;
	if (err != 0 && err != -EEXIST)
		return NULL;
	snprintf(path, STATE_PATH_ROOM, "%s/staunch/state.yaml", base);
	return path;
}

const char *state_path_of(const char *configured, char path[STATE_PATH_ROOM])
{
	const char *said = getenv(STATE_ENV);

	if (strcmp(configured, "auto") == 0 && said != NULL && said[0] != '\0')
		configured = said;
	if (strcmp(configured, "off") == 0)
		return NULL;
	if (strcmp(configured, "auto") != 0)
		snprintf(path, STATE_PATH_ROOM, "%s", configured);
	else if (control_path_is_ours(SYSTEM_DIRECTORY))
		snprintf(path, STATE_PATH_ROOM, "%s/state.yaml", SYSTEM_DIRECTORY);
	else
		return users_state(path);
	return path;
}

static const char *beside(char name[NAME_ROOM], const char *path, const char *suffix)
{
	snprintf(name, NAME_ROOM, "%s%s", path, suffix);
	return name;
}

/* ---- whose ---- */

/* The kernel takes the lock back when the process dies, so a crash leaves none behind. The file itself stays: whoever
 * removed it could take it from a process that holds it. */
int state_file_lock(const char *path, char why[STATE_WHY])
{
	char name[NAME_ROOM];
	int fd = open(beside(name, path, ".lock"), O_RDWR | O_CREAT | OF_OURS, 0600);
	int err = fd < 0 ? err_from_errno() : 0;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		err = err_from_errno();
		close(fd);
	}
	if (err == 0)
		return fd;
	if (fd >= 0 && err == -NP_EAGAIN)
		snprintf(why, STATE_WHY, "another process uses it");
	else
		snprintf(why, STATE_WHY, "its lock file: %s", np_err_text(err));
	return err;
}

/* ---- read ---- */

static int read_whole(int fd, char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t got = read(fd, text + at, n - at);

		int err = got < 0 ? err_from_errno() : 0;

		if (err == -EINTR)
			continue;
		if (err != 0)
			return err;
		if (got == 0)
			return -NP_EINVAL;
		at += (size_t)got;
	}
	return 0;
}

static int refuse_state(char why[STATE_WHY], const char *what)
{
	snprintf(why, STATE_WHY, "%s", what);
	return -NP_EINVAL;
}

/* The kind and the size are judged on the open descriptor: the name may be another file's a moment later. */
static int read_open(int fd, size_t most, char **text, size_t *n, char why[STATE_WHY])
{
	struct stat st;
	char *room;
	int err;

	if (fstat(fd, &st) != 0)
		return refuse_state(why, np_err_text(err_from_errno()));
	if (!S_ISREG(st.st_mode))
		return refuse_state(why, "it is no file");
	if ((st.st_mode & 022) != 0)
		return refuse_state(why, "others may write to it");
	if (st.st_size > (off_t)most)
		return refuse_state(why, "it is too large");
	room = malloc((size_t)st.st_size + 1);
	if (room == NULL)
		return -NP_ENOMEM;
	err = read_whole(fd, room, (size_t)st.st_size);
	if (err != 0) {
		free(room);
		return refuse_state(why, np_err_text(err));
	}
	*text = room;
	*n = (size_t)st.st_size;
	return 0;
}

/* O_NONBLOCK: a FIFO in its place would hold the start up until somebody writes. */
int state_file_read(const char *path, size_t most, char **text, size_t *n, char why[STATE_WHY])
{
	int fd = open(path, O_RDONLY | OF_OURS);
	int err = fd < 0 ? err_from_errno() : 0;

	*text = NULL;
	*n = 0;
	if (fd < 0) {
		if (err == -NP_ENOENT)
			return 0;
		snprintf(why, STATE_WHY, "%s", err == -ELOOP ? "it is a link" : np_err_text(err));
		return err;
	}
	err = read_open(fd, most, text, n, why);
	close(fd);
	return err;
}

int state_file_set_aside(const char *path)
{
	char name[NAME_ROOM];

	return rename(path, beside(name, path, ".bad")) == 0 ? 0 : err_from_errno();
}

/* ---- write ---- */

/* fsync before the name is given: a rename alone may reach the disk before the bytes do. */
static int write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, text, n);

		int err = put < 0 ? err_from_errno() : 0;

		if (err == -EINTR)
			continue;
		if (err != 0 || put == 0)
			return err != 0 ? err : -ENOSPC;
		text += put;
		n -= (size_t)put;
	}
	return fsync(fd) == 0 ? 0 : err_from_errno();
}

/* The name is on the disk once its directory is. */
static int sync_directory_of(const char *path)
{
	char dir[STATE_PATH_ROOM];
	char *slash;
	int fd, err = 0;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return -NP_EINVAL;
	slash[slash == dir] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno();
	if (fsync(fd) != 0)
		err = err_from_errno();
	close(fd);
	return err;
}

/* One name for all attempts is enough: the lock is ours. O_EXCL makes a file, or fails; it never opens another's. */
int state_file_write(const char *path, const char *text, size_t n)
{
	char name[NAME_ROOM];
	int fd, err;

	beside(name, path, ".tmp");
	unlink(name); /* a crash may have left it */
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | OF_OURS, 0600);
	if (fd < 0)
		return err_from_errno();
	err = write_all(fd, text, n);
	close(fd);
	if (err == 0 && rename(name, path) != 0)
		err = err_from_errno();
	if (err != 0) {
		unlink(name);
		return err;
	}
	return sync_directory_of(path);
}
