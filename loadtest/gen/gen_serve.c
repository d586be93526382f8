/* gen echo, http, source, sink: the servers behind the proxies, a function each for a connection
 * that can be read or written. Sockets are edge-triggered and registered once. A short read means
 * an empty socket unless the peer has hung up, so an exchange costs one read and one write. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/gen/gen.h"

#define CHUNK (256 * 1024)

struct peer {
	int    fd;
	char  *rest; /* bytes not yet written; owned */
	size_t off, len;
	size_t matched; /* bytes of blank_line that the input ends with so far */
};

struct server {
	int    epfd, listener;
	bool (*ready)(struct peer *p); /* false: close the connection */
	char  *page[2]; /* the answer that leaves the connection open; the one that closes it */
	size_t page_len[2];
};

static struct server server; /* const after serve_open */
static char chunk[CHUNK];

/* Writes all, or keeps the rest; the server reads nothing more from this peer until the rest is
 * written.
 *   Returns  false on an error. */
static bool peer_send(struct peer *p, const char *data, size_t n)
{
	ssize_t sent = send(p->fd, data, n, MSG_NOSIGNAL);

	if (sent == (ssize_t)n)
		return true;
	if (sent < 0 && errno != EAGAIN)
		return false;
	p->off = 0;
	p->len = n - (size_t)(sent > 0 ? sent : 0);
	p->rest = malloc(p->len);
	if (p->rest == NULL)
		gen_die("malloc");
	memcpy(p->rest, data + n - p->len, p->len);
	return true;
}

static bool peer_flush(struct peer *p)
{
	ssize_t sent = send(p->fd, p->rest + p->off, p->len, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN;
	p->off += (size_t)sent;
	p->len -= (size_t)sent;
	if (p->len == 0) {
		free(p->rest);
		p->rest = NULL;
	}
	return true;
}

static bool echo_ready(struct peer *p)
{
	while (p->rest == NULL) {
		ssize_t n = recv(p->fd, chunk, 65536, 0);

		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		if (!peer_send(p, chunk, (size_t)n))
			return false;
		if (n < 65536)
			return true;
	}
	return true;
}

/* A request ends at a blank line, which the relay may have cut anywhere.
 *   Returns  how many requests end in `data`. */
static size_t requests_in(struct peer *p, const char *data, size_t n)
{
	static const char blank_line[] = "\r\n\r\n";
	size_t ended = 0;

	for (size_t i = 0; i < n; i++) {
		if (data[i] != blank_line[p->matched])
			p->matched = data[i] == '\r';
		else if (++p->matched == sizeof(blank_line) - 1) {
			p->matched = 0;
			ended++;
		}
	}
	return ended;
}

static bool http_ready(struct peer *p)
{
	bool last;

	while (p->rest == NULL) {
		ssize_t n = recv(p->fd, chunk, 65536, 0);

		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		last = memmem(chunk, (size_t)n, "onnection: close", 16) != NULL;
		for (size_t todo = requests_in(p, chunk, (size_t)n); todo > 0; todo--) {
			/* No workload pipelines more requests than the socket holds answers to. */
			if (p->rest != NULL ||
			    !peer_send(p, server.page[last], server.page_len[last]))
				return false;
		}
		if (last)
			return p->rest != NULL;
		if (n < 65536)
			return true;
	}
	return true;
}

static bool source_ready(struct peer *p)
{
	while (send(p->fd, chunk, CHUNK, MSG_NOSIGNAL) > 0)
		;
	return errno == EAGAIN;
}

static bool sink_ready(struct peer *p)
{
	ssize_t n;

	while ((n = recv(p->fd, NULL, 4 * CHUNK, MSG_TRUNC)) > 0)
		;
	return n < 0 && errno == EAGAIN;
}

static void accept_all(void)
{
	for (;;) {
		struct peer *p;
		int fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			gen_die("calloc");
		p->fd = fd;
		sock_add(server.epfd, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, p);
	}
}

/* A hang-up that comes with data gives no second edge, so read on to the end of the stream at once.
 *   Returns  false when the connection is to be closed. */
static bool peer_event(struct peer *p, uint32_t events)
{
	if (p->rest != NULL && !peer_flush(p))
		return false;
	if (p->rest != NULL)
		return true;
	if (!server.ready(p))
		return false;
	return !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) || p->rest != NULL || server.ready(p);
}

static void serve_open(const struct sockaddr_in *at, bool (*ready)(struct peer *p))
{
	server.ready = ready;
	server.listener = sock_listen(at);
	server.epfd = epoll_create1(EPOLL_CLOEXEC);
	if (server.epfd < 0)
		gen_die("epoll_create1");
	sock_add(server.epfd, server.listener, EPOLLIN, NULL);
}

static void serve_turn(int ms)
{
	struct epoll_event events[GEN_BATCH];
	int n = epoll_wait(server.epfd, events, GEN_BATCH, ms);

	for (int i = 0; i < n; i++) {
		struct peer *p = events[i].data.ptr;

		if (p == NULL) {
			accept_all();
			continue;
		}
		if (peer_event(p, events[i].events))
			continue;
		close(p->fd);
		free(p->rest);
		free(p);
	}
}

no_return static void serve_forever(const struct gen_opts *o, bool (*ready)(struct peer *p))
{
	serve_open(&o->at, ready);
	gen_begin();
	for (;;)
		serve_turn(-1);
}

int gen_echo(const struct gen_opts *o)
{
	serve_forever(o, echo_ready);
}

int echo_beside(const struct gen_opts *o)
{
	struct sockaddr_in at = o->at;

	at.sin_port = htons((uint16_t)o->echo);
	serve_open(&at, echo_ready);
	return server.epfd;
}

void echo_beside_turn(void)
{
	serve_turn(0);
}

static void page_make(bool last, size_t size)
{
	int head = snprintf(chunk, sizeof(chunk),
			    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", size,
			    last ? "Connection: close\r\n" : "");
	char *page = malloc((size_t)head + size);

	if (page == NULL)
		gen_die("malloc");
	memcpy(page, chunk, (size_t)head);
	memset(page + head, 'x', size);
	server.page[last] = page;
	server.page_len[last] = (size_t)head + size;
}

int gen_http(const struct gen_opts *o)
{
	page_make(false, o->size);
	page_make(true, o->size);
	serve_forever(o, http_ready);
}

int gen_source(const struct gen_opts *o)
{
	serve_forever(o, source_ready);
}

int gen_sink(const struct gen_opts *o)
{
	serve_forever(o, sink_ready);
}
