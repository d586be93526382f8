/* Connecting. Port of netFD.connect (src/net/fd_unix.go), dialSerial and partialDeadline
 * (dial.go) and the self-connect check of tcpsock_posix.go, Go 1.19. Departures: a dial can be
 * given up when another descriptor (the client) is reset, and a Unix socket with a full backlog
 * is tried again by timer, since no event will come for it. */
#include "netpoll/sock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "netpoll/hook.h"

#define TRIES_SELF     3            /* in all, for a self-connect or EADDRNOTAVAIL */
#define MIN_PER_ADDR   (2 * NP_S)   /* Go's saneMinimum: a smaller share of the time helps nobody */
#define UNIX_PAUSE_MIN (1 * NP_MS)
#define UNIX_PAUSE_MAX (100 * NP_MS)

/* ---- deadlines ------------------------------------------------------------------------------- */

/* Each address gets an even share of what is left, but not less than is sane. */
static int64_t partial_deadline(int64_t deadline, unsigned addrs_left)
{
	int64_t now = np_nanotime(), left, share;

	if (deadline == 0 || deadline <= now)
		return deadline;
	left = deadline - now;
	share = left / addrs_left;
	if (share < MIN_PER_ADDR)
		share = left < MIN_PER_ADDR ? left : MIN_PER_ADDR;
	return now + share;
}

/* ---- self-connect ---------------------------------------------------------------------------- */

/* Only a source port that the kernel picks can be another one next time. */
static bool any_port(const struct np_dial_opts *o)
{
	return o->local == NULL || np_addr_port(&o->local->u.sa) == 0;
}

/* The ports from which the kernel picks sources. Read once: after a change of the range staunch
 * must be restarted. */
static struct {
	pthread_once_t once;
	int low, high;
} source_ports = {PTHREAD_ONCE_INIT, 0, 65535};

static void read_source_ports(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int low, high;

	if (f == NULL)
		return; /* a sandbox may hide it: then any port may be one */
	if (fscanf(f, "%d %d", &low, &high) == 2) {
		source_ports.low = low;
		source_ports.high = high;
	}
	fclose(f);
}

/* Only a port in that range can be dialled by itself, so only these cost a getsockname. */
static bool is_source_port(int port)
{
	pthread_once(&source_ports.once, read_source_ports);
	return port >= source_ports.low && port <= source_ports.high;
}

/* A connect to a local port without a listener can connect to itself, when the kernel picks that
 * very port as its source. */
static bool is_self_connect(int sysfd, const struct np_addr *to)
{
	struct np_addr local, peer = {.len = sizeof(peer.u)};

	if (np_addr_is_unix(to) || !is_source_port(np_addr_port(&to->u.sa)))
		return false;
	if (np_sock_addr(sysfd, &local) != 0)
		return true; /* an unknown address counts as our own, as in Go */
	if (np_addr_port(&local.u.sa) != np_addr_port(&to->u.sa))
		return false;
	/* Not `to`: dialling a wildcard reaches an address of this host, and only the kernel
	 * knows which. */
	return sys_getpeername(sysfd, &peer.u.sa, &peer.len) < 0 || np_addr_equal(&local, &peer);
}

/* ---- one connect ----------------------------------------------------------------------------- */

/* np_dial holds a reference to it, so the pollDesc stays although it may be closed meanwhile. */
static struct polldesc *watched(const struct np_dial_opts *o)
{
	return o->watch != NULL ? o->watch->pd : NULL;
}

static bool canceled(const struct np_dial_opts *o)
{
	return o->watch != NULL && (o->watch->closed || o->watch->pd->error);
}

/* Writable does not mean connected: SO_ERROR has the verdict, and 0 may come before there is a
 * peer (go #14548). */
static int connect_result(int sysfd)
{
	struct np_addr peer;
	socklen_t peer_len = sizeof(peer.u), len = sizeof(int);
	int so_error = 0;

	if (sys_getsockopt(sysfd, SOL_SOCKET, SO_ERROR, &so_error, &len) < 0)
		return err_from_errno();
	if (so_error == EISCONN)
		return 0;
	if (so_error != 0)
		return -so_error;
	if (sys_getpeername(sysfd, &peer.u.sa, &peer_len) == 0)
		return 0;
	so_error = err_from_errno();
	return so_error == -NP_ENOTCONN ? -EINPROGRESS : so_error;
}

static bool still_connecting(int err)
{
	return err == -EINPROGRESS || err == -EALREADY || err == -NP_EINTR;
}

static int wait_connected(struct np_fd *fd, const struct np_dial_opts *o)
{
	int err;

	do {
		err = poll_wait_watching(&np_self()->np, fd->pd, NP_WRITE, watched(o));
		if (err == 0)
			err = connect_result(fd->sysfd);
	} while (still_connecting(err));
	return err;
}

/* Its own deadline is the moment from which it is slow, and then pushed back. */
static int wait_perhaps_slowly(struct np_fd *fd, int64_t deadline, const struct np_dial_opts *o)
{
	int64_t slow = o->slow != NULL ? o->slow_at : 0;
	int err;

	for (;;) {
		bool early = slow != 0 && (deadline == 0 || slow < deadline);

		np_fd_set_write_deadline(fd, early ? slow : deadline);
		err = wait_connected(fd, o);
		if (err != -NP_EDEADLINE || !early)
			return err;
		slow = o->slow(o->arg);
	}
}

static int connect_once(int sysfd, const struct np_addr *to)
{
	return sys_connect(sysfd, &to->u.sa, to->len) < 0 ? err_from_errno() : 0;
}

/* On this machine the handshake is over before connect returns, although it says EINPROGRESS: its
 * answer lay in the socket's backlog. One look saves the poller's registration, a turn of the loop
 * and the verdict. */
static int connect_tcp(int sysfd, const struct np_addr *to)
{
	struct np_addr peer;
	socklen_t len = sizeof(peer.u);
	int err = connect_once(sysfd, to);

	if (err == -EINPROGRESS && sys_getpeername(sysfd, &peer.u.sa, &len) == 0)
		return 0;
	return err;
}

/* A Unix socket answers at once. EAGAIN: the server's backlog is full. */
static int connect_unix(struct np_fd *fd, const struct np_addr *to, int64_t deadline,
			const struct np_dial_opts *o)
{
	int64_t pause = UNIX_PAUSE_MIN;
	int err = connect_once(fd->sysfd, to);

	/* No G waits for the watched one, but its events must come from the poller. */
	if (err == -NP_EAGAIN && o->watch != NULL && np_fd_register(o->watch) != 0)
		return err;
	while (err == -NP_EAGAIN) {
		int64_t left = deadline != 0 ? deadline - np_nanotime() : pause;

		np_sleep(left < pause ? left : pause);
		pause = pause * 2 < UNIX_PAUSE_MAX ? pause * 2 : UNIX_PAUSE_MAX;
		if (canceled(o))
			return -NP_ECANCELED;
		if (deadline != 0 && np_nanotime() >= deadline)
			return -NP_EDEADLINE;
		if (fd_try_check(fd, NP_WRITE) != 0) /* who dials has given it up, by the descriptor's own deadline */
			return fd_try_check(fd, NP_WRITE);
		err = connect_once(fd->sysfd, to);
	}
	return err;
}

static int connect_fd(struct np_fd *fd, const struct np_addr *to, int64_t deadline,
		      const struct np_dial_opts *o)
{
	int err;

	/* Before the system call: a deadline that is over never becomes a success. */
	if (deadline != 0 && deadline <= np_nanotime())
		return -NP_EDEADLINE;
	err = np_addr_is_unix(to) ? connect_unix(fd, to, deadline, o) : connect_tcp(fd->sysfd, to);
	if (still_connecting(err)) {
		err = wait_perhaps_slowly(fd, deadline, o);
	}
	if (err != 0 && err != -EISCONN)
		return err;
	/* Both may have come in one poll: a dial that was canceled never becomes a success
	 * either. */
	if (canceled(o))
		return -NP_ECANCELED;
	np_fd_set_write_deadline(fd, 0); /* the connection must not die of the dial's deadline */
	return 0;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int bind_source(int sysfd, const struct np_addr *local)
{
	int on = 1;

	/* Or the kernel reserves a port per source instead of one per source and destination. */
	sys_setsockopt(sysfd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return sys_bind(sysfd, &local->u.sa, local->len) < 0 ? err_from_errno() : 0;
}

static int prepare_socket(int sysfd, const struct np_addr *to, const struct np_dial_opts *o)
{
	int err = o->local != NULL ? bind_source(sysfd, o->local) : 0;

	if (np_addr_is_unix(to))
		return err;
	if (err == 0 && o->nodelay)
		err = sock_set_nodelay(sysfd);
	if (err == 0 && o->keepalive)
		err = sock_set_keepalive(sysfd);
	if (err == 0 && o->unseen)
		err = sock_delay_ack(sysfd);
	return err;
}

/* The kernel gives out the lowest number that is free. So one near the limit says that hardly any below it is, without
 * a count of those in use. */
static bool spends_too_many(int sysfd, unsigned spare)
{
	struct rlimit r;

	return spare > 0 && getrlimit(RLIMIT_NOFILE, &r) == 0 && (rlim_t)sysfd + 1 + spare > r.rlim_cur;
}

static int dial_once(struct np_fd *fd, const struct np_addr *to, int64_t deadline,
		     const struct np_dial_opts *o)
{
	int sysfd = sock_open(to->u.sa.sa_family), err;

	if (sysfd < 0)
		return sysfd;
	err = spends_too_many(sysfd, o->spare) ? -NP_EMFILE : prepare_socket(sysfd, to, o);
	if (err == 0)
		err = np_fd_init(fd, sysfd);
	if (err != 0) {
		sys_close(sysfd);
		return err;
	}
	if (np_addr_is_unix(to))
		np_fd_mark_unix(fd);
	err = connect_fd(fd, to, deadline, o);
	if (err == 0 && any_port(o) && is_self_connect(sysfd, to)) {
		np_fd_close_reset(fd); /* or its port is taken for a minute, and the next try may find none */
		return -NP_ESELF;
	}
	if (err != 0)
		np_fd_close(fd);
	return err;
}

static int dial_addr(struct np_fd *fd, const struct np_addr *to, int64_t deadline,
		     const struct np_dial_opts *o)
{
	int err = 0;

	for (int i = 0; i < TRIES_SELF; i++) {
		err = dial_once(fd, to, deadline, o);
		if (err != -NP_ESELF && (err != -NP_EADDRNOTAVAIL || !any_port(o)))
			break;
	}
	return err;
}

static int dial_serial(struct np_fd *fd, const struct np_addr *a, unsigned n, const struct np_dial_opts *o)
{
	int first = -NP_EINVAL;

	for (unsigned i = 0; i < n; i++) {
		int err = dial_addr(fd, &a[i], partial_deadline(o->deadline, n - i), o);

		if (err == 0)
			return 0;
		if (i == 0)
			first = err;
		if (err == -NP_ECANCELED)
			return err;
	}
	return first;
}

int np_dial(struct np_fd *fd, const struct np_addr *a, unsigned n, const struct np_dial_opts *o)
{
	int err;

	if (o->watch == NULL)
		return dial_serial(fd, a, n, o);
	if (fd_incref(o->watch) != 0)
		return -NP_ECANCELED;
	err = dial_serial(fd, a, n, o);
	fd_decref(o->watch);
	return err;
}
