/* hook: every system call and the clock, in two tables. Port of internal/poll/hook_unix.go and
 * net/hook_unix.go. Release builds call the kernel directly. Test builds (NP_HOOKS) go through
 * `hook`, which a test may change to make the Nth call fail or the clock stand still; hook_reset()
 * brings the real calls back. The rest of the house says sys_read(...), never read(...); the lint
 * holds it. */
#ifndef NETPOLL_HOOK_H
#define NETPOLL_HOOK_H

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "netpoll/base.h"
#include "netpoll/syscall.h"

/* In a process with threads each of these is a cancellation point of libc's: two calls and two
 * locked instructions around every system call, 40 instructions where the kernel's own entry needs
 * a dozen. Nobody cancels a thread here, so release builds go around it.
 *  returns  name  parameters  arguments  number and arguments for syscall(2) */
#define HOOK_RAW_TBL(X)                                                                                          \
	X(int, accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags), (fd, sa, len, flags),          \
	  (SYS_accept4, fd, sa, len, flags))                                                                     \
	X(int, close, (int fd), (fd), (SYS_close, fd))                                                           \
	X(int, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len),                       \
	  (SYS_connect, fd, sa, len))                                                                            \
	X(int, epoll_wait, (int ep, struct epoll_event *evs, int n, int ms), (ep, evs, n, ms),                   \
	  (SYS_epoll_pwait, ep, evs, n, ms, NULL, 0))                                                            \
	X(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n), (SYS_read, fd, buf, n))                    \
	X(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n), (SYS_readv, fd, iov, n))       \
	X(ssize_t, recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags),                          \
	  (SYS_recvfrom, fd, buf, n, flags, NULL, NULL))                                                         \
	X(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags),                           \
	  (SYS_recvmsg, fd, msg, flags))                                                                         \
	X(ssize_t, send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags),                    \
	  (SYS_sendto, fd, buf, n, flags, NULL, 0))                                                              \
	X(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags),                     \
	  (SYS_sendmsg, fd, msg, flags))                                                                         \
	X(ssize_t, splice, (int from, loff_t *fo, int to, loff_t *po, size_t n, unsigned flags),                 \
	  (from, fo, to, po, n, flags), (SYS_splice, from, fo, to, po, n, flags))                                \
	X(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n), (SYS_write, fd, buf, n))

/*  returns  name  parameters  arguments */
#define HOOK_TBL(X)                                                                                              \
	X(int, accept, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))                             \
	X(int, bind, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))                          \
	X(int, epoll_create1, (int flags), (flags))                                                              \
	X(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *ev), (ep, op, fd, ev))                    \
	X(int, eventfd, (unsigned int initval, int flags), (initval, flags))                                     \
	X(int, getpeername, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))                        \
	X(int, getsockname, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))                        \
	X(int, getsockopt, (int fd, int level, int opt, void *v, socklen_t *len), (fd, level, opt, v, len))      \
	X(int, listen, (int fd, int backlog), (fd, backlog))                                                     \
	X(int, madvise, (void *p, size_t n, int advice), (p, n, advice))                                         \
	X(int, mincore, (void *p, size_t n, unsigned char *vec), (p, n, vec))                                    \
	X(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t off), (p, n, prot, flags, fd, off)) \
	X(int, mprotect, (void *p, size_t n, int prot), (p, n, prot))                                            \
	X(int, munmap, (void *p, size_t n), (p, n))                                                              \
	X(int64_t, nanotime, (void), ())                                                                         \
	X(int, pipe2, (int fds[2], int flags), (fds, flags))                                                     \
	X(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))                                       \
	X(int, setsockopt, (int fd, int level, int opt, const void *v, socklen_t len), (fd, level, opt, v, len)) \
	X(int, shutdown, (int fd, int how), (fd, how))                                                           \
	X(int, socket, (int domain, int type, int proto), (domain, type, proto))                                 \
	X(int, unlink, (const char *path), (path))

/* Monotonic nanoseconds since some start; never goes back. Not a system call, but the other thing
 * tests must fake. */
int64_t nanotime(void);

#ifdef NP_HOOKS
struct hook_table {
#define X(ret, name, params, ...) ret(*name) params;
	HOOK_TBL(X)
	HOOK_RAW_TBL(X)
#undef X
};
/* const while workers run, but for what the test's own thread swaps before they start */
extern struct hook_table hook;
void hook_reset(void);
#define HOOK_CALL(name)       hook.name
#define HOOK_RAW(name, args, raw) hook.name args
#else
#define HOOK_CALL(name)       name
#define HOOK_RAW(name, args, raw) SYSCALL raw
#endif

#define X(ret, name, params, args)            \
	static inline ret sys_##name params   \
	{                                     \
		return HOOK_CALL(name) args;  \
	}
HOOK_TBL(X)
#undef X

#define X(ret, name, params, args, raw)                  \
	static inline ret sys_##name params              \
	{                                                \
		return (ret)HOOK_RAW(name, args, raw);   \
	}
HOOK_RAW_TBL(X)
#undef X

#endif
