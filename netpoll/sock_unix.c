/* The lock beside a Unix socket's file. Not from Go: net removes no stale file, so it needs none.
 *
 * A stale file may be replaced by one process alone, and which file is stale only the kernel can
 * say, by a connect. Between that and the bind another process may have bound: so both stand under
 * a lock. Rejected: a lock of the socket's file itself (a socket cannot be opened) and of its
 * directory (a stranger may hold that). */
#include "netpoll/sock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "netpoll/hook.h"

#define LOCK_SUFFIX ".lock"

static void lock_path(const struct np_addr *a, char *path, size_t n)
{
	snprintf(path, n, "%s" LOCK_SUFFIX, a->u.un.sun_path);
}

/* The holder before us removes the file and then lets go: then we have the lock of a file that is
 * no more. */
static bool is_still_there(int fd, const char *path)
{
	struct stat mine, now;

	return fstat(fd, &mine) == 0 && stat(path, &now) == 0 && mine.st_dev == now.st_dev &&
	       mine.st_ino == now.st_ino;
}

int np_unix_lock(const struct np_addr *a, int *lock)
{
	char path[sizeof(a->u.un.sun_path) + sizeof(LOCK_SUFFIX)];
	int fd, err;

	*lock = -1;
	if (!np_addr_is_unix(a) || np_addr_is_abstract(a))
		return 0;
	lock_path(a, path, sizeof(path));
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		if (fd < 0)
			return err_from_errno();
		err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? err_from_errno() : 0;
		if (err == 0 && is_still_there(fd, path))
			break;
		sys_close(fd);
		if (err != 0)
			return err == -NP_EAGAIN ? -NP_EADDRINUSE : err;
	}
	*lock = fd;
	return 0;
}

void np_unix_unlock(const struct np_addr *a, int lock, bool remove)
{
	char path[sizeof(a->u.un.sun_path) + sizeof(LOCK_SUFFIX)];

	if (lock < 0)
		return;
	lock_path(a, path, sizeof(path));
	if (remove)
		sys_unlink(path); /* while it is ours */
	sys_close(lock);
}
