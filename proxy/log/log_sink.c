/* The descriptor to which the access log is written. Its system calls may block: only the writer
 * thread makes them, and no worker waits for that thread. */
#include "proxy/log/log_priv.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"

/* O_NONBLOCK is for a path that is a FIFO or a terminal; regular files ignore it. */
static int open_path(const char *path)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = open(path, flags, 0640);

	return fd >= 0 ? fd : err_from_errno();
}

/* Which call cannot block on this descriptor, whatever other processes write to it. */
static enum log_sink_way way_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return LOG_WAY_PLAIN;
	if (S_ISSOCK(st.st_mode))
		return LOG_WAY_SOCKET;
	return S_ISFIFO(st.st_mode) ? LOG_WAY_PIPE : LOG_WAY_PLAIN;
}

void log_sink_use(struct log_sink *s, int fd)
{
	*s = (struct log_sink){.fd = fd, .way = way_of(fd)};
}

/* Does this regular file end in half a line? A writer before us stopped on a full disk, or died. */
static bool ends_torn(int fd, const char *path)
{
	struct stat ours, st;
	char last = '\n';
	int reader;

	if (fstat(fd, &ours) < 0 || !S_ISREG(ours.st_mode) || ours.st_size == 0)
		return false;
	reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (reader < 0)
		return false; /* ours to append to, not to read: nobody can know */
	if (fstat(reader, &st) == 0 && st.st_dev == ours.st_dev && st.st_ino == ours.st_ino)
		(void)!pread(reader, &last, 1, ours.st_size - 1);
	close(reader);
	return last != '\n';
}

static void use_path(struct log_sink *s, int fd)
{
	struct stat st;

	s->fd = fd;
	s->way = way_of(fd);
	s->fifo = s->way == LOG_WAY_PIPE;
	if (s->way == LOG_WAY_PLAIN && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		s->way = LOG_WAY_FILE;
	s->torn = ends_torn(fd, s->path);
}

int log_sink_open(struct log_sink *s, enum log_sink_kind kind, const char *path)
{
	int fd;

	DCHECK(kind != LOG_SINK_OFF, "without a sink there is no log");
	log_sink_use(s, kind == LOG_SINK_STDERR ? STDERR_FILENO : STDOUT_FILENO);
	if (kind != LOG_SINK_PATH)
		return 0;
	fd = open_path(path);
	if (fd < 0)
		return fd;
	s->path = strdup(path);
	if (s->path == NULL) {
		close(fd);
		return -NP_ENOMEM;
	}
	use_path(s, fd);
	return 0;
}

/* Two descriptors of one file? */
static bool sink_stays(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int log_sink_reopen(struct log_sink *s)
{
	int fd;

	if (s->path == NULL)
		return 0;
	fd = open_path(s->path);
	if (fd < 0)
		return fd;
	if (sink_stays(fd, s->fd)) {
		close(fd);
		return 0;
	}
	close(s->fd);
	use_path(s, fd);
	return 1;
}

void log_sink_close(struct log_sink *s)
{
	if (s->path == NULL)
		return;
	close(s->fd);
	free(s->path);
	s->path = NULL;
}

/* The longest piece of whole lines within max bytes; or max bytes of the first line, if it is
 * longer. */
static size_t whole_lines(const char *p, size_t n, size_t max)
{
	const char *end;

	if (n <= max)
		return n;
	end = memrchr(p, '\n', max);
	return end != NULL ? (size_t)(end - p) + 1 : max;
}

/* One write that blocks neither a socket nor, where the kernel can do that, a pipe. RWF_NOWAIT
 * works on pipes from Linux 6.5 on; without it, another process that fills the pipe after our poll
 * makes this thread wait, and only this one. */
static ssize_t write_once(struct log_sink *s, const char *p, size_t n)
{
	const struct iovec piece = {.iov_base = (char *)(uintptr_t)p, .iov_len = n};
	ssize_t done;
	int err;

	if (s->way == LOG_WAY_SOCKET) {
		done = send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		return done >= 0 ? done : err_from_errno();
	}
	if (s->way == LOG_WAY_PIPE) {
		done = pwritev2(s->fd, &piece, 1, -1, RWF_NOWAIT);
		if (done >= 0)
			return done;
		err = err_from_errno();
		if (err != -EOPNOTSUPP && err != -ENOSYS)
			return err;
		s->way = LOG_WAY_PLAIN;
	}
	done = write(s->fd, p, n);
	return done >= 0 ? done : err_from_errno();
}

/* Two logs of ours write to one file for a while: a reload has begun the new one, and the old one still has lines.
 * They lock a byte that no file reaches, so that neither writes while the other takes something back. A file system
 * without locks has none. */
static bool lock_file(const struct log_sink *s, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = INT64_MAX - 1, .l_len = 1};

	return fcntl(s->fd, F_OFD_SETLKW, &lock) == 0;
}

/* A regular file of ours that refused the end of a line, mostly for want of room, gives the beginning back:
 * the file may be rotated, or another log may begin to write to it, before there is room again. It does so
 * only while nobody has written behind it; the caller holds the lock.
 *   Returns  how many of the done bytes at p are in the file. */
static size_t take_half_back(struct log_sink *s, const char *p, size_t done)
{
	const char *end = memrchr(p, '\n', done);
	size_t whole = end != NULL ? (size_t)(end - p) + 1 : 0;
	off_t at = lseek(s->fd, 0, SEEK_CUR);
	struct stat st;

	if (whole == done || at < 0 || fstat(s->fd, &st) < 0 || st.st_size != at)
		return done;
	return ftruncate(s->fd, at - (off_t)(done - whole)) == 0 ? whole : done;
}

/* All of it, or as many whole lines as there is room for. */
static ssize_t write_file(struct log_sink *s, const char *p, size_t n)
{
	size_t done = 0;
	bool locked = lock_file(s, F_WRLCK);
	ssize_t rc;

	do {
		rc = write_once(s, p + done, n - done);
		if (rc > 0)
			done += (size_t)rc;
	} while (rc > 0 && done < n);
	if (done > 0 && done < n && locked)
		done = take_half_back(s, p, done);
	if (locked)
		(void)!lock_file(s, F_UNLCK);
	return done > 0 ? (ssize_t)done : rc;
}

/* stdout and stderr belong to the process that started us too, so they must stay blocking. A pipe
 * that polls writable takes PIPE_BUF bytes without blocking, so no more is written at once; and
 * whole lines, because the process log may write to the same pipe. Into a FIFO with a path, too: a reload has begun
 * another log that writes to it, while the old one still has lines, and only so much is one piece among theirs. */
ssize_t log_sink_write(struct log_sink *s, const char *p, size_t n, int ms)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	ssize_t done;

	DCHECK(n > 0, "an empty write says nothing about the sink");
	if (poll(&pfd, 1, ms) <= 0)
		return 0;
	if (s->torn) {
		done = write_once(s, "\n", 1);
		if (done != 1)
			return done;
		s->torn = false;
	}
	if (s->way == LOG_WAY_FILE)
		done = write_file(s, p, n);
	else
		done = write_once(s, p, s->path == NULL || s->fifo ? whole_lines(p, n, PIPE_BUF) : n);
	return done == -NP_EAGAIN || done == -NP_EINTR ? 0 : done;
}
