/* Accepting. Port of FD.Accept of src/internal/poll/fd_unix.go and accept of sock_cloexec.go, Go
 * 1.19. */
#include "netpoll/fd.h"

#include <fcntl.h>

#include "netpoll/hook.h"

#define ACCEPT_AGAIN 64

int fd_flag(int sysfd)
{
	int err;

	if (fcntl(sysfd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(sysfd, F_SETFL, O_NONBLOCK) == 0)
		return sysfd;
	err = err_from_errno();
	sys_close(sysfd);
	return err;
}

/* Kernels and sandboxes without accept4: the two flags by hand. Never seen to matter for a
 * descriptor leak, as the process does not fork while workers run. */
static int accept_and_flag(int sysfd, struct sockaddr *sa, socklen_t *len)
{
	int fd = sys_accept(sysfd, sa, len);

	return fd < 0 ? err_from_errno() : fd_flag(fd);
}

static int accept_once(int sysfd, struct np_addr *peer)
{
	socklen_t len = sizeof(peer->u);
	struct sockaddr *sa = peer != NULL ? &peer->u.sa : NULL;
	int fd = sys_accept4(sysfd, sa, sa != NULL ? &len : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		fd = err_from_errno();
		/* ENOSYS: old kernel. EINVAL: no flags. EACCES: seccomp. EFAULT: seen on old
		 * emulators. */
		if (fd == -ENOSYS || fd == -EINVAL || fd == -EACCES || fd == -EFAULT)
			fd = accept_and_flag(sysfd, sa, sa != NULL ? &len : NULL);
	}
	if (fd >= 0 && peer != NULL) {
		peer->len = len;
		np_addr_unmap(peer);
	}
	return fd;
}

/* One attempt that is not disturbed by a signal or by a peer that gave up while it was queued. */
static int accept_next(int sysfd, struct np_addr *peer)
{
	int fd = -NP_EAGAIN;

	/* Bounded, unlike Go's, which has threads to lose: a sandbox that answers so for ever must
	 * not hold the worker. */
	for (int i = 0; i < ACCEPT_AGAIN; i++) {
		fd = accept_once(sysfd, peer);
		if (fd != -NP_EINTR && fd != -NP_ECONNABORTED)
			break;
	}
	return fd;
}

int np_fd_try_accept(struct np_fd *fd, struct np_addr *peer)
{
	int err = fd_try_check(fd, NP_READ);

	return err != 0 ? err : accept_next(fd->sysfd, peer);
}

int np_fd_accept(struct np_fd *fd, struct np_addr *peer)
{
	int got = fd_begin(fd, NP_READ);

	if (got != 0)
		return got;
	do {
		got = accept_next(fd->sysfd, peer);
		if (got != -NP_EAGAIN)
			break;
		got = fd_wait(fd, NP_READ);
	} while (got == 0);
	fd_rwunlock(fd, NP_READ);
	return got;
}
