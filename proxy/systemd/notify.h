/* notify: messages to the service manager that started us, in the protocol of sd_notify(3): one datagram of lines
 * VARIABLE=value, perhaps with descriptors. What is said when stands in proxy/control/manager.h.
 *
 * Own code instead of libsystemd: the protocol is the stable interface, and that library brings seven packages. */
#ifndef PROXY_SYSTEMD_NOTIFY_H
#define PROXY_SYSTEMD_NOTIFY_H

#include "netpoll/addr.h"

/* The thread that opened it alone uses it. */
struct notify {
	int fd;            /* -1: nobody listens, and every call below does nothing */
	struct np_addr to; /* const while fd is open */
	int64_t watchdog;  /* const: ns in which the manager wants a sign of life; 0: it wants none */
	bool failed;       /* the last message was lost, and that was logged */
};

/* notify_open: read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and take them out of the environment: a child would
 * speak for us. A WATCHDOG_PID that is not ours leaves the watchdog off.
 *   Calls  before there is a second thread. */
void notify_open(struct notify *n);
void notify_close(struct notify *n); /* a second call does nothing */

static inline bool notify_is_on(const struct notify *n)
{
	return n->fd >= 0;
}

/* notify_send: one message. A manager that does not read holds us up for a second at most; then, and when it is gone,
 * the message is lost, with one line in the log until the next one arrives.
 *   Returns  whether it was sent. */
bool notify_send(struct notify *n, const char *text);
/* notify_send_fd: the same with a copy of descriptor fd. */
bool notify_send_fd(struct notify *n, const char *text, int fd);

/* notify_environment: what the environment said, for a process that is to speak instead of us: NAME=value, without
 * WATCHDOG_PID, which counts for us.
 *   Returns  how many variables were written. */
#define NOTIFY_VARIABLES 2
#define NOTIFY_VARIABLE  144 /* bytes of one, with its NUL */
unsigned notify_environment(const struct notify *n, char out[NOTIFY_VARIABLES][NOTIFY_VARIABLE]);

/* notify_barrier: wait, a second at most, until the manager has read all that was sent before. */
void notify_barrier(struct notify *n);

#endif
