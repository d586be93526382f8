/* upgrade_counts: walks an inventory, which has every listener, upstream and server that counts, and holds them. */
#include "proxy/control/upgrade_counts.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/control/control.h"
#include "proxy/control/publish.h"
#include "proxy/control/upgrade_state.h"
#include "proxy/metrics/cell_names.h"
#include "proxy/policy/inventory.h"

struct upgrade_counts {
	struct inventory *inv; /* owned */
	uint64_t *told;        /* owned: of each object as the walk meets them, what the other process has */
};

/* ---- old ---- */

/* One walk over all objects. */
struct telling {
	struct state_out *out;
	uint64_t *told; /* of the next object */
};

/* Whose numbers they are. server NULL: of those that the upstream has no more. */
struct counted {
	enum cell_kind kind;
	const char *name, *server;
};

/* What has grown since it was told last; an object that has counted nothing is not named. */
static void tell_grown(struct telling *t, const struct counted *c, const uint64_t *now)
{
	const struct cell_names *names = &cell_names[c->kind];
	uint64_t grown[CELL_NUMBERS_MOST];
	struct handover_writer *w;
	bool any = false;

	for (unsigned i = 0; i < names->nnumbers; i++) {
		grown[i] = now[i] - t->told[i];
		t->told[i] = now[i];
		any |= grown[i] != 0;
	}
	t->told += names->nnumbers;
	if (!any)
		return;
	w = state_item(t->out, HANDOVER_TAG_STATE_COUNTS);
	handover_put_text(w, HANDOVER_TAG_COUNTS_CELL, names->cell);
	handover_put_text(w, HANDOVER_TAG_COUNTS_NAME, c->name);
	handover_put_text(w, HANDOVER_TAG_COUNTS_SERVER, c->server);
	for (unsigned i = 0; i < names->nrows; i++) {
		static const uint64_t zero[CELL_NUMBERS_MOST];
		const struct cell_row *row = &names->rows[i];

		if (memcmp(&grown[row->at], zero, row->n * sizeof(zero[0])) == 0)
			continue;
		handover_put_text(w, HANDOVER_TAG_COUNTS_ROW, row->name);
		handover_put(w, HANDOVER_TAG_COUNTS_NUMBERS, &grown[row->at], row->n * sizeof(grown[0]));
	}
	state_item_end(t->out);
}

/* Of all threads that count, row by row: the table of names has them in the same order. */
static void tell_process(struct telling *t, const struct inventory *inv)
{
	union {
		struct stats s;
		uint64_t numbers[sizeof(struct stats) / sizeof(uint64_t)];
	} total = {0};

	for (unsigned i = 0; i < cell_names[CELL_PROCESS].nrows; i++) {
		struct stats_row row;

		stats_row(i, inv->process.stats, inv->process.nstats, &row);
		total.numbers[cell_names[CELL_PROCESS].rows[i].at] = row.value;
	}
	tell_grown(t, &(struct counted){CELL_PROCESS, NULL, NULL}, total.numbers);
}

/* Those that are no more first: their sum has no name, and is a part of the totals of the process alone. */
static void tell_listeners(struct telling *t, const struct inventory *inv)
{
	union {
		struct listener_stats s;
		uint64_t numbers[sizeof(struct listener_stats) / sizeof(uint64_t)];
	} total;

	memcpy(&total.s, inv->gone, sizeof(total.s));
	tell_grown(t, &(struct counted){CELL_LISTENER, NULL, NULL}, total.numbers);
	for (unsigned i = 0; i < inv->nlisteners; i++) {
		memset(&total, 0, sizeof(total));
		listener_stats_sum(&total.s, inv->listeners[i].counts->stats, inv->registry->nworkers);
		tell_grown(t, &(struct counted){CELL_LISTENER, inv->listeners[i].counts->name, NULL}, total.numbers);
	}
}

/* The upstream's that are no more, then each that lives, whether this generation lists it or only an older one. What a
 * server counts in between is in the next difference, since what was read is what was told. */
static void tell_servers(struct telling *t, const struct inventory *inv, const struct inventory_upstream *u)
{
	union {
		struct server_stats s;
		uint64_t numbers[sizeof(struct server_stats) / sizeof(uint64_t)];
	} total;

	memcpy(&total.s, &u->gone, sizeof(total.s));
	tell_grown(t, &(struct counted){CELL_SERVER, u->live->name, NULL}, total.numbers);
	for (unsigned i = u->first; i < u->first + u->n; i++) {
		const struct server *s = inv->servers[i].server;

		memset(&total, 0, sizeof(total));
		server_stats_sum(&total.s, s->stats, inv->registry->nworkers);
		tell_grown(t, &(struct counted){CELL_SERVER, u->live->name, s->name}, total.numbers);
	}
}

/* Each with its servers behind it. */
static void tell_upstreams(struct telling *t, const struct inventory *inv)
{
	union {
		struct upstream_stats s;
		uint64_t numbers[sizeof(struct upstream_stats) / sizeof(uint64_t)];
	} total;

	for (unsigned i = 0; i < inv->nupstreams; i++) {
		memset(&total, 0, sizeof(total));
		upstream_stats_sum(&total.s, inv->upstreams[i].live->stats, inv->registry->nworkers);
		tell_grown(t, &(struct counted){CELL_UPSTREAM, inv->upstreams[i].live->name, NULL}, total.numbers);
		tell_servers(t, inv, &inv->upstreams[i]);
	}
}

/* As many numbers as the walk meets. */
static size_t numbers_of(const struct inventory *inv)
{
	return cell_names[CELL_PROCESS].nnumbers + (inv->nlisteners + 1) * cell_names[CELL_LISTENER].nnumbers +
	       inv->nupstreams * cell_names[CELL_UPSTREAM].nnumbers +
	       (inv->nservers + inv->nupstreams) * cell_names[CELL_SERVER].nnumbers;
}

/* Returns NULL: no memory; then nothing is told. */
static struct upgrade_counts *upgrade_counts_new(struct process *p)
{
	struct upgrade_counts *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->inv = publish_list(p);
	if (c->inv != NULL)
		c->told = calloc(numbers_of(c->inv), sizeof(*c->told));
	return c->told != NULL ? c : upgrade_counts_free(c);
}

struct upgrade_counts *upgrade_counts_free(struct upgrade_counts *c)
{
	if (c == NULL)
		return NULL;
	inventory_free(c->inv);
	free(c->told);
	free(c);
	return NULL;
}

/* The first call lists all there is, and holds it: an object that has ended by the next one is told of all the same. */
void part_write_counts(struct state_out *o)
{
	struct upgrade *u = &o->p->upgrade;
	struct telling t = {.out = o};

	if (u->counts == NULL)
		u->counts = upgrade_counts_new(o->p);
	if (u->counts == NULL)
		return;
	t.told = u->counts->told;
	tell_process(&t, u->counts->inv);
	tell_listeners(&t, u->counts->inv);
	tell_upstreams(&t, u->counts->inv);
}

/* ---- new ---- */

/* What an item says, in the order of our own cells. */
struct counts_item {
	bool known; /* the kind */
	enum cell_kind kind;
	struct handover_field name, server; /* p NULL: not said */
	uint64_t numbers[CELL_NUMBERS_MOST];
};

static bool counts_text_is(const struct handover_field *f, const char *text)
{
	return f->p != NULL && strlen(text) == f->n && memcmp(text, f->p, f->n) == 0;
}

/* A kind that is not ours leaves the item unknown. */
static void read_cell(struct counts_item *item, const struct handover_field *f)
{
	for (unsigned i = 0; i < CELL_KINDS; i++) {
		if (!counts_text_is(f, cell_names[i].cell))
			continue;
		item->known = true;
		item->kind = (enum cell_kind)i;
	}
}

/* A number that is not counted here any more is left out.   Returns  false: no numbers. */
static bool read_numbers(struct counts_item *item, const struct handover_field *name, const struct handover_field *f)
{
	const struct cell_row *row = item->known ? cell_row_named(item->kind, name->p, name->n) : NULL;
	size_t n = f->n / sizeof(uint64_t);

	if (f->n % sizeof(uint64_t) != 0)
		return false;
	if (row != NULL)
		memcpy(&item->numbers[row->at], f->p, (n < row->n ? n : row->n) * sizeof(uint64_t));
	return true;
}

/* Fields that are not known are passed over; a number stands behind its name. */
static bool read_counts(const struct handover_field *group, struct counts_item *out)
{
	struct handover_field f, row = {0};
	struct handover_reader r;
	bool sound = true;

	memset(out, 0, sizeof(*out));
	handover_read_group(&r, group);
	while (handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_COUNTS_CELL)
			read_cell(out, &f);
		else if (f.tag == HANDOVER_TAG_COUNTS_NAME)
			out->name = f;
		else if (f.tag == HANDOVER_TAG_COUNTS_SERVER)
			out->server = f;
		else if (f.tag == HANDOVER_TAG_COUNTS_ROW)
			row = f;
		else if (f.tag == HANDOVER_TAG_COUNTS_NUMBERS)
			sound = sound && read_numbers(out, &row, &f);
		else if (f.must)
			return false;
	}
	return sound && !r.bad;
}

/* Ours of that name: snapshots that are not in force any more may have others. */
static struct listener_counts *counts_named(struct registry *r, const struct handover_field *name)
{
	list_for_each(it, &r->listeners) {
		struct listener_counts *counts = list_entry(it, struct listener_counts, link);

		if (!counts->retired && counts_text_is(name, counts->name))
			return counts;
	}
	return NULL;
}

/* All generations of an upstream have one. */
static struct upstream_live *live_named(struct registry *r, const struct handover_field *name)
{
	list_for_each(it, server_registry_lives(r->servers))
		if (counts_text_is(name, list_entry(it, struct upstream_live, link)->name))
			return list_entry(it, struct upstream_live, link);
	return NULL;
}

/* By its whole name, which has the address: the text in a file may be another for the same address. */
static struct server *counts_server(struct upstream_live *live, const struct handover_field *name)
{
	list_for_each(it, &live->servers) {
		struct server *s = list_entry(it, struct server, link);

		if (!s->retired && counts_text_is(name, s->name))
			return s;
	}
	return NULL;
}

/* A cell, and whether the first worker writes it; else the control thread does. */
struct place {
	void *cell;
	bool workers;
};

/* Of what our file does not have the totals stay: a listener's in those of the process, a server's in those of its
 * upstream.   Returns  a cell NULL: none. */
static struct place counts_place(struct process *p, const struct counts_item *item)
{
	struct listener_counts *counts;
	struct upstream_live *live;
	struct server *s;

	if (item->kind == CELL_PROCESS)
		return (struct place){&p->stats, false};
	if (item->kind == CELL_LISTENER) {
		counts = counts_named(&p->registry, &item->name);
		return counts != NULL ? (struct place){&counts->stats[0], true} :
					(struct place){p->registry.gone, false};
	}
	live = live_named(&p->registry, &item->name);
	if (live == NULL)
		return (struct place){0};
	if (item->kind == CELL_UPSTREAM)
		return (struct place){&live->stats[0], true};
	s = counts_server(live, &item->server);
	return s != NULL ? (struct place){&s->stats[0], true} : (struct place){&live->gone, false};
}

struct addition {
	uint64_t *to;
	const struct counts_item *item;
};

/* On the worker that writes the cell, so that no addition of its own is lost; or, for what control writes, here. */
static void add_numbers(struct shard *s, void *arg)
{
	const struct addition *a = arg;

	(void)s;
	for (unsigned i = 0; i < cell_names[a->item->kind].nnumbers; i++)
		if (a->item->numbers[i] != 0)
			relaxed_add(&a->to[i], a->item->numbers[i]);
}

bool part_read_counts(struct process *p, struct snapshot *snap, const struct handover_field *group)
{
	struct counts_item item;
	struct addition a = {.item = &item};
	struct place place;

	(void)snap;
	if (!read_counts(group, &item))
		return false;
	if (!item.known)
		return true;
	/* Not taken to heart: numbers of an object that our file does not have. */
	place = counts_place(p, &item);
	a.to = place.cell;
	if (place.workers)
		shard_call(&p->shards[0], add_numbers, &a);
	else if (place.cell != NULL)
		add_numbers(NULL, &a);
	return true;
}
