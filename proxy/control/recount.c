/* recount: a walk over each worker's connections, some in each turn of its loop. */
#include "proxy/control/recount.h"

#include "proxy/conn/conn_source.h"
#include "proxy/conn/walk.h"
#include "proxy/control/control.h"

struct recount {
	const struct snapshot *snap;
	struct walk walk;
	bool begun, over;
};

/* Who is still to ask for a place of his source does so by himself. */
static bool has_asked(const struct conn *c)
{
	return c->phase > CONN_CONNECTING || (c->phase == CONN_CONNECTING && c->setup >= SETUP_TLS);
}

static const struct listener *listener_now(const struct snapshot *snap, const struct conn *c)
{
	for (unsigned i = 0; i < snap->nlisteners; i++)
		if (snap->listeners[i].counts == c->listener->counts)
			return &snap->listeners[i];
	return c->listener;
}

static void recount_some(struct shard *s, void *arg)
{
	struct recount *r = arg;
	struct conn *c = NULL;

	if (!r->begun)
		walk_begin(&r->walk, s);
	r->begun = true;
	for (unsigned n = 0; n < WALK_TURN && (c = walk_next(&r->walk)) != NULL; n++)
		if (has_asked(c))
			conn_count_source(c, listener_now(r->snap, c), false);
	r->over = c == NULL;
	if (r->over)
		walk_end(&r->walk);
}

static bool limits_sources(const struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->nlisteners; i++)
		if (snap->listeners[i].sources != NULL)
			return true;
	return false;
}

void recount_sources(struct process *p)
{
	if (!limits_sources(p->snap))
		return;
	for (unsigned i = 0; i < p->nshards; i++) {
		struct recount r = {.snap = p->snap};

		while (!r.over)
			shard_call(&p->shards[i], recount_some, &r);
	}
}
