/* fd: what the files of src/internal/poll share: struct np_fd's locks (Go's fdMutex), and the
 * shape of an operation:
 *
 *   lock, prepare (poll_reset), loop { call; EINTR again; EAGAIN wait }, unlock
 *
 *   refs     one while the fd is open, one per operation under way; the last one that is dropped
 *            closes it
 *   closed   no new operation begins; those under way are evicted by poll_unblock
 *   rlocked, wlocked   one reader and one writer at a time; the others queue in rwait and wwait,
 *            first come first served: the lock is handed over
 * Misuse (unlock of what is not locked, more than FD_MAX_REFS operations) is a CHECK, as it is a
 * panic in Go. */
#ifndef NETPOLL_FD_H
#define NETPOLL_FD_H

#include "netpoll/worker.h"

#define FD_MAGIC    0xfd0c0de5u
#define FD_MAX_REFS (1u << 20)
#define FD_MAX_RW   (1u << 30) /* bytes one system call moves at most */

must_use int fd_incref(struct np_fd *fd);  /* 0 or -NP_ECLOSING */
void fd_decref(struct np_fd *fd);          /* the last one destroys */
/* incref and lock. Parks. Returns 0 or -NP_ECLOSING. */
must_use int fd_rwlock(struct np_fd *fd, enum np_mode mode);
void fd_rwunlock(struct np_fd *fd, enum np_mode mode);
must_use int fd_wait(struct np_fd *fd, enum np_mode mode); /* after EAGAIN. Parks. */

/* Close-on-exec and non-blocking by hand, for kernels that do not take the flags with the call.
 *   Returns  sysfd; or the error, and then it is closed. */
must_use int fd_flag(int sysfd);

/* Lock and prepare, the start of every operation that may park. */
must_use int fd_begin(struct np_fd *fd, enum np_mode mode);

/* The check of every try_ form: closed, or a deadline that has passed, comes before the system
 * call. */
static inline int fd_try_check(const struct np_fd *fd, enum np_mode mode)
{
	OBJ_CHECK(fd, FD_MAGIC);
	if (unlikely(fd->closed))
		return -NP_ECLOSING;
	return (mode == NP_READ ? fd->pd->rd : fd->pd->wd) < 0 ? -NP_EDEADLINE : 0;
}

#endif
