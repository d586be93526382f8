/* notify: the socket of the manager, as the environment names it, and one datagram a message. */
#include "proxy/systemd/notify.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "netpoll/err.h"
#include "proxy/base/text.h"
#include "proxy/log/log.h"

#define US            1000 /* ns */
#define SEND_PATIENCE 1 /* seconds */
#define USEC_DIGITS   16 /* of a watchdog's time: more would not fit into nanoseconds */

/* ---- the environment ---- */

/* Decimal digits alone, as systemd writes them.   Returns  0: it is no such number. */
static uint64_t notify_number(const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	if (n == 0 || n > USEC_DIGITS || strspn(text, "0123456789") != n)
		return 0;
	return strtoull(text, NULL, 10);
}

static int64_t watchdog_of(const char *usec, const char *pid)
{
	if (pid != NULL && notify_number(pid) != (uint64_t)getpid())
		return 0;
	return (int64_t)notify_number(usec) * US;
}

/* "/path" or "@abstract". systemd also has vsock:, for machines and not for services. */
static bool notify_address(const char *name, struct np_addr *to)
{
	char room[sizeof(to->u.un.sun_path) + sizeof("unix:")];
	struct text t;

	text_init(&t, room, sizeof(room) - 1);
	text_str(&t, "unix:");
	text_str(&t, name);
	room[t.n] = '\0';
	return (name[0] == '/' || name[0] == '@') && !t.cut && np_addr_parse(to, room, NULL) == 0;
}

/* It blocks, for a second at most: READY must not be lost because a queue is full for a moment. It is
 * not connected, so a manager that is started anew at the same name hears us again. */
static int notify_socket(void)
{
	const struct timeval patience = {.tv_sec = SEND_PATIENCE};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_from_errno();
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

unsigned notify_environment(const struct notify *n, char out[NOTIFY_VARIABLES][NOTIFY_VARIABLE])
{
	const char *path = n->to.u.un.sun_path;
	bool abstract = np_addr_is_abstract(&n->to);
	unsigned count = 0;

	if (!notify_is_on(n))
		return 0;
	snprintf(out[count++], NOTIFY_VARIABLE, "NOTIFY_SOCKET=%s%s", abstract ? "@" : "", abstract ? path + 1 : path);
	if (n->watchdog > 0)
		snprintf(out[count++], NOTIFY_VARIABLE, "WATCHDOG_USEC=%lld", (long long)(n->watchdog / US));
	return count;
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify){.fd = -1};
	if (name != NULL && notify_address(name, &n->to)) {
		n->fd = notify_socket();
		if (n->fd < 0)
			log_msg(LVL_WARNING, "notify_failed", "the service manager is told nothing: %s",
				np_err_text(n->fd));
	} else if (name != NULL) {
		log_msg(LVL_WARNING, "notify_failed",
			"the service manager is told nothing: NOTIFY_SOCKET is neither a path nor @name");
	}
	if (notify_is_on(n))
		n->watchdog = watchdog_of(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

/* ---- messages ---- */

/* An episode of messages that nobody took is one line. */
static bool note_sent(struct notify *n, int err)
{
	if (err != 0 && !n->failed)
		log_msg(LVL_WARNING, "notify_failed", "the service manager takes no message: %s",
			err == -NP_EAGAIN ? "its queue is full" : np_err_text(err));
	n->failed = err != 0;
	return err == 0;
}

/* One datagram; fd may be NULL. The kernel passes a copy of the descriptor, so ours stays ours. */
static bool send_with(struct notify *n, const char *text, const int *fd)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr m = {
		.msg_name = &n->to.u.sa,
		.msg_namelen = n->to.len,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t sent;
	int err;

	if (!notify_is_on(n))
		return false;
	if (fd != NULL) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.head = (struct cmsghdr){CMSG_LEN(sizeof(*fd)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), fd, sizeof(*fd));
	}
	do {
		sent = sendmsg(n->fd, &m, MSG_NOSIGNAL);
		err = sent < 0 ? err_from_errno() : 0;
	} while (err == -NP_EINTR);
	return note_sent(n, err);
}

bool notify_send(struct notify *n, const char *text)
{
	return send_with(n, text, NULL);
}

bool notify_send_fd(struct notify *n, const char *text, int fd)
{
	return send_with(n, text, &fd);
}

/* The manager closes its copy of the pipe's end when it comes to this message. */
void notify_barrier(struct notify *n)
{
	struct pollfd p = {.events = 0};
	int pipe_fds[2];

	if (!notify_is_on(n) || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	p.fd = pipe_fds[0];
	if (notify_send_fd(n, "BARRIER=1", pipe_fds[1])) {
		close(pipe_fds[1]);
		pipe_fds[1] = -1;
		(void)poll(&p, 1, SEND_PATIENCE * 1000);
	}
	close(pipe_fds[0]);
	if (pipe_fds[1] >= 0)
		close(pipe_fds[1]);
}
