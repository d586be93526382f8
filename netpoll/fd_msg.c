/* Messages with descriptors. Port of FD.ReadMsg and FD.WriteMsg of src/internal/poll/fd_unix.go, Go 1.19, for sockets
 * that keep the bounds of messages (SOCK_SEQPACKET), with the descriptors in and out of their control message. */
#include "netpoll/fd.h"

#include <string.h>

#include "netpoll/hook.h"

/* Aligned as the kernel writes it. */
union rights_room {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(NP_MSG_SYSFDS * sizeof(int))];
};

static void close_rights(const int *sysfds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sys_close(sysfds[i]);
}

/* What the kernel put into the control message. */
static unsigned take_rights(struct msghdr *msg, int *sysfds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		unsigned some = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		CHECK(n + some <= NP_MSG_SYSFDS, "the kernel wrote more descriptors than there was room for");
		memcpy(sysfds + n, CMSG_DATA(c), some * sizeof(int));
		n += some;
	}
	return n;
}

/* A message that is not whole is refused whole: its descriptors are closed. Control data is cut where this process has
 * no descriptor left, since there is room for all that may be sent: then the bytes say what is missing. */
static ssize_t read_msg_once(const struct np_fd *fd, void *buf, size_t n, int *sysfds, unsigned *nsysfds)
{
	union rights_room room;
	struct iovec iov = {.iov_base = buf, .iov_len = n};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof(room)};
	ssize_t got;

	do {
		got = sys_recvmsg(fd->sysfd, &msg, MSG_CMSG_CLOEXEC);
		if (got < 0)
			got = err_from_errno();
	} while (got == -NP_EINTR);
	*nsysfds = got >= 0 ? take_rights(&msg, sysfds) : 0;
	if (got < 0 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return got;
	close_rights(sysfds, *nsysfds);
	*nsysfds = (msg.msg_flags & MSG_TRUNC) != 0 ? 0 : NP_MSG_CUT;
	return (msg.msg_flags & MSG_TRUNC) != 0 ? -NP_EPROTO : got;
}

ssize_t np_fd_read_msg(struct np_fd *fd, void *buf, size_t n, int sysfds[NP_MSG_SYSFDS], unsigned *nsysfds)
{
	ssize_t got = fd_begin(fd, NP_READ);

	*nsysfds = 0;
	if (got != 0)
		return got;
	do {
		got = read_msg_once(fd, buf, n, sysfds, nsysfds);
		if (got != -NP_EAGAIN)
			break;
		got = fd_wait(fd, NP_READ);
	} while (got == 0);
	fd_rwunlock(fd, NP_READ);
	return got;
}

static int write_msg_once(const struct np_fd *fd, const void *buf, size_t n, const int *sysfds, unsigned nsysfds)
{
	union rights_room room = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t put;

	if (nsysfds > 0) {
		room.head.cmsg_len = CMSG_LEN(nsysfds * sizeof(int));
		memcpy(CMSG_DATA(&room.head), sysfds, nsysfds * sizeof(int));
		msg.msg_control = &room;
		msg.msg_controllen = CMSG_SPACE(nsysfds * sizeof(int));
	}
	do {
		put = sys_sendmsg(fd->sysfd, &msg, MSG_NOSIGNAL);
		if (put < 0)
			put = err_from_errno();
	} while (put == -NP_EINTR);
	CHECK(put < 0 || (size_t)put == n, "a message is sent whole or not at all");
	return put < 0 ? (int)put : 0;
}

int np_fd_write_msg(struct np_fd *fd, const void *buf, size_t n, const int *sysfds, unsigned nsysfds)
{
	int err = fd_begin(fd, NP_WRITE);

	CHECK(nsysfds <= NP_MSG_SYSFDS && n > 0, "a message has bytes, and no more descriptors than one may carry");
	if (err != 0)
		return err;
	do {
		err = write_msg_once(fd, buf, n, sysfds, nsysfds);
		if (err != -NP_EAGAIN)
			break;
		err = fd_wait(fd, NP_WRITE);
	} while (err == 0);
	fd_rwunlock(fd, NP_WRITE);
	return err;
}
