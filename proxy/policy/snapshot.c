/* snapshot: puts one generation together, hands over from the one before, and frees it when its
 * last share is dropped. */
#include "proxy/policy/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/policy/snapshot_contexts.h"
#include "proxy/policy/snapshot_listener.h"
#include "proxy/policy/snapshot_tls.h"
#include "proxy/policy/snapshot_upstream.h"
#include "proxy/upstream/waiter.h"

/* ---- bounds ---- */

#define HANDSHAKES_CHEAP 1024 /* 60 MiB at most */

/* Handshakes under way, of all workers together. The bound of a listener without TLS is never asked
 * for. `auto` is as many as connections while that is cheap, and a quarter of very many: a handshake
 * costs many times the memory of an established connection. */
static uint32_t handshakes_of(const struct config_listener *c, uint32_t max)
{
	if (c->tls == NULL)
		return UINT32_MAX;
	if (c->tls->max_handshakes != CONFIG_AUTO)
		return (uint32_t)c->tls->max_handshakes;
	if (c->max_connections != CONFIG_OFF && c->max_connections < max)
		max = (uint32_t)c->max_connections;
	if (max <= HANDSHAKES_CHEAP)
		return max;
	return max / 4 > HANDSHAKES_CHEAP ? max / 4 : HANDSHAKES_CHEAP;
}

/* An address with a PROXY header of its own has a copy of its listener, with the same limits. */
static void enact_listener(struct listener *l, uint32_t max)
{
	const struct config_listener *c = l->config;

	l->max_connections = c->max_connections == CONFIG_OFF ? UINT32_MAX : (uint32_t)c->max_connections;
	l->max_handshakes = handshakes_of(c, max);
	for (size_t i = 0; i < c->nbind; i++) {
		l->at[i].listener->max_connections = l->max_connections;
		l->at[i].listener->max_handshakes = l->max_handshakes;
	}
}

static void enact_limits(struct snapshot *s, uint32_t max)
{
	s->max_connections = max;
	for (unsigned i = 0; i < s->nlisteners; i++)
		enact_listener(&s->listeners[i], max);
}

void snapshot_enact(struct snapshot *s, uint32_t max)
{
	if (s->generation == 0) /* else workers see it, and it is frozen */
		enact_limits(s, max);
	s->generation = ++s->registry->generation;
	tickets_enact(s);
	for (unsigned i = 0; i < s->nupstreams; i++)
		waiter_enact(s->upstreams[i]->u);
}

/* ---- the snapshot ---- */

/* In order of use: targets name upstreams, listeners name targets. The counts n* grow only behind
 * what was begun, so snapshot_free can undo a part. The element that failed is counted, too: its
 * fini takes what was begun. */
static int snapshot_fill(struct snapshot *s, const struct snapshot *prev, struct text *why)
{
	const struct config *c = s->config;
	int err = 0;

	s->upstreams = calloc(c->nupstreams + 1, sizeof(struct shared_upstream *));
	s->targets = calloc(c->nupstreams + 1, sizeof(*s->targets));
	s->listeners = calloc(c->nlisteners + 1, sizeof(*s->listeners));
	s->use = aligned_alloc(_Alignof(struct snapshot_use),
			       s->registry->nworkers * sizeof(*s->use));
	if (s->upstreams == NULL || s->targets == NULL || s->listeners == NULL || s->use == NULL)
		return -NP_ENOMEM;
	memset(s->use, 0, s->registry->nworkers * sizeof(*s->use));
	for (; s->nupstreams < c->nupstreams; s->nupstreams++) {
		struct shared_upstream *sh =
			shared_upstream_get(s->registry, c, s->nupstreams, prev);

		if (sh == NULL)
			return -NP_ENOMEM;
		s->upstreams[s->nupstreams] = sh;
	}
	for (; s->ntargets < c->nupstreams && err == 0; s->ntargets++)
		err = target_init(s, s->ntargets, why);
	for (; s->nlisteners < c->nlisteners && err == 0; s->nlisteners++)
		err = listener_init(s, s->nlisteners, prev, why);
	return err;
}

/* Of one config: the users of a Unix socket are looked up anew at each load. */
static bool same_owners(const struct listener *a, const struct listener *b)
{
	for (size_t i = 0; i < a->config->nbind; i++)
		if (a->at[i].owner.uid != b->at[i].owner.uid || a->at[i].owner.gid != b->at[i].owner.gid)
			return false;
	return true;
}

bool snapshot_same(const struct snapshot *a, const struct snapshot *b)
{
	bool same = a->config == b->config;

	for (unsigned i = 0; same && i < a->nlisteners; i++)
		same = a->listeners[i].tls == b->listeners[i].tls && a->listeners[i].acl == b->listeners[i].acl &&
		       same_owners(&a->listeners[i], &b->listeners[i]);
	for (unsigned i = 0; same && i < a->ntargets; i++)
		same = a->targets[i].tls == b->targets[i].tls && a->targets[i].check_tls == b->targets[i].check_tls &&
		       a->targets[i].probe_tls == b->targets[i].probe_tls;
	return same;
}

int snapshot_new(struct registry *r, struct config *c, const struct snapshot *prev,
		 struct snapshot **out, struct text *why)
{
	struct snapshot *s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return -NP_ENOMEM;
	/* Each worker has its share from the start, even one that adopts the snapshot late. */
	s->registry = r;
	s->config = c;
	s->shares = r->nworkers;
	s->max_series = (uint32_t)c->metrics.series;
	s->shutdown_delay = c->shutdown.delay;
	s->shutdown_timeout = c->shutdown.timeout;
	r->snapshots++;
	err = snapshot_fill(s, prev, why);
	contexts_end(r);
	if (err != 0) {
		s->config = NULL; /* still the caller's */
		snapshot_free(s);
		return err;
	}
	*out = s;
	return 0;
}

struct snapshot *snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return NULL;
	for (unsigned i = 0; s->use != NULL && i < s->registry->nworkers; i++)
		DCHECK(s->use[i].count == 0, "a snapshot is freed while a worker uses it");
	for (unsigned i = 0; i < s->nlisteners; i++)
		listener_fini(&s->listeners[i]);
	for (unsigned i = 0; i < s->ntargets; i++)
		target_fini(&s->targets[i]);
	for (unsigned i = 0; i < s->nupstreams; i++)
		shared_upstream_put(s->upstreams[i]);
	if (s->generation == 0)
		registry_forget_tickets(s->registry);
	s->registry->snapshots--;
	free(s->use);
	free(s->listeners);
	free(s->targets);
	free(s->upstreams);
	config_free(s->config);
	free(s);
	return NULL;
}

/* On the control worker, which alone frees. */
static void on_retire(struct np_msg *m)
{
	struct snapshot *s = container_of(m, struct snapshot, retire);

	DCHECK(np_self() == s->registry->control, "snapshots are freed by the control thread");
	if (s->registry->lent)
		list_push_back(&s->registry->retired, &s->retired);
	else
		snapshot_free(s);
}

void snapshot_drop(struct snapshot *s, unsigned worker)
{
	CHECK(s->use[worker].count > 0, "a snapshot is dropped more often than it was held");
	if (--s->use[worker].count > 0)
		return;
	/* Acquire and release: the worker that drops the last share has seen all that the others
	 * did. */
	if (__atomic_sub_fetch(&s->shares, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	s->retire.fn = on_retire;
	np_post(s->registry->control, &s->retire);
}
