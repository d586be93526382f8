/* probe: a coroutine for each one under way, which holds the inventory, and with it the server. A good probe lets no
 * connection through by itself: it makes the trial due (passive.h), and a client's connection decides. */
#include "proxy/health/probe.h"

#include <stdlib.h>

#include "proxy/base/spare.h"
#include "proxy/health/check_io.h"
#include "proxy/health/check_run.h"
#include "proxy/health/minute.h"
#include "proxy/log/log.h"
#include "proxy/upstream/server.h"

#define EAGER_TIME (60 * NP_S) /* each second for so long */
#define LAZY_EVERY 5           /* then every so many turns */

/* On the heap; its coroutine frees it. */
struct probe {
	struct list link;
	struct probes *all;
	struct inventory *inv; /* held, and with it the next two */
	const struct inventory_upstream *upstream;
	struct server *server;
	struct check_io io;
};

/* What could not be done for want of something here says nothing of the server. */
static enum probe_result open_probe(struct probe *p)
{
	const struct inventory_upstream *u = p->upstream;
	const struct check_io_opts o = {
		.to = &p->server->addr,
		.deadline = np_deadline_after(u->connect_timeout < PROBE_OPEN ? u->connect_timeout : PROBE_OPEN),
		.spare = SPARE_OF_PROBE,
		.header = u->header,
		.tls = u->probe_tls != NULL ? u->probe_tls[0] : NULL,
	};
	int err = check_io_open(&p->io, &o);

	if (p->io.took > 0 && p->server->minute != NULL)
		minute_connected(p->server->minute, p->io.took);
	if (err == 0)
		return PROBE_GOOD;
	return !p->io.tls_failed && check_result_of(err) == CHECK_LOCAL ? PROBE_LEFT_OUT : PROBE_FAILED;
}

/* Is it connected, and still so after a moment? One that ends before has no service behind its port. A server that
 * speaks first is well. One of TLS 1.3 may refuse our certificate only now. */
static enum probe_result probe_server(struct probe *p)
{
	enum probe_result result = open_probe(p);
	char byte;
	ssize_t n;

	if (result != PROBE_GOOD)
		return result;
	np_fd_set_read_deadline(&p->io.fd, np_deadline_after(PROBE_HELD));
	n = check_io_read(&p->io, &byte, 1);
	return n > 0 || n == -NP_EDEADLINE ? PROBE_GOOD : PROBE_FAILED;
}

/* One that was given up is no result. */
static void note_probe(struct probe *p, enum probe_result result)
{
	if (p->all->stopping)
		return;
	server_probed_note(&p->server->checked, result);
	p->all->left_out += result == PROBE_LEFT_OUT;
	if (result == PROBE_GOOD)
		passive_probed(p->server, np_nanotime());
}

/* The trial does not wait for the orderly end. */
static void probe_main(void *arg)
{
	struct probe *p = arg;

	if (!p->all->stopping) {
		enum probe_result result = probe_server(p);

		note_probe(p, result);
		check_io_close(&p->io, result == PROBE_GOOD && !p->all->stopping);
	}
	list_remove(&p->link);
	p->all->n--;
	inventory_drop(p->inv);
	free(p);
}

static void leave_probe_out(struct probes *all, struct server *s)
{
	server_probed_note(&s->checked, PROBE_LEFT_OUT);
	all->left_out++;
}

/* What is lacking here says nothing of the server: the next turn tries again.   Returns  false: it is left out. */
static bool begin_probe(struct probes *all, struct inventory *inv, const struct inventory_upstream *u, struct server *s)
{
	struct probe *p = all->n < all->most ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL) {
		leave_probe_out(all, s);
		return false;
	}
	p->all = all;
	p->inv = inv;
	p->upstream = u;
	p->server = s;
	if (np_go("probe", probe_main, p) != 0) {
		leave_probe_out(all, s);
		free(p);
		return false;
	}
	inv->holds++;
	list_push_back(&all->running, &p->link);
	all->n++;
	return true;
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

/* The servers of inv from `from` to before `to`.   Returns  the first that had no place; `to`: each had one. */
static unsigned probe_range(struct probes *all, struct inventory *inv, unsigned from, unsigned to, int64_t now)
{
	unsigned first = to;

	for (unsigned i = 0; i < inv->nupstreams; i++) {
		const struct inventory_upstream *u = &inv->upstreams[i];

		if (!u->listed || !u->probes)
			continue;
		for (unsigned j = u->first > from ? u->first : from; j < u->first + u->n && j < to; j++) {
			const struct inventory_server *s = &inv->servers[j];

			if (s->listed && is_due(all, s->server, now) && !begin_probe(all, inv, u, s->server) &&
			    first == to)
				first = j;
		}
	}
	return first;
}

/* Servers stand in the order of their upstreams. With another inventory the turn begins somewhere else, which harms
 * nobody: it still comes round. */
void probes_turn(struct probes *all, struct inventory *inv, int64_t now)
{
	unsigned begin = all->next < inv->nservers ? all->next : 0;
	unsigned late = probe_range(all, inv, begin, inv->nservers, now);
	unsigned early = probe_range(all, inv, 0, begin, now);

	if (late < inv->nservers)
		all->next = late;
	else if (early < begin)
		all->next = early;
}

/* Each wait is woken by a deadline that has passed, and the coroutines end by themselves. Again and again, since one
 * that was just connected sets its own for what comes next. */
void probes_stop(struct probes *all)
{
	all->stopping = true;
	np_yield(); /* those that have just begun see it, and have no descriptor to wake */
	while (all->n > 0) {
		list_for_each(it, &all->running)
			np_fd_set_deadline(&list_entry(it, struct probe, link)->io.fd, 1);
		np_sleep(NP_MS);
	}
}
