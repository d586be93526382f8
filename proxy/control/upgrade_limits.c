/* upgrade_limits: walks the limits of the generation in force, which is the last one of old: it loads none any more. */
#include "proxy/control/upgrade_limits.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/control/control.h"
#include "proxy/control/drain.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/upstream/waiter.h"

#define USED_MOST (1u << 30) /* more is no count of places */

/* X(KIND, word): of the message; whose limit it is. */
#define LIMIT_KINDS(X)              \
	X(PROCESS, "process")       \
	X(LISTENER, "listener")     \
	X(SERVER, "server")         \
	X(QUEUE, "queue")           \
	X(LATE, "queue_timeout")    \
	X(LEFT, "left") /* none: connections, with a place or without */

enum limit_kind {
#define X(kind, word) LIMIT_OF_##kind,
	LIMIT_KINDS(X)
#undef X
	LIMIT_KIND_COUNT
};

static const char *const kind_words[] = {
#define X(kind, word) word,
	LIMIT_KINDS(X)
#undef X
};

/* ---- old ---- */

struct limit_told {
	const struct limit *limit; /* borrowed, as a mark; NULL: it was not told yet */
	uint32_t used;
	uint64_t hits;
};

struct upgrade_limits {
	unsigned n;
	struct limit_told told[]; /* as the walk meets them */
};

/* One walk. */
struct limits_walk {
	struct state_out *out;
	struct upgrade_limits *all;
	unsigned at;
};

static unsigned limits_of(const struct snapshot *s)
{
	unsigned n = 2 + s->nlisteners;

	for (unsigned i = 0; i < s->nupstreams; i++)
		n += 2 + s->upstreams[i]->u->members->n;
	return n;
}

struct upgrade_limits *upgrade_limits_free(struct upgrade_limits *l)
{
	free(l);
	return NULL;
}

/* max UINT32_MAX: nothing is lent. What is not told is lent all the same: DNS may have brought a server since. */
static void tell_limit(struct limits_walk *w, enum limit_kind kind, const char *name, struct limit *l, uint32_t max)
{
	struct limit_told *t = w->at < w->all->n ? &w->all->told[w->at++] : &(struct limit_told){0};
	uint32_t own = limit_lend(l, max), high = __atomic_load_n(&l->high, __ATOMIC_RELAXED);
	uint64_t hits = __atomic_load_n(&l->hits, __ATOMIC_RELAXED);
	bool first = w->out->kind == HANDOVER_STATE;
	struct handover_writer *to;

	if (!first && t->limit != l)
		*t = (struct limit_told){l, own + 1, hits};
	if (first ? own == 0 && hits == 0 && high == 0 : own == t->used && hits == t->hits) {
		t->limit = l;
		return;
	}
	to = state_item(w->out, HANDOVER_TAG_STATE_LIMITS);
	handover_put_text(to, HANDOVER_TAG_LIMITS_KIND, kind_words[kind]);
	handover_put_text(to, HANDOVER_TAG_LIMITS_NAME, name);
	handover_put_number(to, HANDOVER_TAG_LIMITS_USED, own);
	handover_put_number(to, HANDOVER_TAG_LIMITS_HITS, hits - t->hits);
	if (first) /* later the places that are lent are among them */
		handover_put_number(to, HANDOVER_TAG_LIMITS_HIGH, high);
	state_item_end(w->out);
	*t = (struct limit_told){l, own, hits};
}

/* Of a queue nothing is lent: who comes late looks for his server in new. */
static void tell_upstream_limits(struct limits_walk *w, const struct upstream *u)
{
	tell_limit(w, LIMIT_OF_QUEUE, u->name, &u->live->queue, UINT32_MAX);
	tell_limit(w, LIMIT_OF_LATE, u->name, &u->live->late, UINT32_MAX);
	for (unsigned i = 0; i < u->members->n; i++) {
		const struct member *m = &u->members->at[i];
		uint32_t most = server_most(server_now(m->server), m->max_connections);

		tell_limit(w, LIMIT_OF_SERVER, m->server->name, &m->server->slots, most != 0 ? most : UINT32_MAX);
	}
}

/* Each process has descriptors of its own: a limit that was made of their number is no sum of two. */
static bool is_of_descriptors(const struct snapshot *s)
{
	return s->config->limits.max_connections == CONFIG_AUTO;
}

/* Behind the last generation BYE says all there is: nothing is left here. */
void part_write_limits(struct state_out *o)
{
	struct process *p = o->p;
	const struct snapshot *s = p->snap;
	struct limits_walk w = {.out = o};

	if (s == NULL)
		return;
	if (p->upgrade.limits == NULL) {
		unsigned n = limits_of(s);

		p->upgrade.limits = calloc(1, sizeof(*w.all) + n * sizeof(w.all->told[0]));
		if (p->upgrade.limits == NULL)
			return;
		p->upgrade.limits->n = n;
	}
	w.all = p->upgrade.limits;
	p->upgrade.left.used = drain_left(p);
	tell_limit(&w, LIMIT_OF_LEFT, NULL, &p->upgrade.left, UINT32_MAX);
	tell_limit(&w, LIMIT_OF_PROCESS, NULL, &p->limit,
		   is_of_descriptors(s) ? UINT32_MAX : s->max_connections);
	for (unsigned i = 0; i < s->nlisteners; i++)
		tell_limit(&w, LIMIT_OF_LISTENER, s->listeners[i].name, &s->listeners[i].counts->limit,
			   s->listeners[i].max_connections);
	for (unsigned i = 0; i < s->nupstreams; i++)
		tell_upstream_limits(&w, s->upstreams[i]->u);
}

/* ---- new ---- */

/* What an item says. */
struct limit_item {
	enum limit_kind kind; /* LIMIT_KIND_COUNT: one that is not known here */
	char name[OVERRIDE_UPSTREAM + NP_ADDR_TEXT];
	uint64_t used, hits, high;
};

static enum limit_kind limit_kind_named(const struct handover_field *f)
{
	unsigned i = 0;

	while (i < LIMIT_KIND_COUNT && (strlen(kind_words[i]) != f->n || memcmp(kind_words[i], f->p, f->n) != 0))
		i++;
	return (enum limit_kind)i;
}

/* Foreign bytes into a plain struct, judged. */
static bool read_limit(const struct handover_field *group, struct limit_item *out)
{
	struct handover_reader r;
	struct handover_field f;

	*out = (struct limit_item){.kind = LIMIT_KIND_COUNT};
	handover_read_group(&r, group);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_LIMITS_KIND)
			out->kind = limit_kind_named(&f);
		else if (f.tag == HANDOVER_TAG_LIMITS_NAME)
			(void)handover_text(&r, &f, out->name, sizeof(out->name));
		else if (f.tag == HANDOVER_TAG_LIMITS_USED)
			out->used = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_LIMITS_HITS)
			out->hits = handover_number(&r, &f);
		else if (f.tag == HANDOVER_TAG_LIMITS_HIGH)
			out->high = handover_number(&r, &f);
		else if (f.must)
			return false;
	}
	return !r.bad && out->used <= USED_MOST && out->high <= USED_MOST;
}

static struct upstream_live *live_of(const struct snapshot *s, const char *name)
{
	for (unsigned i = 0; i < s->nupstreams; i++)
		if (strcmp(s->upstreams[i]->u->name, name) == 0)
			return s->upstreams[i]->u->live;
	return NULL;
}

/* Where somebody may wait for it; NULL: nowhere. */
struct limit_here {
	struct limit *limit; /* NULL: this configuration does not have it */
	struct upstream_live *live;
};

static struct limit_here limit_found(struct process *p, const struct snapshot *s, const struct limit_item *item)
{
	struct upstream_live *live = live_of(s, item->name);
	const struct upstream *u;
	struct server *server;

	if (item->kind == LIMIT_OF_LEFT)
		return (struct limit_here){&p->upgrade.left, NULL};
	if (item->kind == LIMIT_OF_PROCESS)
		return (struct limit_here){&p->limit, NULL};
	for (unsigned i = 0; item->kind == LIMIT_OF_LISTENER && i < s->nlisteners; i++)
		if (strcmp(s->listeners[i].name, item->name) == 0)
			return (struct limit_here){&s->listeners[i].counts->limit, NULL};
	if (live != NULL && item->kind == LIMIT_OF_QUEUE)
		return (struct limit_here){&live->queue, live};
	if (live != NULL && item->kind == LIMIT_OF_LATE)
		return (struct limit_here){&live->late, live};
	server = item->kind == LIMIT_OF_SERVER ? upgrade_server(s, item->name, &u) : NULL;
	return server != NULL ? (struct limit_here){&server->slots, server->live} : (struct limit_here){0};
}

/* Hits of there have been told there: an episode that is under way here goes on with its own. */
static void go_on_counting(struct limit *l, const struct limit_item *item)
{
	if (item->hits > 0) {
		l->told += item->hits;
		__atomic_add_fetch(&l->hits, item->hits, __ATOMIC_RELEASE);
	}
	if (item->high > 0)
		limit_note_high(l, (uint32_t)item->high);
}

bool part_read_limits(struct process *p, struct snapshot *snap, const struct handover_field *group)
{
	struct limit_item item;
	struct limit_here here;

	if (!read_limit(group, &item))
		return false;
	here = limit_found(p, snap, &item);
	if (here.limit == NULL)
		return true;
	if (item.kind == LIMIT_OF_QUEUE)
		waiter_hold(here.live, (uint32_t)item.used, p->upgrade.stage == UPGRADE_JOINING);
	else if (item.kind != LIMIT_OF_PROCESS || !is_of_descriptors(snap))
		limit_hold(here.limit, (uint32_t)item.used);
	go_on_counting(here.limit, &item);
	if (here.live != NULL)
		upstream_wake(here.live, np_nanotime());
	return true;
}

/* Those of all generations, for a reload may have come since. */
static void each_live(struct process *p, void (*fn)(struct upstream_live *live))
{
	DCHECK(!p->registry.lent, "no load is under way while the other process is heard");
	list_for_each_safe(it, server_registry_lives(p->registry.servers))
		fn(list_entry(it, struct upstream_live, link));
}

void upgrade_limits_open(struct process *p)
{
	each_live(p, waiter_open);
}

static void be_alone(struct upstream_live *live)
{
	waiter_hold(live, 0, false);
	limit_alone(&live->late);
	list_for_each(it, &live->servers)
		limit_alone(&list_entry(it, struct server, link)->slots);
	waiter_open(live);
}

/* Servers of which nobody but the other process had a slot may go now. */
void upgrade_limits_alone(struct process *p)
{
	limit_alone(&p->limit);
	limit_alone(&p->upgrade.left);
	list_for_each(it, &p->registry.listeners)
		limit_alone(&list_entry(it, struct listener_counts, link)->limit);
	each_live(p, be_alone);
	server_registry_sweep(p->registry.servers);
}
