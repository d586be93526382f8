/* Sockets that listen, and the options of all. Port of src/net/sock_posix.go (listenStream),
 * sock_cloexec.go, sockopt_linux.go and sock_linux.go (maxListenerBacklog), Go 1.19. */
#include "netpoll/sock.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "netpoll/hook.h"

/* ---- options, one function each -------------------------------------------------------------- */

static int set_int(int sysfd, int level, int opt, int value)
{
	if (sys_setsockopt(sysfd, level, opt, &value, sizeof(value)) < 0)
		return err_from_errno();
	return 0;
}

int sock_set_nodelay(int sysfd)
{
	return set_int(sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* Before the connect; as HAProxy has it for checks that only connect. The kernel takes it for a connection in which
 * both sides talk, whose first acknowledgement waits for bytes to go with. */
int sock_delay_ack(int sysfd)
{
	return set_int(sysfd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

/* A dead peer is found in three minutes: 2 min of silence, then 4 probes 15 s apart. */
int sock_set_keepalive(int sysfd)
{
	int err = set_int(sysfd, SOL_SOCKET, SO_KEEPALIVE, 1);

	if (err == 0)
		err = set_int(sysfd, IPPROTO_TCP, TCP_KEEPIDLE, 120);
	if (err == 0)
		err = set_int(sysfd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
	if (err == 0)
		err = set_int(sysfd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	return err;
}

int np_fd_set_nodelay(struct np_fd *fd)
{
	return fd->closed ? -NP_ECLOSING : sock_set_nodelay(fd->sysfd);
}

int np_fd_set_keepalive(struct np_fd *fd)
{
	return fd->closed ? -NP_ECLOSING : sock_set_keepalive(fd->sysfd);
}

int np_sock_addr(int sysfd, struct np_addr *local)
{
	socklen_t len = sizeof(local->u);

	if (sys_getsockname(sysfd, &local->u.sa, &len) < 0)
		return err_from_errno();
	local->len = len;
	return 0;
}

int np_fd_addr(const struct np_fd *fd, struct np_addr *local)
{
	int err = np_sock_addr(fd->sysfd, local);

	if (err == 0)
		np_addr_unmap(local);
	return err;
}

/* sysSocket: both flags at once, or by hand where the kernel does not know them. */
int sock_open(int family)
{
	int fd = sys_socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd >= 0)
		return fd;
	err = err_from_errno();
	if (err != -NP_EPROTONOSUPPORT && err != -NP_EINVAL)
		return err;
	fd = sys_socket(family, SOCK_STREAM, 0);
	return fd < 0 ? err_from_errno() : fd_flag(fd);
}

/* ---- backlog --------------------------------------------------------------------------------- */

/* Before 4.1 the kernel kept the backlog in 16 bits and 65536 became 0. */
static int backlog_cap(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return 65535;
	return major > 4 || (major == 4 && minor >= 1) ? INT32_MAX : 65535;
}

int np_listen_backlog(void)
{
	FILE *f = fopen("/proc/sys/net/core/somaxconn", "re");
	int n = 0, cap = backlog_cap();

	if (f == NULL)
		return SOMAXCONN; /* a sandbox may hide /proc/sys */
	if (fscanf(f, "%d", &n) != 1 || n <= 0)
		n = SOMAXCONN;
	fclose(f);
	return n < cap ? n : cap;
}

/* ---- Unix socket files ----------------------------------------------------------------------- */

static bool nobody_listens(const struct np_addr *a)
{
	int fd = sock_open(AF_UNIX), err;

	if (fd < 0)
		return false;
	err = sys_connect(fd, &a->u.sa, a->len) < 0 ? err_from_errno() : 0;
	sys_close(fd);
	return err == -NP_ECONNREFUSED;
}

static bool has_file(const struct np_addr *a)
{
	return np_addr_is_unix(a) && !np_addr_is_abstract(a);
}

/* Asked before a file is removed: connecting to any other kind of file is refused too, and such a
 * file is not ours to remove. */
static bool is_socket_file(const struct np_addr *a)
{
	struct stat st;

	return lstat(a->u.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode);
}

int np_unix_file_of(const struct np_addr *a, struct np_unix_file *file)
{
	struct stat st;

	*file = (struct np_unix_file){0};
	if (!has_file(a))
		return 0;
	if (lstat(a->u.un.sun_path, &st) < 0)
		return err_from_errno();
	*file = (struct np_unix_file){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.made = st.st_mtim.tv_sec * NP_S + st.st_mtim.tv_nsec,
	};
	return 0;
}

static int set_owner(const char *path, const struct np_unix_owner *owner)
{
	return lchown(path, owner->uid, owner->gid) < 0 ? err_from_errno() : 0;
}

/* A new owner gets the old mode, or an old owner the new one, for a moment: so between the two only
 * what both modes allow is allowed. */
int np_unix_file_access(const struct np_addr *a, int mode, const struct np_unix_owner *owner)
{
	const char *path = a->u.un.sun_path;
	mode_t wanted = (mode_t)mode;
	struct stat st;
	int err = 0;

	if (!has_file(a) || (mode == 0 && owner == NULL))
		return 0;
	if (lstat(path, &st) < 0)
		return err_from_errno();
	if (mode == 0)
		wanted = st.st_mode & 0777;
	if (owner != NULL && chmod(path, wanted & st.st_mode) < 0)
		return err_from_errno();
	if (owner != NULL)
		err = set_owner(path, owner);
	if (err == 0 && chmod(path, wanted) < 0)
		err = err_from_errno();
	return err;
}

static bool is_that_file(const struct np_unix_file *a, const struct np_unix_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->made == b->made;
}

void np_unix_file_remove(const struct np_addr *a, struct np_unix_file *file)
{
	struct np_unix_file now;

	if (file->ino != 0 && np_unix_file_of(a, &now) == 0 && is_that_file(&now, file))
		sys_unlink(a->u.un.sun_path);
	*file = (struct np_unix_file){0};
}

/* ---- listen ---------------------------------------------------------------------------------- */

static int bind_once(int fd, const struct np_addr *a)
{
	return sys_bind(fd, &a->u.sa, a->len) < 0 ? err_from_errno() : 0;
}

static int bind_to(int fd, const struct np_addr *a)
{
	int err = bind_once(fd, a);

	/* The file of a process that died is in the way. One with a listener is not touched. */
	if (err == -NP_EADDRINUSE && has_file(a) && is_socket_file(a) && nobody_listens(a)) {
		sys_unlink(a->u.un.sun_path);
		err = bind_once(fd, a);
	}
	return err;
}

static bool is_ipv6_wildcard(const struct np_addr *a)
{
	return a->u.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

static int prepare_tcp(int fd, const struct np_addr *a, const struct np_listen_opts *o)
{
	int err = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (err == 0 && o->reuseport)
		err = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	/* The IPv6 wildcard takes both families, unless it says otherwise; an address of its own never does. */
	if (err == 0 && a->u.sa.sa_family == AF_INET6)
		err = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !is_ipv6_wildcard(a) || a->v6_alone);
	if (err == 0 && o->nodelay)
		err = sock_set_nodelay(fd);
	if (err == 0 && o->keepalive)
		err = sock_set_keepalive(fd);
	return err;
}

static int prepare_and_bind(int fd, const struct np_addr *a, const struct np_listen_opts *o)
{
	int err = np_addr_is_unix(a) ? 0 : prepare_tcp(fd, a, o);

	if (err == 0)
		err = bind_to(fd, a);
	if (err != 0)
		return err;
	err = np_unix_file_access(a, o->mode, o->owner); /* nobody can connect yet */
	if (err != 0 && has_file(a))
		sys_unlink(a->u.un.sun_path); /* our own bind made it */
	return err;
}

int np_listen_check(const struct np_addr *a)
{
	const struct np_listen_opts alone = {0};
	int fd, err;

	if (np_addr_is_unix(a))
		return 0; /* binding tells, and leaves a file */
	fd = sock_open(a->u.sa.sa_family);
	if (fd < 0)
		return fd == -NP_EAFNOSUPPORT ? 0 : fd; /* np_listen decides what that means */
	err = prepare_tcp(fd, a, &alone);
	if (err == 0)
		err = bind_once(fd, a);
	sys_close(fd);
	return err;
}

int np_listen_share(int sysfd, bool share)
{
	return set_int(sysfd, SOL_SOCKET, SO_REUSEPORT, share);
}

int np_sock_dup(int sysfd)
{
	int fd = fcntl(sysfd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? err_from_errno() : fd;
}

void np_sock_close(int sysfd)
{
	sys_close(sysfd);
}

/* A host without IPv6: its wildcard can only mean IPv4's. */
static struct np_addr ipv4_wildcard(const struct np_addr *a)
{
	struct np_addr v4 = {.len = sizeof(struct sockaddr_in)};

	v4.u.in4.sin_family = AF_INET;
	v4.u.in4.sin_port = a->u.in6.sin6_port;
	return v4;
}

int np_bind(const struct np_addr *a, const struct np_listen_opts *o)
{
	struct np_addr v4;
	int fd = sock_open(a->u.sa.sa_family), err;

	if (fd == -NP_EAFNOSUPPORT && is_ipv6_wildcard(a) && !a->v6_alone) {
		v4 = ipv4_wildcard(a);
		return np_bind(&v4, o);
	}
	if (fd < 0)
		return fd;
	err = prepare_and_bind(fd, a, o);
	if (err == 0)
		return fd;
	sys_close(fd);
	return err;
}

int np_listen_bound(int sysfd, int backlog)
{
	return sys_listen(sysfd, backlog > 0 ? backlog : np_listen_backlog()) < 0 ? err_from_errno() : 0;
}

int np_listen(const struct np_addr *a, const struct np_listen_opts *o)
{
	int fd = np_bind(a, o), err;

	if (fd < 0)
		return fd;
	err = np_listen_bound(fd, o->backlog);
	if (err == 0)
		return fd;
	if (has_file(a))
		sys_unlink(a->u.un.sun_path);
	np_sock_close(fd);
	return err;
}
