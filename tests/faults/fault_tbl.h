/* fault_tbl: every call that faults.so can make fail, once: how it is passed on, what its failure
 * looks like to the caller, and the errors the kernel or the C library may give. Those of the start
 * are walked by process_faults_test, those of a worker that serves connections by conn_faults_test;
 * an empty text says that the tests do not fail the call there. Only errors that can happen are
 * named: a made-up EAGAIN, say, would be followed by no event. Names are split by spaces.
 *
 * In `fail`, err is the error and real the function itself. FAIL_SOCKET makes an error true that
 * says the peer is gone: it is then. FILE_ONLY leaves an eventfd alone, for it can neither be full
 * nor broken. */
#ifndef TESTS_FAULTS_FAULT_TBL_H
#define TESTS_FAULTS_FAULT_TBL_H

#define FAIL_INT  (errno = err, -1)
#define FAIL_NULL (errno = err, NULL)
#define FAIL_SOCKET(fd) (lose_peer(fd, err), errno = err, -1)
#define NO_MEMORY "ENOMEM"
#define NO_FD     "EMFILE ENFILE ENOMEM EPERM"
#define NO_FILE   "EACCES ENOENT EMFILE EIO"

/*  returns  name  parameters  arguments  object (a path or NULL)  fail  errors at start  errors of a worker */
#define FAULT_TBL(X)                                                                                                   \
	X(int, accept, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len), NULL, FAIL_INT, "", "")            \
	X(int, accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags), (fd, sa, len, flags), NULL, FAIL_INT, \
	  "", "EINTR ECONNABORTED EPROTO ENETDOWN EMFILE ENFILE ENOBUFS ENOMEM EPERM")                                 \
	X(int, access, (const char *path, int mode), (path, mode), path, FAIL_INT, "EACCES ENOENT", "")                \
	X(void *, aligned_alloc, (size_t align, size_t n), (align, n), NULL, FAIL_NULL, NO_MEMORY, NO_MEMORY)          \
	X(int, bind, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len), NULL, FAIL_INT,                \
	  "EADDRINUSE EADDRNOTAVAIL EACCES EPERM ENOMEM", "EADDRINUSE EADDRNOTAVAIL EACCES ENOMEM")                    \
	X(void *, calloc, (size_t n, size_t size), (n, size), NULL, FAIL_NULL, NO_MEMORY, NO_MEMORY)                   \
	X(int, chmod, (const char *path, mode_t mode), (path, mode), path, FAIL_INT, "EPERM EROFS", "")                \
	X(int, close, (int fd), (fd), NULL, (real(fd), errno = err, -1), "EINTR EIO", "EINTR EIO")                     \
	X(int, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len), NULL, FAIL_INT, "",         \
	  "ECONNREFUSED ETIMEDOUT EHOSTUNREACH ENETUNREACH EADDRNOTAVAIL EACCES EPERM ENOBUFS ENOMEM")                 \
	X(int, epoll_create1, (int flags), (flags), NULL, FAIL_INT, NO_FD " ENOSYS", "")                               \
	X(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *ev), (ep, op, fd, ev), NULL, FAIL_INT,          \
	  "ENOMEM ENOSPC EPERM", "ENOMEM ENOSPC EPERM")                                                                \
	X(int, epoll_wait, (int ep, struct epoll_event *evs, int n, int ms), (ep, evs, n, ms), NULL, FAIL_INT,         \
	  "EINTR", "EINTR")                                                                                            \
	X(int, eventfd, (unsigned initval, int flags), (initval, flags), NULL, FAIL_INT, NO_FD, "")                    \
	X(int, fflush, (FILE *f), (f), NULL, FAIL_INT, "ENOSPC EIO", "")                                               \
	X(char *, fgets, (char *p, int n, FILE *f), (p, n, f), NULL, (f->_flags |= _IO_ERR_SEEN, errno = err, NULL),   \
	  "EIO", "")                                                                                                   \
	X(FILE *, fopen, (const char *path, const char *mode), (path, mode), path, FAIL_NULL, NO_FILE " ENOMEM", "")   \
	X(FILE *, fopen64, (const char *path, const char *mode), (path, mode), path, FAIL_NULL, NO_FILE " ENOMEM", "") \
	X(size_t, fread, (void *p, size_t size, size_t n, FILE *f), (p, size, n, f), NULL,                             \
	  (f->_flags |= _IO_ERR_SEEN, errno = err, (size_t)0), "EIO", "")                                              \
	X(int, fstat, (int fd, struct stat *st), (fd, st), NULL, FAIL_INT, "EIO", "")                                  \
	X(int, fsync, (int fd), (fd), NULL, FAIL_INT, "EIO", "")                                                       \
	X(int, getaddrinfo,                                                                                            \
	  (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out),                \
	  (host, service, hints, out), host, (errno = err, EAI_SYSTEM), "ENOMEM EMFILE", "")                           \
	X(int, getentropy, (void *p, size_t n), (p, n), NULL, FAIL_INT, "ENOSYS EIO", "ENOSYS EIO")                    \
	X(int, getpeername, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len), NULL, FAIL_INT, "EPERM",     \
	  "EPERM")                                                                                          \
	X(ssize_t, getrandom, (void *p, size_t n, unsigned flags), (p, n, flags), NULL, FAIL_INT, "ENOSYS EPERM EINTR", \
	  "ENOSYS EPERM EINTR")                                                                                        \
	X(int, getrlimit, (__rlimit_resource_t what, struct rlimit *r), (what, r), NULL, FAIL_INT, "EPERM", "")        \
	X(int, getsockname, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len), NULL, FAIL_INT, "ENOBUFS",   \
	  "ENOBUFS")                                                                                                   \
	X(int, getsockopt, (int fd, int level, int opt, void *v, socklen_t *len), (fd, level, opt, v, len), NULL,      \
	  FAIL_INT, "ENOBUFS ENOPROTOOPT EPERM", "ENOBUFS ENOPROTOOPT EPERM")                                          \
	X(int, isatty, (int fd), (fd), NULL, (errno = err, 0), "ENOTTY", "")                                           \
	X(int, link, (const char *from, const char *to), (from, to), to, FAIL_INT, "EPERM EACCES", "")                 \
	X(int, listen, (int fd, int backlog), (fd, backlog), NULL, FAIL_INT, "EADDRINUSE EPERM", "")                   \
	X(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), NULL, FAIL_INT, "ESPIPE", "")                \
	X(int, lstat, (const char *path, struct stat *st), (path, st), path, FAIL_INT, "EACCES ENOENT EIO", "")        \
	X(int, madvise, (void *p, size_t n, int advice), (p, n, advice), NULL, FAIL_INT, "EINVAL ENOMEM",              \
	  "EINVAL ENOMEM EAGAIN")                                                                                      \
	X(void *, malloc, (size_t n), (n), NULL, FAIL_NULL, NO_MEMORY, NO_MEMORY)                                      \
	X(int, memfd_create, (const char *name, unsigned flags), (name, flags), NULL, FAIL_INT, NO_FD " ENOSYS", "")   \
	X(int, mincore, (void *p, size_t n, unsigned char *vec), (p, n, vec), NULL, FAIL_INT, "EAGAIN ENOMEM",         \
	  "EAGAIN ENOMEM")                                                                                             \
	X(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t off), (p, n, prot, flags, fd, off),     \
	  NULL, (errno = err, MAP_FAILED), "ENOMEM EPERM", "ENOMEM EPERM")                                             \
	X(int, mprotect, (void *p, size_t n, int prot), (p, n, prot), NULL, FAIL_INT, "ENOMEM EACCES",                 \
	  "ENOMEM EACCES")                                                                                             \
	X(int, munmap, (void *p, size_t n), (p, n), NULL, FAIL_INT, "ENOMEM", "ENOMEM")                                \
	X(DIR *, opendir, (const char *path), (path), path, FAIL_NULL, NO_FILE, "")                                    \
	X(int, pipe2, (int fds[2], int flags), (fds, flags), NULL, FAIL_INT, NO_FD, NO_FD " ENOSYS")                   \
	X(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms), NULL, FAIL_INT, "EINTR ENOMEM", "")             \
	X(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), NULL, FAIL_INT, "EIO EINTR", "")      \
	X(int, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*main)(void *), void *arg),              \
	  (t, a, main, arg), NULL, err, "EAGAIN EPERM", "")                                                            \
	X(int, pthread_setaffinity_np, (pthread_t t, size_t n, const cpu_set_t *set), (t, n, set), NULL, err,          \
	  "EINVAL EPERM", "")                                                                                          \
	X(int, pthread_setname_np, (pthread_t t, const char *name), (t, name), NULL, err, "ENOENT", "")                \
	X(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), FILE_ONLY(fd), FAIL_INT, "EINTR EIO", "EINTR EIO")    \
	X(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n), NULL, FAIL_SOCKET(fd), "EINTR EIO",         \
	  "EINTR ECONNRESET ETIMEDOUT ENOBUFS ENOMEM EPERM")                                                           \
	X(void *, realloc, (void *p, size_t n), (p, n), NULL, FAIL_NULL, NO_MEMORY, NO_MEMORY)                         \
	X(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags), NULL, FAIL_SOCKET(fd), "EINTR ENOMEM",    \
	  "EINTR ECONNRESET ETIMEDOUT EHOSTUNREACH ENOBUFS ENOMEM EPERM EINVAL")                                       \
	X(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), NULL, FAIL_SOCKET(fd), "EINTR ENOMEM",     \
	  "EINTR ECONNRESET ETIMEDOUT ENOBUFS ENOMEM EPERM")                                                           \
	X(int, rename, (const char *from, const char *to), (from, to), to, FAIL_INT, "EACCES ENOSPC", "")              \
	X(int, sched_getaffinity, (pid_t pid, size_t n, cpu_set_t *set), (pid, n, set), NULL, FAIL_INT,                \
	  "EINVAL EPERM ENOSYS", "")                                                                                   \
	X(int, sem_clockwait, (sem_t *sem, clockid_t clock, const struct timespec *until), (sem, clock, until), NULL,  \
	  FAIL_INT, "", "")                                                                                            \
	X(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags), NULL, FAIL_SOCKET(fd), "",          \
	  "EINTR EPIPE ECONNRESET ETIMEDOUT EHOSTUNREACH ENOBUFS ENOMEM EPERM EINVAL")                                 \
	X(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), NULL, FAIL_SOCKET(fd), "",           \
	  "EINTR EPIPE ECONNRESET ENOBUFS ENOMEM EPERM")                                                               \
	X(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *r), (what, r), NULL, FAIL_INT, "EPERM", "")  \
	X(int, setsockopt, (int fd, int level, int opt, const void *v, socklen_t n), (fd, level, opt, v, n), NULL,     \
	  FAIL_INT, "ENOPROTOOPT ENOBUFS EPERM", "ENOPROTOOPT ENOBUFS EINVAL EPERM")                                   \
	X(int, shutdown, (int fd, int how), (fd, how), NULL, FAIL_INT, "", "ENOTCONN ENOBUFS EPERM")                   \
	X(int, socket, (int domain, int type, int proto), (domain, type, proto), NULL, FAIL_INT,                       \
	  NO_FD " ENOBUFS EACCES", NO_FD " ENOBUFS EACCES")                                                            \
	X(int, socketpair, (int domain, int type, int proto, int fds[2]), (domain, type, proto, fds), NULL, FAIL_INT,  \
	  NO_FD " EOPNOTSUPP", "")                                                                                     \
	X(ssize_t, splice, (int from, off_t *fo, int to, off_t *po, size_t n, unsigned flags),                         \
	  (from, fo, to, po, n, flags), NULL, (lose_peer(from, err), FAIL_SOCKET(to)), "",                                                            \
	  "EINTR ENOSYS EPERM EOPNOTSUPP EINVAL ENOMEM ENOBUFS ECONNRESET")                                            \
	X(int, stat, (const char *path, struct stat *st), (path, st), path, FAIL_INT, "EACCES ENOENT EIO", "")         \
	X(int, unlink, (const char *path), (path), path, FAIL_INT, "EACCES EPERM EROFS", "")                           \
	X(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), FILE_ONLY(fd), FAIL_INT, "EINTR ENOSPC EPIPE", \
	  "EINTR ENOSPC EPIPE")                                                                                        \
	X(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n), NULL, FAIL_INT,                     \
	  "EINTR ENOSPC EPIPE", "")

/* Those with one more argument, whose type depends: `more` is it. `last` is the parameter before it.
 *  returns  name  parameters  last  arguments  object  fail  errors at start  errors of a worker */
#define FAULT_MORE_TBL(X)                                                                                              \
	X(int, fcntl, (int fd, int cmd, ...), cmd, (fd, cmd, more), NULL, FAIL_INT, "EMFILE EPERM ENOMEM",             \
	  "EPERM EBUSY ENOMEM")                                                                                        \
	X(int, ioctl, (int fd, unsigned long cmd, ...), cmd, (fd, cmd, more), NULL, FAIL_INT, "ENOTTY", "ENOTTY EINVAL") \
	X(int, open, (const char *path, int flags, ...), flags, (path, flags, more), path, FAIL_INT,                   \
	  NO_FILE " ENOSPC", "")                                                                                       \
	X(int, open64, (const char *path, int flags, ...), flags, (path, flags, more), path, FAIL_INT, NO_FILE, "")    \
	X(int, prctl, (int what, ...), what, (what, more), NULL, FAIL_INT, "EINVAL EPERM", "")

enum fault_call {
#define X(ret, name, ...) FAULT_##name,
	FAULT_TBL(X) FAULT_MORE_TBL(X)
#undef X
	FAULT_CALLS
};

#endif
