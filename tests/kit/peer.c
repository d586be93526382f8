/* peer: a server in threads: one accepts, one serves each connection. A lock protects all that both
 * sides see. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kit/own.h"

struct served {
	struct kit_peer       *peer;
	pthread_t              thread;
	struct kit_peer_report report; /* the serving thread's until ended; then const */
	int                    fd;     /* open until ended; -1 after, under the lock */
};

struct kit_peer {
	struct kit_peer     *next;
	struct kit_peer_opts opts; /* const after start */
	pthread_t            acceptor;
	int                  listener, port;
	bool                 stopped; /* the test's thread alone */
	pthread_mutex_t      lock;    /* protects what follows */
	struct served      **conns;   /* n_accepted of them */
	struct served       *last;    /* that ended; each thread joins the one that ended before it */
	int                  n_accepted, n_ended;
	pthread_cond_t       ended;
};

static struct kit_peer *peers; /* the test's thread alone */

/* Threads that have ended and that nobody joins keep their stacks: at 32,000 of them the next one is not made, and its
 * connection would be reset. */
static void *serve_one(void *arg)
{
	struct served *s = arg, *before;
	struct kit_peer *p = s->peer;

	peer_serve(s->fd, &p->opts, &s->report);
	pthread_mutex_lock(&p->lock);
	close(s->fd);
	s->fd = -1;
	p->n_ended++;
	before = p->last;
	p->last = s;
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
	if (before != NULL)
		pthread_join(before->thread, NULL);
	return NULL;
}

/* False when there is no memory or no thread for it: the connection is closed and not counted. */
static bool take_on(struct kit_peer *p, int fd)
{
	struct served *s = calloc(1, sizeof(*s));
	struct served **more = NULL;

	pthread_mutex_lock(&p->lock);
	if (s != NULL)
		more = realloc(p->conns, ((size_t)p->n_accepted + 1) * sizeof(*more));
	if (more != NULL) {
		p->conns = more;
		s->peer = p;
		s->fd = fd;
		if (pthread_create(&s->thread, NULL, serve_one, s) == 0)
			p->conns[p->n_accepted++] = s;
		else
			more = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	if (more == NULL)
		free(s);
	return more != NULL;
}

static void *accept_all(void *arg)
{
	struct kit_peer *p = arg;
	int fd;

	for (;;) {
		fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && !take_on(p, fd))
			close(fd);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return NULL; /* kit_peer_stop has shut the listener down */
	}
}

struct kit_peer *kit_peer_start(const struct kit_peer_opts *o)
{
	struct kit_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		kit_fail("no memory");
	p->opts = *o;
	p->port = o->port;
	p->listener = kit_listen(o->ip != NULL ? o->ip : kit_ip(0), &p->port, SOMAXCONN);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ended, NULL);
	if (pthread_create(&p->acceptor, NULL, accept_all, p) != 0)
		kit_fail("no thread");
	p->next = peers;
	peers = p;
	return p;
}

int kit_peer_port(const struct kit_peer *p)
{
	return p->port;
}

static int read_locked(struct kit_peer *p, const int *what)
{
	int n;

	pthread_mutex_lock(&p->lock);
	n = *what;
	pthread_mutex_unlock(&p->lock);
	return n;
}

int kit_peer_accepted(struct kit_peer *p)
{
	return read_locked(p, &p->n_accepted);
}

int kit_peer_ended(struct kit_peer *p)
{
	return read_locked(p, &p->n_ended);
}

struct counted {
	struct kit_peer *peer;
	int (*count)(struct kit_peer *p);
	int n;
};

static bool has_counted(void *arg)
{
	const struct counted *c = arg;

	return c->count(c->peer) >= c->n;
}

void kit_peer_wait_accepted(struct kit_peer *p, int n)
{
	struct counted c = {p, kit_peer_accepted, n};

	if (!kit_wait(has_counted, &c, KIT_MS))
		kit_fail("the peer accepted %d connections, not %d", kit_peer_accepted(p), n);
}

void kit_peer_wait_ended(struct kit_peer *p, int n)
{
	struct counted c = {p, kit_peer_ended, n};

	if (!kit_wait(has_counted, &c, KIT_MS))
		kit_fail("%d of the peer's connections ended, not %d", kit_peer_ended(p), n);
}

struct kit_peer_report kit_peer_report(struct kit_peer *p, int i)
{
	struct kit_peer_report r = {0};
	bool ended = false;

	pthread_mutex_lock(&p->lock);
	if (i < p->n_accepted && p->conns[i]->fd < 0) {
		r = p->conns[i]->report;
		ended = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (!ended)
		kit_fail("connection %d of the peer has not ended", i);
	return r;
}

void kit_peer_stop(struct kit_peer *p)
{
	if (p->stopped)
		return;
	p->stopped = true;
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->listener);
	/* No more connections can come: n_accepted stands still. */
	pthread_mutex_lock(&p->lock);
	for (int i = 0; i < p->n_accepted; i++)
		if (p->conns[i]->fd >= 0)
			shutdown(p->conns[i]->fd, SHUT_RDWR);
	while (p->n_ended < p->n_accepted)
		pthread_cond_wait(&p->ended, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (p->last != NULL)
		pthread_join(p->last->thread, NULL); /* and with it all before it */
}

void peer_end_all(void)
{
	struct kit_peer *p;

	while ((p = peers) != NULL) {
		peers = p->next;
		kit_peer_stop(p);
		for (int i = 0; i < p->n_accepted; i++)
			free(p->conns[i]);
		free(p->conns);
		pthread_cond_destroy(&p->ended);
		pthread_mutex_destroy(&p->lock);
		free(p);
	}
}
