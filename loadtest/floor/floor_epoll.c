/* floor_epoll LISTEN_PORT SERVER_PORT: edge-triggered, each socket registered once, with the diet of system calls:
 * accept in batches of four, options inherited from the listener, the server's socket registered after the first
 * write only, no read that would find nothing. Keep-alive then costs one recv and one send a message, and a share of
 * an epoll_wait. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

#define BATCH       128
#define ACCEPTS     4
#define HUNG        (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct pair;
struct end { /* what an event names: a socket of a pair */
	struct pair *pair;
	bool         hung;
};

struct pair {
	struct end  client, server;
	struct half up, down;
	bool        registered; /* the server's socket is */
	struct pair *link;      /* closed in this turn: an event of it may still be in hand */
	bool        closed;
};

struct relay {
	struct floor_ports ports;
	int          epfd, listener;
	struct pair *closed;
};

static char scratch[FLOOR_CHUNK];

static void watch(const struct relay *r, int fd, uint32_t events, struct end *end)
{
	struct epoll_event e = {.events = events, .data.ptr = end};

	if (epoll_ctl(r->epfd, EPOLL_CTL_ADD, fd, &e) != 0)
		floor_die("epoll_ctl");
}

static void pair_close(struct relay *r, struct pair *p)
{
	close(p->up.from);
	close(p->up.to);
	p->closed = true;
	p->link = r->closed;
	r->closed = p;
}

static bool pump(struct half *h, const struct end *from)
{
	enum half_state s;

	while ((s = half_pump(h, scratch, from->hung)) == HALF_MORE && !h->ended)
		;
	return s != HALF_FAILED;
}

static void pair_run(struct relay *r, struct pair *p, bool client_in, bool server_in)
{
	bool well = (!client_in || pump(&p->up, &p->client)) && (!server_in || pump(&p->down, &p->server));

	if (!p->registered) {
		p->registered = true;
		watch(r, p->up.to, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &p->server);
	}
	if (!well || (p->up.ended && p->down.ended))
		pair_close(r, p);
}

/* The handshake with a server on this machine is over when connect returns, so what the client has sent is passed on
 * at once; elsewhere the write finds the socket not ready, and the first writable edge sends the rest. */
static void pair_start(struct relay *r, int client)
{
	struct pair *p = calloc(1, sizeof(*p));
	int server = floor_dial(&r->ports, SOCK_NONBLOCK);

	if (p == NULL)
		floor_die("calloc");
	p->client.pair = p->server.pair = p;
	p->up = (struct half){.from = client, .to = server};
	p->down = (struct half){.from = server, .to = client};
	watch(r, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &p->client);
}

static void accept_some(struct relay *r)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK);

		if (fd < 0)
			return;
		pair_start(r, fd);
	}
}

static void dispatch(struct relay *r, const struct epoll_event *e)
{
	struct end *end = e->data.ptr;
	struct pair *p;
	bool in = e->events & (EPOLLIN | HUNG), out = e->events & EPOLLOUT;
	bool is_client;

	if (end == NULL) {
		accept_some(r);
		return;
	}
	p = end->pair;
	if (p->closed)
		return;
	end->hung |= (e->events & HUNG) != 0;
	is_client = end == &p->client;
	/* A writable edge matters to a direction with a rest only. */
	if (is_client)
		pair_run(r, p, in, out && p->down.rest != NULL);
	else
		pair_run(r, p, out && p->up.rest != NULL, in);
}

int main(int argc, char **argv)
{
	struct relay r = {.epfd = epoll_create1(0)};
	struct epoll_event events[BATCH];

	(void)argc;
	r.listener = floor_open(&r.ports, argv, SOCK_NONBLOCK);
	watch(&r, r.listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(r.epfd, events, BATCH, -1);

		for (int i = 0; i < n; i++)
			dispatch(&r, &events[i]);
		while (r.closed != NULL) {
			struct pair *p = r.closed;

			r.closed = p->link;
			free(p->up.rest);
			free(p->down.rest);
			free(p);
		}
	}
}
