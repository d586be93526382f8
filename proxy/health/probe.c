/* probe: a coroutine for each one under way, which holds the inventory, and with it the server. A good probe lets no
 * connection through by itself: it makes the trial due (passive.h), and a client's connection decides. */
#include "proxy/health/probe.h"

#include <stdlib.h>

#include "proxy/log/log.h"
#include "proxy/upstream/server.h"

#define PROBE_CONNECT NP_S            /* the next one is due then */
#define PROBE_HELD    (200 * NP_MS)   /* a server that ends within it has no service behind its port */
#define EAGER_TIME    (60 * NP_S)     /* each second for so long */
#define LAZY_EVERY    5               /* then every so many turns */

/* On the heap; its coroutine frees it. */
struct probe {
	struct list link;
	struct probes *all;
	struct inventory *inv; /* held, and with it the server */
	struct server *server;
	int64_t patience;      /* for the connect, ns */
	struct np_fd fd;
};

/* Is it connected, and still so after a moment? No byte is sent: no TLS is begun, and no PROXY header written. A server
 * that speaks first is well. */
static bool probe_server(struct probe *p)
{
	struct np_dial_opts o = {.deadline = np_deadline_after(p->patience)};
	char byte;
	ssize_t n;

	if (np_dial(&p->fd, &p->server->addr, 1, &o) != 0)
		return false;
	np_fd_set_read_deadline(&p->fd, np_deadline_after(PROBE_HELD));
	n = np_fd_read(&p->fd, &byte, 1);
	np_fd_close(&p->fd);
	return n > 0 || n == -NP_EDEADLINE;
}

static void probe_main(void *arg)
{
	struct probe *p = arg;
	bool good = !p->all->stopping && probe_server(p);

	if (good && !p->all->stopping)
		passive_probed(p->server, np_nanotime());
	list_remove(&p->link);
	p->all->n--;
	inventory_drop(p->inv);
	free(p);
}

/* What is lacking here says nothing of the server: the next turn tries again. */
static void begin_probe(struct probes *all, struct inventory *inv, struct server *s, int64_t connect_timeout)
{
	struct probe *p = all->n < all->most ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL) {
		all->left_out++;
		return;
	}
	p->all = all;
	p->inv = inv;
	p->server = s;
	p->patience = connect_timeout < PROBE_CONNECT ? connect_timeout : PROBE_CONNECT;
	inv->holds++;
	list_push_back(&all->running, &p->link);
	all->n++;
	if (np_go("probe", probe_main, p) == 0)
		return;
	all->left_out++;
	all->n--;
	list_remove(&p->link);
	inventory_drop(inv);
	free(p);
}

static bool is_running(const struct probes *all, const struct server *s)
{
	list_for_each(it, &all->running)
		if (list_entry(it, struct probe, link)->server == s)
			return true;
	return false;
}

/* Not one whose trial is due anyway, or waits for the clock alone: it would take the place of another. */
static bool is_due(const struct probes *all, struct server *s, int64_t now)
{
	enum server_passive state = server_inputs(server_now(s)).passive;
	struct passive p;

	if ((state != SERVER_OUT && state != SERVER_SPARE) || is_running(all, s))
		return false;
	p = passive_now(s);
	if (p.until <= now || p.clock_alone)
		return false;
	return now - p.since < EAGER_TIME || (now - p.since) / NP_S % LAZY_EVERY == 0;
}

void probes_turn(struct probes *all, struct inventory *inv, int64_t now)
{
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];

		if (!u->listed || !u->probes)
			continue;
		for (unsigned j = u->first; j < u->first + u->n; j++)
			if (inv->servers[j].listed && is_due(all, inv->servers[j].server, now))
				begin_probe(all, inv, inv->servers[j].server, u->connect_timeout);
	}
}

/* A dial and a wait are woken by a deadline that has passed, and their coroutines end by themselves. */
void probes_stop(struct probes *all)
{
	all->stopping = true;
	np_yield(); /* those that have just begun see it, and have no descriptor to wake */
	list_for_each(it, &all->running)
		np_fd_set_deadline(&list_entry(it, struct probe, link)->fd, 1);
	while (all->n > 0)
		np_sleep(NP_MS);
}
