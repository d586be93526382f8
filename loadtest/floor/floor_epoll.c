/* floor_epoll LISTEN_PORT SERVER_PORT: relays on edge-triggered epoll with as few system calls as
 * possible. It registers each socket once, and the server's only after the first write; accepts in
 * batches of four; inherits the socket options from the listener; makes no read that would find
 * nothing. A keep-alive message costs one recv, one send and a share of an epoll_wait. */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

#define BATCH       128
#define ACCEPTS     4
#define HUNG        (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct pair;
struct end { /* one socket of a pair; events point to it */
	struct pair *pair;
	bool         hung;
};

struct pair {
	struct end  client, server;
	struct half up, down;
	bool        registered; /* the server's socket is in epoll */
	struct pair *link;      /* list of pairs closed in this turn, which its events may name */
	bool        closed;
};

struct relay {
	struct floor_ports ports;
	int          epfd, listener;
	struct pair *closed;
};

static char scratch[FLOOR_CHUNK];

static void epoll_watch(const struct relay *r, int fd, uint32_t events, struct end *end)
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

static bool pump_all(struct half *h, const struct end *from)
{
	enum half_state s;

	while ((s = half_pump(h, scratch, from->hung)) == HALF_MORE && !h->ended)
		;
	return s != HALF_FAILED;
}

static void pair_run(struct relay *r, struct pair *p, bool client_in, bool server_in)
{
	bool well = (!client_in || pump_all(&p->up, &p->client)) &&
		    (!server_in || pump_all(&p->down, &p->server));

	if (!p->registered) {
		p->registered = true;
		epoll_watch(r, p->up.to, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &p->server);
	}
	if (!well || (p->up.ended && p->down.ended))
		pair_close(r, p);
}

/* A server on this machine is connected when connect returns, so the first write succeeds at once.
 * With a remote server that write finds the socket not ready, and the first writable edge sends the
 * rest. */
static void pair_start(struct relay *r, int client)
{
	struct pair *p = calloc(1, sizeof(*p));
	int server = floor_dial(&r->ports, SOCK_NONBLOCK);

	if (p == NULL)
		floor_die("calloc");
	p->client.pair = p->server.pair = p;
	p->up = (struct half){.from = client, .to = server};
	p->down = (struct half){.from = server, .to = client};
	epoll_watch(r, client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &p->client);
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

static void event_dispatch(struct relay *r, const struct epoll_event *e)
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
	/* A writable edge matters only to a direction with a rest. */
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
	epoll_watch(&r, r.listener, EPOLLIN, NULL);
	for (;;) {
		int n = epoll_wait(r.epfd, events, BATCH, -1);

		for (int i = 0; i < n; i++)
			event_dispatch(&r, &events[i]);
		while (r.closed != NULL) {
			struct pair *p = r.closed;

			r.closed = p->link;
			free(p->up.rest);
			free(p->down.rest);
			free(p);
		}
	}
}
