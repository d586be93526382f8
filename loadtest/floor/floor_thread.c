/* floor_thread LISTEN_PORT SERVER_PORT: relays with blocking calls in two threads per connection,
 * one for each direction: the simplest program. It costs a thread switch per message and two stacks
 * per connection. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

#define STACK (64 * 1024) /* bytes of address space; a thread touches two pages of it */
#define CHUNK (64 * 1024)

struct pair {
	int        client, server;
	atomic_int running; /* threads; the last one closes the sockets */
};

static void copy_stream(int from, int to)
{
	char *chunk = malloc(CHUNK);
	ssize_t n;

	if (chunk == NULL)
		floor_die("malloc");
	while ((n = recv(from, chunk, CHUNK, 0)) > 0) {
		if (send(to, chunk, (size_t)n, MSG_NOSIGNAL) != n)
			break;
	}
	free(chunk);
	/* After a failure the other thread must wake up, too. */
	shutdown(to, SHUT_WR);
	if (n != 0)
		shutdown(from, SHUT_RDWR);
}

static void pair_leave(struct pair *p)
{
	if (atomic_fetch_sub(&p->running, 1) > 1)
		return;
	close(p->client);
	close(p->server);
	free(p);
}

static void *up(void *arg)
{
	struct pair *p = arg;

	copy_stream(p->client, p->server);
	pair_leave(p);
	return NULL;
}

static void *down(void *arg)
{
	struct pair *p = arg;

	copy_stream(p->server, p->client);
	pair_leave(p);
	return NULL;
}

int main(int argc, char **argv)
{
	struct floor_ports ports;
	int listener = floor_open(&ports, argv, 0);
	pthread_attr_t attr;

	(void)argc;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		struct pair *p = calloc(1, sizeof(*p));
		pthread_t t;

		if (p == NULL)
			floor_die("calloc");
		p->client = accept(listener, NULL, NULL);
		if (p->client < 0)
			floor_die("accept");
		p->server = floor_dial(&ports, 0);
		atomic_init(&p->running, 2);
		if (pthread_create(&t, &attr, up, p) != 0 ||
		    pthread_create(&t, &attr, down, p) != 0)
			floor_die("pthread_create");
	}
}
