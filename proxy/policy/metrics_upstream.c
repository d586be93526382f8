/* The families of upstreams and of their servers. */
#include "proxy/policy/metrics_family.h"
#include "proxy/policy/registry.h"
#include "proxy/upstream/server.h"

/* ---- upstreams ---- */

static struct labels by_upstream(const struct inventory_upstream *u)
{
	return (struct labels){{{"upstream", u->live->name}}};
}

static const struct inventory_upstream *upstream_of(const struct metrics_at *pg, unsigned i, struct server_stats *total,
						    uint64_t *retries)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];

	if (!u->listed)
		return NULL;
	inventory_upstream_totals(pg->inv, u, total, retries);
	return u;
}

void metrics_connect(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	uint64_t retries;
	const struct inventory_upstream *u = upstream_of(pg, i, &n, &retries);
	struct labels labels;

	if (u == NULL)
		return;
	labels = by_upstream(u);
	prometheus_histogram(&pg->to, pg->name, &labels, &histogram_latency, &n.connect);
}

void metrics_first_byte(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	uint64_t retries;
	const struct inventory_upstream *u = upstream_of(pg, i, &n, &retries);
	struct labels labels;

	if (u == NULL)
		return;
	labels = by_upstream(u);
	prometheus_histogram(&pg->to, pg->name, &labels, &histogram_latency, &n.first_byte);
}

void metrics_retries(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	uint64_t retries;
	const struct inventory_upstream *u = upstream_of(pg, i, &n, &retries);
	struct labels labels;

	if (u == NULL)
		return;
	labels = by_upstream(u);
	prometheus_value(&pg->to, pg->name, &labels, retries);
}

void metrics_panic(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];
	struct labels labels = by_upstream(u);
	unsigned percent;

	if (u->listed)
		prometheus_value(&pg->to, pg->name, &labels, inventory_panics(pg->inv, u, &percent));
}

void metrics_dns_members(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];
	struct labels labels = by_upstream(u);

	if (u->listed && u->dns_members >= 0)
		prometheus_value(&pg->to, pg->name, &labels, (uint64_t)u->dns_members);
}

/* A count of each result; of: its place in struct upstream_stats. */
static void write_results(const struct metrics_at *pg, const struct inventory_upstream *u, const char *const *words,
			  unsigned nwords, size_t of)
{
	for (unsigned r = 0; u->listed && r < nwords; r++) {
		struct labels labels = {{{"upstream", u->live->name}, {"result", words[r]}}};
		uint64_t n = 0;

		for (unsigned j = 0; j < pg->inv->registry->nworkers; j++) {
			const uint64_t *counts = (const void *)((const char *)&u->live->stats[j] + of);

			n += __atomic_load_n(&counts[r], __ATOMIC_RELAXED);
		}
		prometheus_value(&pg->to, pg->name, &labels, n);
	}
}

void metrics_hedges(const struct metrics_at *pg, unsigned i)
{
	static const char *const words[] = {
#define X(id, word) word,
		HEDGE_TBL(X)
#undef X
	};

	write_results(pg, &pg->inv->upstreams[i], words, HEDGE_RESULTS, offsetof(struct upstream_stats, hedges));
}

void metrics_replays(const struct metrics_at *pg, unsigned i)
{
	static const char *const words[] = {
#define X(id, word) word,
		REPLAY_TBL(X)
#undef X
	};

	write_results(pg, &pg->inv->upstreams[i], words, REPLAY_RESULTS, offsetof(struct upstream_stats, replays));
}

/* All generations of its name have one queue. */
static void write_of_upstream(const struct metrics_at *pg, const struct inventory_upstream *u, uint64_t n)
{
	struct labels labels = by_upstream(u);

	if (u->listed)
		prometheus_value(&pg->to, pg->name, &labels, n);
}

void metrics_queue_length(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];

	write_of_upstream(pg, u, upstream_waiting(u->live));
}

void metrics_queue_high(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];

	write_of_upstream(pg, u, __atomic_load_n(&u->live->queue.high, __ATOMIC_RELAXED));
}

void metrics_queue_timeouts(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];

	write_of_upstream(pg, u, __atomic_load_n(&u->live->late.hits, __ATOMIC_RELAXED));
}

void metrics_queue_wait(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_upstream *u = &pg->inv->upstreams[i];
	struct labels labels = by_upstream(u);
	struct histogram sum = {0};

	for (unsigned j = 0; j < pg->inv->registry->nworkers; j++)
		histogram_sum(&sum, &u->live->stats[j].queue_wait);
	if (u->listed)
		prometheus_histogram(&pg->to, pg->name, &labels, &histogram_latency, &sum);
}

/* ---- servers ---- */

static struct labels by_server(const struct server *s, const char *name, const char *value)
{
	return (struct labels){{{"upstream", s->live->name}, {"server", s->text}, {name, value}}};
}

static const struct inventory_server *server_of(const struct metrics_at *pg, unsigned i, struct server_stats *total)
{
	const struct inventory_server *s = &pg->inv->servers[i];

	*total = (struct server_stats){0};
	if (!s->listed)
		return NULL;
	server_stats_sum(total, s->server->stats, pg->inv->registry->nworkers);
	return s;
}

void metrics_server_bytes(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	const struct inventory_server *s = server_of(pg, i, &n);
	struct labels in, out;

	if (s == NULL)
		return;
	in = by_server(s->server, "direction", "in");
	out = by_server(s->server, "direction", "out");
	metrics_two(pg, &in, n.bytes_in, &out, n.bytes_out);
}

void metrics_early_ends(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	const struct inventory_server *s = server_of(pg, i, &n);
	struct labels end, reset;

	if (s == NULL)
		return;
	end = by_server(s->server, "reason", "end");
	reset = by_server(s->server, "reason", "reset");
	metrics_two(pg, &end, n.early_ends, &reset, n.early_resets);
}

/* Each kind of fault has its series from the start, so that the first ejection is an increase. */
void metrics_ejections(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];

	for (unsigned f = 0; s->listed && f < FAULTS; f++) {
		struct labels labels = by_server(s->server, "reason", fault_word((enum fault)f));

		prometheus_value(&pg->to, pg->name, &labels, STAT_GET(&s->server->passive, ejections[f]));
	}
}

void metrics_ejections_capped(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	struct labels labels = by_server(s->server, NULL, NULL);

	if (s->listed)
		prometheus_value(&pg->to, pg->name, &labels, STAT_GET(&s->server->passive, capped));
}

void metrics_probes(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];

	for (unsigned r = 0; s->listed && r < PROBE_RESULTS; r++) {
		struct labels labels = by_server(s->server, "result", probe_result_word((enum probe_result)r));

		prometheus_value(&pg->to, pg->name, &labels, STAT_GET(&s->server->checked, probes[r]));
	}
}

static bool is_checked(const struct inventory_server *s)
{
	return s->listed && server_inputs(server_now(s->server)).check != SERVER_CHECK_NONE;
}

/* Each result has its series from the start, as faults have. */
void metrics_checks(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];

	for (unsigned r = 0; is_checked(s) && r < CHECK_RESULTS; r++) {
		struct labels labels = by_server(s->server, "result", check_result_word((enum check_result)r));

		if (r != CHECK_LATE)
			prometheus_value(&pg->to, pg->name, &labels, STAT_GET(&s->server->checked, results[r]));
	}
}

void metrics_checks_late(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	struct labels labels = by_server(s->server, NULL, NULL);

	if (is_checked(s))
		prometheus_value(&pg->to, pg->name, &labels, STAT_GET(&s->server->checked, results[CHECK_LATE]));
}

/* Of upstreams with warm; each state has its series from the start. */
void metrics_warm(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	const struct inventory_server *s = server_of(pg, i, &n);
	uint64_t have = n.warm_idle + n.warm_dials;
	const struct {
		const char *state;
		uint64_t n;
	} rows[] = {
		{"idle", n.warm_idle}, {"connecting", n.warm_dials},
		{"missing", n.warm_wanted > have ? n.warm_wanted - have : 0},
	};

	for (size_t j = 0; s != NULL && s->warm && j < array_len(rows); j++) {
		struct labels labels = by_server(s->server, "state", rows[j].state);

		prometheus_value(&pg->to, pg->name, &labels, rows[j].n);
	}
}

/* 0: good, 1: it holds the server out, 2: in between. */
void metrics_server_inputs(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	const struct server_inputs in = server_inputs(server_now(s->server));
	const struct {
		const char *input;
		unsigned state;
	} rows[] = {
		{"admin", in.admin != SERVER_READY},
		{"check", in.check == SERVER_CHECK_UNKNOWN ? 2 : in.check == SERVER_CHECK_DOWN},
		{"passive", in.passive == SERVER_SPARE ? 2 : in.passive != SERVER_IN},
		{"dns", in.leaving},
		{"agent", in.agent != SERVER_AGENT_READY},
	};

	for (size_t j = 0; s->listed && j < array_len(rows); j++) {
		struct labels labels = by_server(s->server, "input", rows[j].input);

		prometheus_value(&pg->to, pg->name, &labels, rows[j].state);
	}
}

void metrics_weight(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	struct labels labels = by_server(s->server, NULL, NULL);

	if (s->listed)
		prometheus_value(&pg->to, pg->name, &labels, server_weight(server_now(s->server), s->weight));
}

void metrics_connects(const struct metrics_at *pg, unsigned i)
{
	struct server_stats n;
	const struct inventory_server *s = server_of(pg, i, &n);
	const struct {
		const char *result;
		uint64_t n;
	} rows[] = {
		{"ok", histogram_count(&n.connect)}, {"refused", n.refused}, {"timeout", n.timeout},
		{"reset", n.reset}, {"failed", n.failed},
	};

	for (size_t j = 0; s != NULL && j < array_len(rows); j++) {
		struct labels labels = by_server(s->server, "result", rows[j].result);

		prometheus_value(&pg->to, pg->name, &labels, rows[j].n);
	}
}

void metrics_server_active(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	struct labels labels = by_server(s->server, NULL, NULL);

	if (s->listed)
		prometheus_value(&pg->to, pg->name, &labels, server_active(s->server));
}

void metrics_server_up(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_server *s = &pg->inv->servers[i];
	struct labels labels = by_server(s->server, NULL, NULL);

	if (s->listed)
		prometheus_value(&pg->to, pg->name, &labels,
				 server_usable(server_now(s->server), s->weight, NULL) == USABLE_YES);
}
