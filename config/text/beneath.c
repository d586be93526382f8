/* beneath: openat2, which resolves a path and refuses to leave a directory in one step. Looking at the names of a path
 * one by one, or at what realpath makes of it, would be a race with whoever may write there. */
#include "config/text/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config/text/beneath_walk.h"
#include "netpoll/err.h"

#define TRIES 8 /* EAGAIN: a directory of the path was renamed meanwhile */

/* Magic links (/proc/self/fd/0) are no names of files. */
static int open_beneath(int dir, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
	                       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int err = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

		err = fd < 0 ? err_from_errno() : (int)fd;
		if (err == -ENOSYS || err == -NP_EPERM) /* or so a sandbox says that it denies the call */
			err = beneath_walk(dir, path, flags);
		if (err >= 0)
			return err;
		if (err != -NP_EAGAIN && err != -NP_EINTR)
			break;
	}
	return err;
}

const char *beneath_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory";
	if (S_ISFIFO(mode))
		return "a FIFO";
	return S_ISSOCK(mode) ? "a socket" : "a device";
}

/* Closes it unless it is one. */
/* The mode is that of what was opened, not of a name that was looked at before. */
static int only_regular(int fd, mode_t *mode)
{
	struct stat st;
	int err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		err = err_from_errno();
	else
		*mode = st.st_mode;
	if (err == 0 && !S_ISREG(st.st_mode))
		err = -NP_EINVAL;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

/* O_PATH looks without opening; between the two the name may become another's, so it is looked at again. */
int beneath_open(int dir, const char *path, mode_t *mode)
{
	int fd = only_regular(open_beneath(dir, path, O_PATH), mode);

	if (fd < 0)
		return fd;
	close(fd);
	return only_regular(open_beneath(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY), mode);
}

/* The room doubles: names come one by one, and nobody knows how many. */
static int collect_name(struct beneath_names *l, const char *name)
{
	size_t room = l->room == 0 ? 16 : 2 * l->room;
	char **more;

	if (l->n == l->room) {
		more = realloc(l->name, room * sizeof(*more));
		if (more == NULL)
			return -NP_ENOMEM;
		l->name = more;
		l->room = room;
	}
	l->name[l->n] = strdup(name);
	if (l->name[l->n] == NULL)
		return -NP_ENOMEM;
	l->n++;
	return 0;
}

bool beneath_is_match(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, FNM_PERIOD | FNM_NOESCAPE) == 0;
}

/* A directory that can be read in part only is an error: what is missing would be missed at run time. */
static int match_entries(DIR *folder, const char *pattern, size_t most, struct beneath_names *out)
{
	const struct dirent *e;
	int err = 0;

	while (err == 0) {
		errno = 0;
		e = readdir(folder);
		if (e == NULL)
			return err_from_errno();
		if (!beneath_is_match(pattern, e->d_name))
			continue;
		err = out->n < most ? collect_name(out, e->d_name) : -E2BIG;
	}
	return err;
}

/* By bytes: the same order on every machine, whatever its language. */
static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int beneath_match(int dir, const char *folder, const char *pattern, size_t most, struct beneath_names *out)
{
	int fd = open_beneath(dir, folder, O_RDONLY | O_DIRECTORY), err;
	DIR *entries;

	*out = (struct beneath_names){0};
	if (fd < 0)
		return fd;
	entries = fdopendir(fd);
	if (entries == NULL) {
		err = err_from_errno();
		close(fd);
		return err;
	}
	err = match_entries(entries, pattern, most, out);
	closedir(entries);
	if (out->n > 1)
		qsort(out->name, out->n, sizeof(*out->name), compare_names);
	return err;
}

void beneath_names_fini(struct beneath_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct beneath_names){0};
}
