/* Reading and writing. Port of FD.Read, FD.Write, FD.Writev and eofError of
 * src/internal/poll/fd_unix.go, writev.go, Go 1.19. Sockets only, so recv and send serve
 * (cheaper than read and write, and no SIGPIPE). */
#include "netpoll/fd.h"

#include "netpoll/hook.h"

#define IOV_PER_CALL 1024 /* the kernel's limit, and Go's */

static size_t at_most(size_t n)
{
	return n < FD_MAX_RW ? n : FD_MAX_RW;
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static ssize_t recv_once(int sysfd, void *buf, size_t n)
{
	ssize_t got;

	do {
		got = sys_recv(sysfd, buf, at_most(n), 0);
		if (got < 0)
			got = err_from_errno();
	} while (got == -NP_EINTR);
	return got;
}

/* A message that carries descriptors ends a read, though more bytes are queued behind it. Without
 * room for control data the kernel closes such descriptors and says MSG_CTRUNC: only then does a
 * short read not mean that the socket is empty. */
static no_inline ssize_t recv_unix_once(struct np_fd *fd, void *buf, size_t n)
{
	struct iovec iov = {.iov_base = buf, .iov_len = at_most(n)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t got;

	do {
		got = sys_recvmsg(fd->sysfd, &msg, 0);
		if (got < 0)
			got = err_from_errno();
	} while (got == -NP_EINTR);
	fd->pd->doubt = got > 0 && (msg.msg_flags & MSG_CTRUNC) != 0;
	return got;
}

static ssize_t send_once(int sysfd, const void *buf, size_t n, int flags)
{
	ssize_t put;

	do {
		put = sys_send(sysfd, buf, at_most(n), flags | MSG_NOSIGNAL);
		if (put < 0)
			put = err_from_errno();
	} while (put == -NP_EINTR);
	return put;
}

static ssize_t readv_once(int sysfd, const struct iovec *iov, int n)
{
	ssize_t got;

	do {
		got = sys_readv(sysfd, iov, n < IOV_PER_CALL ? n : IOV_PER_CALL);
		if (got < 0)
			got = err_from_errno();
	} while (got == -NP_EINTR);
	return got;
}

static ssize_t writev_once(int sysfd, struct iovec *iov, int n)
{
	int some = n < IOV_PER_CALL ? n : IOV_PER_CALL;
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)some};
	ssize_t put;

	do {
		put = sys_sendmsg(sysfd, &msg, MSG_NOSIGNAL);
		if (put < 0)
			put = err_from_errno();
	} while (put == -NP_EINTR);
	return put;
}

/* Inline, for link-time optimisation: these two belong into the relay's loop, however many others
 * call them. */
inline ssize_t np_fd_try_read(struct np_fd *fd, void *buf, size_t n)
{
	int err = fd_try_check(fd, NP_READ);

	if (unlikely(err != 0))
		return err;
	return likely(!fd->local) ? recv_once(fd->sysfd, buf, n) : recv_unix_once(fd, buf, n);
}

static inline ssize_t try_send(struct np_fd *fd, const void *buf, size_t n, int flags)
{
	int err = fd_try_check(fd, NP_WRITE);

	return err != 0 ? err : send_once(fd->sysfd, buf, n, flags);
}

inline ssize_t np_fd_try_write(struct np_fd *fd, const void *buf, size_t n)
{
	return try_send(fd, buf, n, 0);
}

ssize_t np_fd_try_write_more(struct np_fd *fd, const void *buf, size_t n)
{
	return try_send(fd, buf, n, MSG_MORE);
}

/* Port of the wait in FD.RawRead and FD.RawWrite. No poll_reset: an event since the last attempt
 * would be forgotten, and it is the only one. */
int np_fd_wait(struct np_fd *fd, enum np_mode mode)
{
	int err = fd_rwlock(fd, mode);

	if (err != 0)
		return err;
	err = fd_wait(fd, mode);
	fd_rwunlock(fd, mode);
	return err;
}

int np_fd_wait_watching(struct np_fd *fd, enum np_mode mode, struct np_fd *watch)
{
	int err;

	if (watch == NULL)
		return np_fd_wait(fd, mode);
	if (fd_incref(watch) != 0)
		return -NP_ECANCELED;
	err = fd_rwlock(fd, mode);
	if (err == 0) {
		err = poll_wait_watching(&np_self()->np, fd->pd, mode, watch->pd);
		fd_rwunlock(fd, mode);
	}
	fd_decref(watch);
	return err;
}

/* ---- reading --------------------------------------------------------------------------------- */

ssize_t np_fd_read(struct np_fd *fd, void *buf, size_t n)
{
	ssize_t got = fd_rwlock(fd, NP_READ);

	if (got != 0)
		return got;
	/* A zero-length read asks nothing of the descriptor, not even its deadline. */
	if (n > 0)
		got = poll_reset(fd->pd, NP_READ);
	while (n > 0 && got == 0) {
		got = recv_once(fd->sysfd, buf, n);
		if (got != -NP_EAGAIN)
			break;
		got = fd_wait(fd, NP_READ);
	}
	fd_rwunlock(fd, NP_READ);
	return got;
}

ssize_t np_fd_readv(struct np_fd *fd, const struct iovec *iov, int n)
{
	ssize_t got = fd_begin(fd, NP_READ);

	if (got != 0)
		return got;
	do {
		got = readv_once(fd->sysfd, iov, n);
		if (got != -NP_EAGAIN)
			break;
		got = fd_wait(fd, NP_READ);
	} while (got == 0);
	fd_rwunlock(fd, NP_READ);
	return got;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Judges one attempt.
 *   Returns  0 to go on, or the error that ends the write. */
static int after_send(struct np_fd *fd, ssize_t put, size_t *done)
{
	if (put > 0) {
		*done += (size_t)put;
		return 0;
	}
	if (put == -NP_EAGAIN)
		return fd_wait(fd, NP_WRITE);
	return put < 0 ? (int)put : -NP_ESHORT; /* a write of nothing: the stream ended under us */
}

int np_fd_write(struct np_fd *fd, const void *buf, size_t n, size_t *done)
{
	size_t sent = 0;
	int err = fd_begin(fd, NP_WRITE);

	if (done != NULL)
		*done = 0;
	if (err != 0)
		return err;
	while (err == 0 && sent < n)
		err = after_send(fd, send_once(fd->sysfd, (const char *)buf + sent, n - sent, 0), &sent);
	fd_rwunlock(fd, NP_WRITE);
	if (done != NULL)
		*done = sent;
	return err;
}

/* Port of consume: drop n bytes, and pieces that are empty, from the front.
 *   Returns  how many pieces it dropped. */
static int iov_consume(struct iovec *iov, int n, size_t bytes)
{
	int i = 0;

	while (i < n && bytes >= iov[i].iov_len) {
		bytes -= iov[i].iov_len;
		iov[i].iov_len = 0;
		i++;
	}
	if (bytes > 0) {
		CHECK(i < n, "the kernel took more than it was given");
		iov[i].iov_base = (char *)iov[i].iov_base + bytes;
		iov[i].iov_len -= bytes;
	}
	return i;
}

int np_fd_writev(struct np_fd *fd, struct iovec *iov, int n, size_t *done)
{
	size_t sent = 0, before;
	int err = fd_begin(fd, NP_WRITE);

	if (done != NULL)
		*done = 0;
	if (err != 0)
		return err;
	for (int i = iov_consume(iov, n, 0); err == 0 && i < n; i += iov_consume(iov + i, n - i, sent - before)) {
		before = sent;
		err = after_send(fd, writev_once(fd->sysfd, iov + i, n - i), &sent);
	}
	fd_rwunlock(fd, NP_WRITE);
	if (done != NULL)
		*done = sent;
	return err;
}
