/* publish: readers, told of each publication; and the second's tick for bytes of live connections. */
#include "proxy/control/publish.h"

#include <stdlib.h>

#include "config/config.h"
#include "proxy/conn/tally.h"
#include "proxy/conn/warm.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/policy/inventory.h"

#define TALLY_EVERY NP_S

static struct inventory_process described(const struct process *p)
{
	return (struct inventory_process){
		.version = p->version,
		.connections = &p->limit,
		.reload_failed = &p->publishing.reload_failed,
		.stats = p->publishing.stats,
		.nstats = p->nshards + 1,
		.workers = p->workers,
		.nworkers = p->nworkers,
	};
}

/* On the control worker's loop. */
static void ask_for_tally(struct np_timer *t)
{
	struct process *p = container_of(t, struct process, publishing.tick);

	uint32_t descriptors = capacity_descriptors_used();

	for (unsigned i = 0; i < p->nshards; i++)
		tally_ask(&p->shards[i], p->publishing.log_every);
	if (descriptors > __atomic_load_n(&p->watch.descriptors.high, __ATOMIC_RELAXED))
		limit_note_high(&p->watch.descriptors, descriptors);
	np_timer_set(t, np_now() + TALLY_EVERY);
}

/* fn says whether it runs: a timer that was never set has none. */
static void tick_stop(struct process *p)
{
	if (p->publishing.tick.fn != NULL)
		np_timer_stop(&p->publishing.tick);
	p->publishing.tick.fn = NULL;
}

/* Workers without a reader, and without records to write, sleep on. */
static void tick_if_needed(struct process *p)
{
	if (!p->publishing.numbers && p->publishing.log_every == 0) {
		tick_stop(p);
		return;
	}
	if (p->publishing.tick.fn != NULL)
		return;
	p->publishing.tick.fn = ask_for_tally;
	np_timer_set(&p->publishing.tick, np_now() + TALLY_EVERY);
}

/* Each reader has a list of its own: it is posted back by the thread that has it. */
static void publish_one(struct process *p, struct inventory_reader *reader)
{
	const struct inventory_process process = described(p);
	struct inventory *inv = inventory_new(&p->registry, p->snap, &process);

	if (inv != NULL)
		inventory_post(inv, reader);
	else
		log_msg(LVL_ERROR, "metrics_failed",
			"metrics still show generation %llu's objects or older: out of memory",
			(unsigned long long)p->snap->generation - 1);
}

bool publish_before(struct process *p, struct inventory_reader *reader, const struct snapshot *snap)
{
	const struct inventory_process process = described(p);
	struct inventory *inv = inventory_new(&p->registry, snap, &process);

	if (inv != NULL)
		inventory_post(inv, reader);
	return inv != NULL;
}

struct inventory *publish_list(struct process *p)
{
	const struct inventory_process process = described(p);

	return inventory_new(&p->registry, p->snap, &process);
}

static bool any_warm(const struct config *c)
{
	for (size_t i = 0; i < c->nupstreams; i++)
		if (c->upstreams[i].warm.connections != CONFIG_OFF)
			return true;
	return false;
}

/* Workers that have never kept a connection ready hear nothing. In a drain each has given up what it had. */
static void publish_warm(struct process *p)
{
	bool warm = any_warm(p->snap->config);
	unsigned most = capacity_warm(p->nshards, p->snap->config) / p->nshards;
	int err = 0;

	if ((!warm && !p->publishing.warm) || __atomic_load_n(&p->stage, __ATOMIC_RELAXED) == STAGE_DRAINING)
		return;
	for (unsigned i = 0; i < p->nshards; i++)
		if (warm_serve(&p->shards[i], p->snap, most) != 0)
			err = -NP_ENOMEM;
	p->publishing.warm = warm || err != 0; /* the next publication tells those that have not heard */
	if (err != 0)
		log_msg(LVL_ERROR, "out_of_memory",
			"connections are kept ready as before generation %llu: out of memory",
			(unsigned long long)p->snap->generation);
}

void publish_again(struct process *p)
{
	int64_t every;

	DCHECK(np_self() == p->registry.control, "control publishes");
	if (p->snap == NULL)
		return;
	/* kept here, since there is no current snapshot while one is replaced, and the tick may fire then */
	every = p->snap->config->log.periodic;
	p->publishing.log_every = every != CONFIG_OFF ? every : 0;
	tick_if_needed(p);
	for (unsigned i = 0; i < p->publishing.nreaders; i++)
		publish_one(p, p->publishing.readers[i]);
	publish_warm(p);
}

/* One more than there are shards: the control thread counts, too. */
static const struct stats **list_stats(const struct process *p)
{
	const struct stats **all = calloc(p->nshards + 1, sizeof(*all));

	for (unsigned i = 0; all != NULL && i < p->nshards; i++)
		all[i] = &p->shards[i].stats;
	if (all != NULL)
		all[p->nshards] = &p->stats;
	return all;
}

/* The list of threads that count is made once, for all readers.
 * A reader that comes later gets what is in force at once. */
void publish_to(struct process *p, struct inventory_reader *reader, bool numbers)
{
	CHECK(p->publishing.nreaders < PUBLISH_READERS, "there is a place for each reader");
	if (p->publishing.stats == NULL)
		p->publishing.stats = list_stats(p);
	if (p->publishing.stats == NULL) {
		log_msg(LVL_ERROR, "metrics_failed", "there are no metrics: out of memory");
		return;
	}
	p->publishing.readers[p->publishing.nreaders++] = reader;
	p->publishing.numbers |= numbers;
	tick_if_needed(p);
	if (p->snap != NULL)
		publish_one(p, reader);
}

void publish_end(struct process *p, struct inventory_reader *reader)
{
	for (unsigned i = 0; i < p->publishing.nreaders; i++) {
		if (p->publishing.readers[i] != reader)
			continue;
		p->publishing.readers[i] = p->publishing.readers[--p->publishing.nreaders];
		inventory_reader_close(reader);
	}
}

void publish_stop(struct process *p)
{
	DCHECK(p->publishing.nreaders == 0, "every reader has ended");
	tick_stop(p);
	free(p->publishing.stats);
	p->publishing.stats = NULL;
}
