/* gen_sock: opens the generator's sockets, all with TCP_NODELAY as the proxies' have: Nagle would
 * add waits. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/gen/gen.h"

#define SOURCE_NET UINT32_C(0x7f010000) /* 127.1.0.0/16 */
#define SOURCE_PER 254                  /* addresses of each /24: .1 to .254 */

static void switch_on(int fd, int level, int name)
{
	const int on = 1;

	if (setsockopt(fd, level, name, &on, sizeof(on)) != 0)
		gen_die("setsockopt");
}

int sock_listen(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		gen_die("socket");
	switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
	switch_on(fd, IPPROTO_TCP, TCP_NODELAY); /* accepted sockets inherit it */
	if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) != 0)
		gen_die("bind");
	if (listen(fd, 65535) != 0)
		gen_die("listen");
	return fd;
}

/* Without IP_BIND_ADDRESS_NO_PORT the kernel chooses the port at bind, out of one range for all
 * destinations. */
static void bind_source(int fd, uint64_t i)
{
	uint32_t host = (uint32_t)(i / SOURCE_PER << 8) + (uint32_t)(i % SOURCE_PER) + 1;
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_addr.s_addr = htonl(SOURCE_NET + host);
	switch_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		gen_die("bind to a source address");
}

static int connect_with(const struct gen_opts *o, uint64_t i, int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		return -1;
	switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (o->sources > 1)
		bind_source(fd, i % o->sources);
	/* A non-blocking connect returns the descriptor after a refusal too: the first read or
	 * write gets the error. */
	if (connect(fd, (const struct sockaddr *)&o->at, sizeof(o->at)) == 0 ||
	    flags & SOCK_NONBLOCK)
		return fd;
	close(fd);
	return -1;
}

int sock_connect(const struct gen_opts *o, uint64_t i)
{
	return connect_with(o, i, 0);
}

int sock_connect_start(const struct gen_opts *o, uint64_t i)
{
	return connect_with(o, i, SOCK_NONBLOCK);
}

void sock_add(int epfd, int fd, uint32_t events, void *ptr)
{
	struct epoll_event e = {.events = events, .data.ptr = ptr};

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e) != 0)
		gen_die("epoll_ctl");
}

int *sock_open_all(const struct gen_opts *o)
{
	int *fds = calloc(o->conns, sizeof(*fds));

	if (fds == NULL)
		gen_die("calloc");
	for (uint64_t i = 0; i < o->conns; i++) {
		fds[i] = sock_connect(o, i);
		if (fds[i] < 0 || fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0)
			gen_die("connect");
	}
	return fds;
}
