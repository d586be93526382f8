/* limits: who looks at them, and when. */
#include "proxy/control/limits.h"

#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/policy/snapshot.h"
#include "proxy/upstream/server.h"

#define LOOK_EVERY NP_S

static const char refused[] = "clients are refused", wait_outside[] = "clients wait in the backlog",
		  wait_inside[] = "clients wait for a place";

static bool look_at_process(struct process *p, int64_t now)
{
	uint32_t most = p->snap != NULL ? p->snap->max_connections : limit_used(&p->limit);
	struct limit_words connections = {"limits.max_connections", NULL, most, wait_outside, NULL},
			   control = {"control connections", NULL, capacity_admin_clients(),
				      "the longest idle one gives way", NULL},
			   descriptors = {"descriptor limit", NULL, (uint32_t)capacity_descriptors(), wait_outside,
					  NULL};
	bool any = limit_look(&p->limit, &connections, now);

	any |= limit_look(&p->admin_clients, &control, now);
	return limit_look(&p->watch.descriptors, &descriptors, now) || any;
}

static bool look_at_listener(const struct listener *l, int64_t now)
{
	const char *beyond = l->wait_at_limit ? wait_inside : "an old one gives way, or clients are refused";
	struct limit_words connections = {"max_connections", l->counts->name, l->max_connections,
					  l->wait_at_limit ? wait_outside : refused, NULL},
			   handshakes = {"tls.max_handshakes", l->counts->name, l->max_handshakes, beyond, NULL};
	bool any = limit_look(&l->counts->limit, &connections, now);

	return limit_look(&l->counts->handshakes_limit, &handshakes, now) || any;
}

/* A reload removed it. When its counts go, registry.c ends what is left. */
static bool look_at_removed(struct listener_counts *counts, int64_t now)
{
	struct limit_words connections = {"max_connections", counts->name, limit_used(&counts->limit), refused, NULL},
			   handshakes = {"tls.max_handshakes", counts->name, limit_used(&counts->handshakes_limit),
					 refused, NULL};
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

/* Of the generation in force; 0: a reload has removed it. */
static uint32_t queue_max_of(const struct snapshot *s, const struct upstream_live *live)
{
	for (unsigned i = 0; s != NULL && i < s->nupstreams; i++)
		if (s->upstreams[i]->u->live == live)
			return s->upstreams[i]->u->queue_max;
	return 0;
}

/* Every queue of the process. One that acts is held until its episode is over, so each begin has its end. */
static bool look_at_queues(struct process *p, int64_t now)
{
	bool any = false;

	list_for_each_safe(it, server_registry_lives(p->registry.servers)) {
		struct upstream_live *live = list_entry(it, struct upstream_live, link);
		struct limit_words words = {"queue.max", NULL, queue_max_of(p->snap, live), refused, live->name};
		bool acts = limit_look(&live->queue, &words, now), held = live->queue_acts;

		any |= acts;
		live->queue_acts = acts;
		if (acts && !held)
			live->refs++;
		else if (held && !acts)
			upstream_live_put(live);
	}
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
	any |= look_at_queues(p, now);
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
	(void)look_at_queues(p, INT64_MAX);
}
