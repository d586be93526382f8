/* limits: who looks at them, and when. */
#include "proxy/control/limits.h"

#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/policy/snapshot.h"
#include "proxy/upstream/server.h"
#include "proxy/upstream/upstream.h"

#define LOOK_EVERY NP_S

static const char refused[] = "clients are refused", wait_outside[] = "clients wait in the backlog",
		  wait_inside[] = "clients wait for a place";

static bool look_at_process(struct process *p, int64_t now)
{
	uint32_t most = p->snap != NULL ? p->snap->max_connections : limit_used(&p->limit);
	struct limit_words connections = {"limits.max_connections", NULL, most, wait_outside, NULL, NULL, NULL},
			   control = {"control connections", NULL, capacity_admin_clients(),
				      "the longest idle one gives way", NULL, NULL, NULL},
			   descriptors = {"descriptor limit", NULL, (uint32_t)capacity_descriptors(), wait_outside,
					  NULL, NULL, NULL};
	bool any = limit_look(&p->limit, &connections, now);

	any |= limit_look(&p->admin_clients, &control, now);
	return limit_look(&p->watch.descriptors, &descriptors, now) || any;
}

static bool look_at_listener(const struct listener *l, int64_t now)
{
	const char *beyond = l->wait_at_limit ? wait_inside : "an old one gives way, or clients are refused";
	struct limit_words connections = {.key = "max_connections", .listener = l->counts->name,
					  .max = l->max_connections,
					  .then = l->wait_at_limit ? wait_outside : refused},
			   handshakes = {.key = "tls.max_handshakes", .listener = l->counts->name,
					 .max = l->max_handshakes, .then = beyond};
	bool any = limit_look(&l->counts->limit, &connections, now);

	return limit_look(&l->counts->handshakes_limit, &handshakes, now) || any;
}

/* A reload removed it. When its counts go, registry.c ends what is left. */
static bool look_at_removed(struct listener_counts *counts, int64_t now)
{
	struct limit_words connections = {.key = "max_connections", .listener = counts->name,
					  .max = limit_used(&counts->limit), .then = refused},
			   handshakes = {.key = "tls.max_handshakes", .listener = counts->name,
					 .max = limit_used(&counts->handshakes_limit), .then = refused};
	bool any = limit_look(&counts->limit, &connections, now);

	return limit_look(&counts->handshakes_limit, &handshakes, now) || any;
}

static bool is_removed(const struct snapshot *s, const struct listener_counts *counts)
{
	for (unsigned i = 0; s != NULL && i < s->nlisteners; i++)
		if (s->listeners[i].counts == counts)
			return false;
	return true;
}

/* Of the generation in force; NULL: a reload has removed it. */
static const struct upstream *upstream_in_force(const struct snapshot *s, const struct upstream_live *live)
{
	for (unsigned i = 0; s != NULL && i < s->nupstreams; i++)
		if (s->upstreams[i]->u->live == live)
			return s->upstreams[i]->u;
	return NULL;
}

static bool look_at_server(const struct upstream *u, struct server *s, int64_t now)
{
	const struct member *m = u != NULL ? upstream_member(u, s) : NULL;
	const char *beyond = u != NULL && u->queue_max > 0 ? wait_inside : refused;
	struct limit_words words = {"max_connections", NULL, server_active(s), beyond, s->live->name, s->text, NULL};

	if (m != NULL)
		words.max = server_most(server_now(s), m->max_connections);
	return limit_look(&s->slots, &words, now);
}

/* Who has turned nobody away costs a load. One whose limit acts is held until its episode is over, as by a list, so
 * each begin has its end; *freed: one is held no longer, and may have left its upstream meanwhile. */
static bool look_at_servers(const struct upstream *u, struct upstream_live *live, int64_t now, bool *freed)
{
	bool any = false;

	upstream_settle_full(live);
	list_for_each(it, &live->servers) {
		struct server *s = list_entry(it, struct server, link);
		bool hit = __atomic_load_n(&s->slots.hits, __ATOMIC_RELAXED) != s->slots.told;
		bool acts = hit && look_at_server(u, s, now);

		any |= acts;
		*freed |= s->slots_act && !acts;
		s->lists += acts;
		s->lists -= s->slots_act;
		s->slots_act = acts;
	}
	return any;
}

static bool look_at_queue(const struct upstream *u, struct upstream_live *live, int64_t now)
{
	struct limit_words words = {.key = "queue.max", .max = u != NULL ? u->queue_max : 0, .then = refused,
				    .upstream = live->name},
			   late = {.key = "timeouts.queue", .max = u != NULL ? (uint32_t)(u->queue_timeout / NP_MS) : 0,
				   .then = "clients that have waited so long are closed", .upstream = live->name,
				   .unit = " ms"};
	bool any = limit_look(&live->queue, &words, now);

	return limit_look(&live->late, &late, now) || any;
}

/* Every upstream of the process. One whose queue acts is held, too. */
static bool look_at_upstreams(struct process *p, int64_t now)
{
	bool any = false, freed = false;

	list_for_each_safe(it, server_registry_lives(p->registry.servers)) {
		struct upstream_live *live = list_entry(it, struct upstream_live, link);
		const struct upstream *u = upstream_in_force(p->snap, live);
		bool acts = look_at_queue(u, live, now), held = live->queue_acts;

		any |= look_at_servers(u, live, now, &freed) || acts;
		live->queue_acts = acts;
		if (acts && !held)
			live->refs++;
		else if (held && !acts)
			upstream_live_put(live);
	}
	if (freed)
		server_registry_sweep(p->registry.servers);
	return any;
}

/* A load that is under way has the registry: what it removed is looked at later. */
static bool look_at_all(struct process *p)
{
	int64_t now = np_nanotime();
	bool any = look_at_process(p, now);

	for (unsigned i = 0; p->snap != NULL && i < p->snap->nlisteners; i++)
		any |= look_at_listener(&p->snap->listeners[i], now);
	if (p->registry.lent)
		return true;
	any |= look_at_upstreams(p, now);
	list_for_each(it, &p->registry.listeners) {
		struct listener_counts *counts = list_entry(it, struct listener_counts, link);

		if (is_removed(p->snap, counts))
			any |= look_at_removed(counts, now);
	}
	return any;
}

/* On the control worker's loop. */
static void look_again(struct np_timer *t)
{
	struct process *p = container_of(t, struct process, limits_timer);
	bool any = look_at_all(p);

	if (!any) {
		limit_watch_rests(&p->watch);
		any = look_at_all(p) && limit_watch_resumes(&p->watch);
	}
	if (any)
		np_timer_set(t, np_now() + LOOK_EVERY);
}

static void on_first_hit(struct np_msg *m)
{
	struct process *p = container_of(container_of(m, struct limit_watch, msg), struct process, watch);

	if (p->watch.worker != NULL)
		look_again(&p->limits_timer);
}

void limits_start(struct process *p)
{
	DCHECK(np_self() != NULL, "the control worker looks at limits");
	p->watch.worker = np_self();
	p->watch.msg.fn = on_first_hit;
	p->limits_timer.fn = look_again;
}

void limits_end(struct process *p)
{
	if (p->watch.worker == NULL)
		return;
	np_timer_stop(&p->limits_timer);
	p->watch.worker = NULL;
	(void)look_at_process(p, INT64_MAX); /* those of listeners ended with them */
	if (!p->registry.lent)
		(void)look_at_upstreams(p, INT64_MAX);
}

void limits_fini(struct process *p)
{
	if (p->registry.servers != NULL)
		(void)look_at_upstreams(p, INT64_MAX);
}
