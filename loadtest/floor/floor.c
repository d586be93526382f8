/* floor: opens the sockets of a floor, and moves the bytes of one direction with recv and send. */
#include "loadtest/floor/floor.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

void floor_die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in port_address(const char *text, uint32_t host)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(text, NULL, 10)),
		.sin_addr.s_addr = htonl(host),
	};
}

static void nodelay(int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
		floor_die("TCP_NODELAY");
}

int floor_open(struct floor_ports *p, char **argv, int flags)
{
	const int on = 1;
	struct rlimit limit;
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (argv[0] == NULL || argv[1] == NULL || argv[2] == NULL || argv[3] != NULL) {
		fprintf(stderr, "usage: %s LISTEN_PORT SERVER_PORT\n", argv[0]);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		floor_die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || fd < 0)
		floor_die("socket");
	p->front = port_address(argv[1], INADDR_ANY);
	p->back = port_address(argv[2], INADDR_LOOPBACK);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		floor_die("SO_REUSEADDR");
	nodelay(fd); /* accepted sockets inherit it */
	if (bind(fd, (const struct sockaddr *)&p->front, sizeof(p->front)) != 0 ||
	    listen(fd, 65535) != 0)
		floor_die("listen");
	return fd;
}

int floor_dial(const struct floor_ports *p, int flags)
{
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (fd < 0)
		floor_die("socket");
	nodelay(fd);
	if (connect(fd, (const struct sockaddr *)&p->back, sizeof(p->back)) != 0 &&
	    errno != EINPROGRESS)
		floor_die("connect");
	return fd;
}

static enum half_state half_keep(struct half *h, const char *data, size_t n)
{
	h->rest = malloc(n);
	if (h->rest == NULL)
		floor_die("malloc");
	memcpy(h->rest, data, n);
	h->off = 0;
	h->len = n;
	return HALF_WAIT;
}

static enum half_state half_flush(struct half *h)
{
	ssize_t sent = send(h->to, h->rest + h->off, h->len, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? HALF_WAIT : HALF_FAILED;
	h->off += (size_t)sent;
	h->len -= (size_t)sent;
	if (h->len > 0)
		return HALF_WAIT;
	free(h->rest);
	h->rest = NULL;
	return HALF_MORE;
}

enum half_state half_pump(struct half *h, char *scratch, bool hung)
{
	ssize_t n, sent;

	if (h->rest != NULL)
		return half_flush(h);
	if (h->ended)
		return HALF_WAIT;
	n = recv(h->from, scratch, FLOOR_CHUNK, 0);
	if (n < 0)
		return errno == EAGAIN ? HALF_WAIT : HALF_FAILED;
	if (n == 0) {
		h->ended = true;
		return shutdown(h->to, SHUT_WR) == 0 ? HALF_WAIT : HALF_FAILED;
	}
	sent = send(h->to, scratch, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return HALF_FAILED;
	if (sent < 0)
		sent = 0;
	if (sent < n)
		return half_keep(h, scratch + sent, (size_t)(n - sent));
	return n == FLOOR_CHUNK || hung ? HALF_MORE : HALF_WAIT;
}
