/* The families of the process, and those of limits. */
#include <string.h>

#include "proxy/base/limit.h"
#include "proxy/metrics/process_stats.h"
#include "proxy/policy/metrics_family.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/source.h"
#include "proxy/policy/usable.h"
#include "proxy/upstream/server.h"

/* ---- the process ---- */

void metrics_build_info(const struct metrics_at *pg, unsigned i)
{
	struct labels l = {{{"version", pg->inv->process.version}}};

	(void)i;
	prometheus_value(&pg->to, pg->name, &l, 1);
}

void metrics_generation(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0}, pg->inv->generation);
}

void metrics_reloaded(const struct metrics_at *pg, unsigned i)
{
	const uint32_t *failed = pg->inv->process.reload_failed;

	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0},
		failed == NULL || __atomic_load_n(failed, __ATOMIC_RELAXED) == 0);
}

void metrics_published(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_seconds(&pg->to, pg->name, &(struct labels){0}, pg->inv->published);
}

#define THREAD_NAME 24

static struct labels by_thread(char room[THREAD_NAME], unsigned i)
{
	struct text name;

	memset(room, 0, THREAD_NAME);
	text_init(&name, room, THREAD_NAME - 1);
	text_str(&name, "worker ");
	text_u64(&name, i);
	return (struct labels){{{"thread", room}}};
}

void metrics_wakeups(const struct metrics_at *pg, unsigned i)
{
	char room[THREAD_NAME];
	struct labels labels = by_thread(room, i);
	struct np_worker_stats s;

	np_worker_stats(pg->inv->process.workers[i], &s);
	prometheus_value(&pg->to, pg->name, &labels, s.polls);
}

void metrics_busy(const struct metrics_at *pg, unsigned i)
{
	char room[THREAD_NAME];
	struct labels labels = by_thread(room, i);
	struct np_worker_stats s;

	np_worker_stats(pg->inv->process.workers[i], &s);
	prometheus_seconds(&pg->to, pg->name, &labels, s.cpu);
}

/* ---- what the kernel says of it ---- */

static struct process_stats stats_now(void)
{
	struct process_stats s;

	process_stats_read(&s);
	return s;
}

void metrics_memory(const struct metrics_at *pg, unsigned i)
{
	const struct process_stats s = stats_now();
	const struct {
		const char *kind;
		uint64_t bytes;
	} rows[] = {{"anonymous", s.anonymous}, {"file", s.file}};

	(void)i;
	for (size_t j = 0; j < array_len(rows); j++)
		prometheus_value(&pg->to, pg->name, &(struct labels){{{"kind", rows[j].kind}}}, rows[j].bytes);
}

void metrics_process_cpu(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_seconds(&pg->to, pg->name, &(struct labels){0}, stats_now().cpu);
}

void metrics_process_began(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_seconds(&pg->to, pg->name, &(struct labels){0}, stats_now().began);
}

void metrics_process_resident(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0}, stats_now().resident);
}

void metrics_process_virtual(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0}, stats_now().virtual_bytes);
}

void metrics_process_descriptors(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0}, stats_now().descriptors);
}

void metrics_process_most_descriptors(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	prometheus_value(&pg->to, pg->name, &(struct labels){0}, stats_now().most_descriptors);
}

/* Of a process that has never limited any there is none. */
void metrics_sources(const struct metrics_at *pg, unsigned i)
{
	(void)i;
	if (pg->inv->sources != NULL)
		prometheus_value(&pg->to, pg->name, &(struct labels){0}, source_known(pg->inv->sources));
}

/* ---- limits: the process's, two of each listener, each upstream's queue, each server's; where bounds are ---- */

struct bound {
	const struct limit *limit; /* NULL: none */
	uint32_t max;
	struct labels labels;
};

/* Of connections, or of handshakes. */
static struct bound bound_of_listener(const struct inventory_listener *l, bool connections)
{
	const char *limit = connections ? "connections" : "handshakes";
	struct bound b = {.labels = {{{"limit", limit}, {"listener", l->counts->name}}}};

	b.max = connections ? l->max_connections : l->max_handshakes;
	if (l->listed && b.max != UINT32_MAX && (connections || l->tls))
		b.limit = connections ? &l->counts->limit : &l->counts->handshakes_limit;
	return b;
}

static struct bound bound_of_queue(const struct inventory_upstream *u)
{
	struct bound b = {.labels = {{{"limit", "queue"}, {"upstream", u->live->name}}}};

	b.max = u->listed ? u->queue_max : 0;
	if (b.max != 0)
		b.limit = &u->live->queue;
	return b;
}

static struct bound bound_of_server(const struct inventory_server *s)
{
	struct bound b = {.labels = {{{"limit", "server_connections"}, {"upstream", s->server->live->name},
				      {"server", s->server->text}}}};

	b.max = s->listed ? usable_most(s) : 0;
	if (b.max != 0)
		b.limit = &s->server->slots;
	return b;
}

/* In the order of the head of this section. Those of servers make a page large, so they go with their families. */
static struct bound bound_of(const struct metrics_at *pg, unsigned i)
{
	const struct inventory *inv = pg->inv;

	if (i == 0)
		return (struct bound){inv->process.connections, inv->max_connections, {{{"limit", "connections"}}}};
	i -= 1;
	if (i < 2 * inv->nlisteners)
		return bound_of_listener(&inv->listeners[i / 2], i % 2 == 0);
	i -= 2 * inv->nlisteners;
	if (i < inv->nupstreams)
		return bound_of_queue(&inv->upstreams[i]);
	return pg->left_out == 0 ? bound_of_server(&inv->servers[i - inv->nupstreams]) : (struct bound){0};
}

static void write_limit(const struct metrics_at *pg, unsigned i, uint64_t (*number)(const struct bound *b))
{
	struct bound b = bound_of(pg, i);

	if (b.limit != NULL)
		prometheus_value(&pg->to, pg->name, &b.labels, number(&b));
}

static uint64_t bound_used(const struct bound *b)
{
	return limit_used(b->limit);
}

static uint64_t bound_max(const struct bound *b)
{
	return b->max;
}

static uint64_t bound_high(const struct bound *b)
{
	return __atomic_load_n(&b->limit->high, __ATOMIC_RELAXED);
}

static uint64_t bound_hits(const struct bound *b)
{
	return __atomic_load_n(&b->limit->hits, __ATOMIC_RELAXED);
}

void metrics_limit_usage(const struct metrics_at *pg, unsigned i)
{
	write_limit(pg, i, bound_used);
}

void metrics_limit_max(const struct metrics_at *pg, unsigned i)
{
	write_limit(pg, i, bound_max);
}

void metrics_limit_high(const struct metrics_at *pg, unsigned i)
{
	write_limit(pg, i, bound_high);
}

void metrics_limit_hits(const struct metrics_at *pg, unsigned i)
{
	write_limit(pg, i, bound_hits);
}
