/* sock: addresses of the test's own, listeners that serve or refuse or swallow, and the client's
 * side. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/kit/own.h"

/* Sockets that only have to stay open until the test ends: refusers, black holes and what fills
 * these. */
static int kept[64];
static size_t n_kept;

static int keep(int fd)
{
	if (n_kept == array_len(kept))
		kit_fail("more than %zu refusers and black holes", array_len(kept));
	kept[n_kept++] = fd;
	return fd;
}

void sock_end_all(void)
{
	while (n_kept > 0)
		close(kept[--n_kept]);
}

/* The second and third byte come from the pid: programs that run at the same time have different
 * ones. */
const char *kit_ip(int n)
{
	static char ip[250][16];
	unsigned pid = (unsigned)getpid();

	if (n < 0 || n >= (int)array_len(ip))
		kit_fail("kit_ip(%d): there are %zu", n, array_len(ip));
	snprintf(ip[n], sizeof(ip[n]), "127.%u.%u.%d", 16 + (pid >> 8) % 200, pid % 256, n + 1);
	return ip[n];
}

union any_addr {
	struct sockaddr     sa;
	struct sockaddr_in  in4;
	struct sockaddr_in6 in6;
	struct sockaddr_un  un;
};

/* Fills a from the text and returns its length. */
static socklen_t address(union any_addr *a, const char *ip, int port)
{
	size_t n = strlen(ip);

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &a->in4.sin_addr) == 1) {
		a->in4.sin_family = AF_INET;
		a->in4.sin_port = htons((uint16_t)port);
		return sizeof(a->in4);
	}
	if (inet_pton(AF_INET6, ip, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->in6.sin6_port = htons((uint16_t)port);
		return sizeof(a->in6);
	}
	if ((ip[0] != '/' && ip[0] != '@') || n >= sizeof(a->un.sun_path))
		kit_fail("not an address: %s", ip);
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, ip, n);
	if (ip[0] == '@')
		a->un.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (ip[0] == '/'));
}

/* A bound socket; *port becomes the real one.   Returns  -1: it cannot be bound. */
static int bound_once(const char *ip, int *port)
{
	union any_addr a;
	socklen_t len = address(&a, ip, *port);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		kit_fail("no socket: errno %d", errno);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &a.sa, len) < 0 || getsockname(fd, &a.sa, &len) < 0) {
		close(fd);
		return -1;
	}
	if (a.sa.sa_family != AF_UNIX)
		*port = ntohs(a.sa.sa_family == AF_INET ? a.in4.sin_port : a.in6.sin6_port);
	return fd;
}

static bool given[65536]; /* by kit_port: free, and yet somebody's */

/* The same, or the test fails; any port is none that was given. */
static int bound(const char *ip, int *port)
{
	bool any = *port == 0;
	int fd = bound_once(ip, port);

	while (any && fd >= 0 && given[*port]) {
		close(fd);
		*port = 0;
		fd = bound_once(ip, port);
	}
	if (fd < 0)
		kit_fail("cannot bind %s:%d", ip, *port);
	return fd;
}

/* Of every address: below the ports that the kernel gives clients, of whom one would be in the way. */
static int low_port(const char *ip)
{
	for (int tries = 0; tries < 1000; tries++) {
		int port = 10000 + (int)arc4random_uniform(22000), fd = given[port] ? -1 : bound_once(ip, &port);

		if (fd >= 0) {
			close(fd);
			return port;
		}
	}
	kit_fail("no port is free at %s", ip);
}

/* Never the same twice, on no address: a port is free again as soon as its number is known, and a
 * test that asks for two means two. */
int kit_port(const char *ip)
{
	int port = 0;

	if (strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0)
		port = low_port(ip);
	else
		close(bound(ip, &port));
	given[port] = true;
	return port;
}

int kit_listen(const char *ip, int *port, int backlog)
{
	int fd = bound(ip, port);

	if (listen(fd, backlog) < 0)
		kit_fail("cannot listen on %s:%d: errno %d", ip, *port, errno);
	return fd;
}

int kit_accept(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	int fd = poll(&p, 1, KIT_MS) == 1 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

	if (fd < 0)
		kit_fail("nobody connected");
	return fd;
}

int kit_refuser(const char *ip)
{
	int port = 0;

	keep(bound(ip, &port));
	return port;
}

/* Starts a connect and gives it ms to finish: the socket, or a negative errno. */
static int connect_within(const char *ip, int port, int ms)
{
	union any_addr a;
	socklen_t alen = address(&a, ip, port);
	int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, &a.sa, alen) == 0)
		return fd;
	if (errno != EINPROGRESS)
		err = errno;
	else if (poll(&p, 1, ms) == 0)
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err == 0)
		return fd;
	close(fd);
	return -err;
}

/* On loopback a connect that finds room is answered within the call, so one that is not found
 * none. */
int kit_black_hole(const char *ip)
{
	return kit_black_hole_at(ip, 0);
}

int kit_black_hole_at(const char *ip, int port)
{
	int fd;

	keep(kit_listen(ip, &port, 0));
	while ((fd = connect_within(ip, port, 100)) >= 0)
		keep(fd);
	if (fd != -ETIMEDOUT)
		kit_fail("the backlog does not fill: errno %d", -fd);
	return port;
}

int kit_try_connect(const char *ip, int port)
{
	return connect_within(ip, port, KIT_MS);
}

int kit_connect(const char *ip, int port)
{
	int fd = kit_try_connect(ip, port);

	if (fd < 0)
		kit_fail("cannot connect to %s:%d: %s", ip, port, strerror(-fd));
	return fd;
}
