/* Who is at the other end of a Unix socket. Not from Go, which leaves it to golang.org/x/sys/unix. */
#include "netpoll/sock.h"

#include "netpoll/fd.h"
#include "netpoll/hook.h"

#define PEER_PIDFD 77 /* SO_PEERPIDFD of Linux 6.5, which older headers do not have */
#define GROUPS_MOST 256 /* of a peer that is asked about; with more of them the kernel says ERANGE */

int np_fd_unix_peer(const struct np_fd *fd, struct np_peer *out)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	int pidfd;

	OBJ_CHECK(fd, FD_MAGIC);
	if (sys_getsockopt(fd->sysfd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return err_from_errno();
	*out = (struct np_peer){.pid = who.pid, .uid = who.uid, .gid = who.gid, .pidfd = -1};
	len = sizeof(pidfd);
	if (sys_getsockopt(fd->sysfd, SOL_SOCKET, PEER_PIDFD, &pidfd, &len) == 0)
		out->pidfd = pidfd;
	return 0;
}

int np_fd_peer_in_group(const struct np_fd *fd, const struct np_peer *peer, gid_t gid)
{
	gid_t groups[GROUPS_MOST];
	socklen_t len = sizeof(groups);

	OBJ_CHECK(fd, FD_MAGIC);
	if (peer->gid == gid)
		return 1;
	if (sys_getsockopt(fd->sysfd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return err_from_errno();
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == gid)
			return 1;
	return 0;
}
