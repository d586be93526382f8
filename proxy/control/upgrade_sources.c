/* upgrade_sources: what is known of sources (proxy/policy/source.h), so that the connections of a source in both
 * processes together are never more than its limit, and no rate begins anew. By name: a listener has another number
 * here. Of a listener's own rate there is an item without an address. */
#include <stdlib.h>
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/upgrade_sources.h"
#include "proxy/control/upgrade_state.h"

#define NAME_MOST 64                 /* CONFIG_NAME_MAX, and a NUL */
#define FULL_BY   (24 * 3600 * NP_S) /* a bucket that is full later than this from now is no bucket of ours */

struct upgrade_sources {
	uint32_t n;
	struct source_entry told[]; /* what the other process has heard last */
};

/* ---- old ---- */

struct upgrade_sources *upgrade_sources_free(struct upgrade_sources *all)
{
	free(all);
	return NULL;
}

/* All that the table has, while nobody accepts.   Returns  NULL: no memory, or there are none. */
static struct upgrade_sources *list_sources(struct source_table *t)
{
	uint32_t most = t != NULL ? source_known(t) : 0;
	struct upgrade_sources *all = most > 0 ? malloc(sizeof(*all) + most * sizeof(all->told[0])) : NULL;

	if (all == NULL)
		return NULL;
	all->n = 0;
	for (unsigned i = 0; i < SOURCE_SHARDS; i++)
		all->n += source_copy(t, i, &all->told[all->n], most - all->n);
	return all;
}

static const char *name_of_listener(struct registry *r, uint32_t id)
{
	list_for_each(it, &r->listeners) {
		const struct listener_counts *counts = list_entry(it, struct listener_counts, link);

		if (counts->id == id)
			return counts->name;
	}
	return NULL;
}

/* Who waits will have a connection there. */
static void write_source(struct state_out *o, const struct source_entry *s)
{
	const char *name = name_of_listener(&o->p->registry, s->listener);
	struct handover_writer *w;

	if (name == NULL)
		return;
	w = state_item(o, HANDOVER_TAG_STATE_SOURCES);
	handover_put_text(w, HANDOVER_TAG_SOURCE_LISTENER, name);
	handover_put(w, HANDOVER_TAG_SOURCE_ADDR, s->addr, sizeof(s->addr));
	handover_put_number(w, HANDOVER_TAG_SOURCE_BITS, s->bits);
	handover_put_number(w, HANDOVER_TAG_SOURCE_CONNS, s->conns + s->waiting);
	handover_put_number(w, HANDOVER_TAG_SOURCE_FULL, (uint64_t)s->tat);
	state_item_end(o);
}

static void write_rates(struct state_out *o)
{
	const struct snapshot *snap = o->p->snap;

	for (unsigned i = 0; i < snap->nlisteners; i++) {
		const struct listener *l = &snap->listeners[i];
		struct handover_writer *w;

		if (l->rate_interval == 0)
			continue;
		w = state_item(o, HANDOVER_TAG_STATE_SOURCES);
		handover_put_text(w, HANDOVER_TAG_SOURCE_LISTENER, l->name);
		handover_put_number(w, HANDOVER_TAG_SOURCE_FULL,
				    (uint64_t)__atomic_load_n(&l->counts->rate_tat, __ATOMIC_RELAXED));
		state_item_end(o);
	}
}

/* Those that have changed since they were told; nobody accepts here, so there are no others. */
static void write_changed(struct state_out *o, struct upgrade_sources *all)
{
	for (uint32_t i = 0; i < all->n; i++) {
		struct source_entry *s = &all->told[i];
		struct source_key key = {.listener = s->listener, .bits = s->bits};
		uint32_t conns;

		memcpy(key.addr, s->addr, sizeof(key.addr));
		conns = s->conns + s->waiting > 0 ? source_conns(o->p->registry.sources, &key) : 0;
		if (conns == s->conns + s->waiting)
			continue;
		s->conns = conns;
		s->waiting = 0;
		write_source(o, s);
	}
}

void part_write_sources(struct state_out *o)
{
	struct upgrade *u = &o->p->upgrade;

	if (o->kind == HANDOVER_COUNTERS) {
		if (u->sources != NULL)
			write_changed(o, u->sources);
		return;
	}
	write_rates(o);
	u->sources = upgrade_sources_free(u->sources);
	u->sources = list_sources(o->p->registry.sources);
	for (uint32_t i = 0; u->sources != NULL && i < u->sources->n; i++)
		write_source(o, &u->sources->told[i]);
}

/* ---- new ---- */

/* What an item says. */
struct told_source {
	char listener[NAME_MOST];
	struct source_key key;
	bool has_addr;
	uint32_t conns;
	int64_t full;
};

static void read_source_field(struct handover_reader *r, const struct handover_field *f, struct told_source *t)
{
	uint64_t n;

	switch (f->tag) {
	case HANDOVER_TAG_SOURCE_LISTENER:
		(void)handover_text(r, f, t->listener, sizeof(t->listener));
		break;
	case HANDOVER_TAG_SOURCE_ADDR:
		r->bad |= f->n != sizeof(t->key.addr);
		if (!r->bad)
			memcpy(t->key.addr, f->p, sizeof(t->key.addr));
		t->has_addr = true;
		break;
	case HANDOVER_TAG_SOURCE_BITS:
		n = handover_number(r, f);
		r->bad |= n > 128;
		t->key.bits = (uint32_t)(n & 0xff);
		break;
	case HANDOVER_TAG_SOURCE_CONNS:
		n = handover_number(r, f);
		r->bad |= n > UINT32_MAX / 2;
		t->conns = (uint32_t)n;
		break;
	case HANDOVER_TAG_SOURCE_FULL:
		n = handover_number(r, f);
		r->bad |= n > (uint64_t)(np_nanotime() + FULL_BY);
		t->full = (int64_t)n;
		break;
	default:
		r->bad |= f->must;
	}
}

static bool read_told_source(const struct handover_field *item, struct told_source *t)
{
	struct handover_reader r;
	struct handover_field f;

	*t = (struct told_source){0};
	handover_read_group(&r, item);
	while (handover_next(&r, &f))
		read_source_field(&r, &f, t);
	return !r.bad && t->listener[0] != '\0';
}

/* NULL: the configuration here does not have it. */
static const struct listener *listener_told(const struct snapshot *snap, const char *name)
{
	for (unsigned i = 0; i < snap->nlisteners; i++)
		if (strcmp(snap->listeners[i].name, name) == 0)
			return &snap->listeners[i];
	return NULL;
}

/* A listener that does not limit sources here, or has another prefix, is none of the other process's business. Where
 * there is no room they go uncounted, as any that are new. */
bool part_read_sources(struct process *p, struct snapshot *snap, const struct handover_field *item)
{
	struct told_source t;
	const struct listener *l;

	if (!read_told_source(item, &t))
		return false;
	l = listener_told(snap, t.listener);
	if (l == NULL)
		return true;
	if (!t.has_addr) {
		__atomic_store_n(&l->counts->rate_tat, t.full, __ATOMIC_RELAXED);
		return true;
	}
	t.key.listener = l->counts->id;
	if (l->sources != NULL)
		(void)!source_told(p->registry.sources, &t.key, t.conns, t.full, np_nanotime());
	return true;
}

void upgrade_sources_alone(struct process *p)
{
	if (p->registry.sources != NULL)
		source_alone(p->registry.sources, np_nanotime());
}
