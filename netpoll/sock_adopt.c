/* A listening socket that another process made and passed to us. Go's net.FileListener does the same for a descriptor
 * (newFileFD in src/net/file_unix.go, Go 1.19), but takes every kind of socket. */
#include "netpoll/sock.h"

#include <fcntl.h>

#include "netpoll/hook.h"

static int get_int(int sysfd, int level, int opt, int *value)
{
	socklen_t len = sizeof(*value);

	return sys_getsockopt(sysfd, level, opt, value, &len) < 0 ? err_from_errno() : 0;
}

/* A socket unit may say ListenDatagram= or Accept=yes, and any program may pass anything. */
static const char *why_no_listener(int sysfd)
{
	int type = 0, listens = 0, err = get_int(sysfd, SOL_SOCKET, SO_TYPE, &type);

	if (err == -NP_EBADF)
		return "it is not open";
	if (err != 0)
		return "it is no socket";
	if (type != SOCK_STREAM)
		return "it is no stream socket (ListenStream=)";
	if (get_int(sysfd, SOL_SOCKET, SO_ACCEPTCONN, &listens) != 0 || listens == 0)
		return "it does not listen (Accept=no)";
	return NULL;
}

/* The wildcard of both families and that of IPv6 alone have the same name. */
static int local_address(int sysfd, struct np_addr *local)
{
	int err = np_sock_addr(sysfd, local), alone = 0;

	local->v6_alone = false;
	if (err == 0 && local->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&local->u.in6.sin6_addr))
		err = get_int(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, &alone);
	if (err == 0)
		local->v6_alone = alone != 0;
	return err;
}

/* The flags are shared with whoever passed it: systemd does not mind, since it never accepts. */
static int adopt_flags(int sysfd)
{
	int flags = fcntl(sysfd, F_GETFL);

	if (flags < 0 || fcntl(sysfd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(sysfd, F_SETFD, FD_CLOEXEC) < 0)
		return err_from_errno();
	return 0;
}

int np_sock_adopt(int sysfd, struct np_addr *local, const char **why)
{
	int err;

	*why = why_no_listener(sysfd);
	if (*why != NULL)
		return -NP_EINVAL;
	err = local_address(sysfd, local);
	if (err == 0)
		err = adopt_flags(sysfd);
	if (err != 0) {
		*why = np_err_text(err);
		return err;
	}
	if (!np_addr_is_unix(local) && local->u.sa.sa_family != AF_INET && local->u.sa.sa_family != AF_INET6) {
		*why = "it is neither of IPv4, IPv6 nor Unix";
		return -NP_EAFNOSUPPORT;
	}
	np_sock_lift_filter(sysfd); /* of a process that was about to close it */
	if (np_addr_is_unix(local))
		return 0;
	/* As our own: accepted sockets inherit both. One that takes neither (MPTCP) still works. */
	(void)!sock_set_nodelay(sysfd);
	(void)!sock_set_keepalive(sysfd);
	return 0;
}
