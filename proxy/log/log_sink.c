/* The descriptor to which the access log is written. Its system calls may block: only the writer
 * thread makes them, and no worker waits for that thread. */
#include "proxy/log/log_priv.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
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

int log_sink_open(struct log_sink *s, enum log_sink_kind kind, const char *path)
{
	*s = (struct log_sink){.fd = kind == LOG_SINK_STDERR ? STDERR_FILENO : STDOUT_FILENO};
	if (kind != LOG_SINK_PATH)
		return 0;
	s->path = strdup(path);
	if (s->path == NULL)
		return -NP_ENOMEM;
	s->fd = open_path(path);
	if (s->fd >= 0)
		return 0;
	free(s->path);
	s->path = NULL;
	return s->fd;
}

int log_sink_reopen(struct log_sink *s)
{
	int fd;

	if (s->path == NULL)
		return 0;
	fd = open_path(s->path);
	if (fd < 0)
		return fd;
	close(s->fd);
	s->fd = fd;
	return 0;
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

/* stdout and stderr belong to the process that started us too, so they must stay blocking. A pipe
 * that polls writable takes PIPE_BUF bytes without blocking, so no more is written at once; and
 * whole lines, because the process log may write to the same pipe. */
ssize_t log_sink_write(struct log_sink *s, const char *p, size_t n, int ms)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	ssize_t done;
	int err;

	DCHECK(n > 0, "an empty write says nothing about the sink");
	if (poll(&pfd, 1, ms) <= 0)
		return 0;
	done = write(s->fd, p, s->path != NULL ? n : whole_lines(p, n, PIPE_BUF));
	if (done >= 0)
		return done;
	err = err_from_errno();
	return err == -NP_EAGAIN || err == -NP_EINTR ? 0 : err;
}
