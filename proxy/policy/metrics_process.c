/* The families of the process, and those of limits. */
#include <string.h>

#include "proxy/base/limit.h"
#include "proxy/metrics/process_stats.h"
#include "proxy/policy/metrics_family.h"
#include "proxy/policy/registry.h"

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

/* ---- limits: the process's, then two of each listener, where there are bounds ---- */

struct bound {
	const struct limit *limit; /* NULL: none */
	uint32_t max;
	struct labels labels;
};

static struct bound bound_of(const struct inventory *inv, unsigned i)
{
	const struct inventory_listener *l;
	struct bound b = {inv->process.connections, inv->max_connections, {{{"limit", "connections"}}}};

	if (i == 0)
		return b;
	l = &inv->listeners[(i - 1) / 2];
	b.labels = (struct labels){{{"limit", i % 2 == 1 ? "connections" : "handshakes"}}};
	b.labels.at[1] = (struct label){"listener", l->counts->name};
	b.max = i % 2 == 1 ? l->max_connections : l->max_handshakes;
	b.limit = i % 2 == 1 ? &l->counts->limit : &l->counts->handshakes_limit;
	if (!l->listed || b.max == UINT32_MAX || (i % 2 == 0 && !l->tls))
		b.limit = NULL;
	return b;
}

static void write_limit(const struct metrics_at *pg, unsigned i, uint64_t (*number)(const struct bound *b))
{
	struct bound b = bound_of(pg->inv, i);

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
