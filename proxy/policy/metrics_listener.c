/* The families of listeners and of their certificates. */
#include "proxy/policy/metrics_family.h"
#include "proxy/policy/registry.h"

static struct labels by_listener(const struct inventory_listener *l, const char *name, const char *value)
{
	return (struct labels){{{"listener", l->counts->name}, {name, value}}};
}

static const struct inventory_listener *listener_of(const struct metrics_at *pg, unsigned i, struct listener_stats *n)
{
	const struct inventory_listener *l = &pg->inv->listeners[i];

	*n = (struct listener_stats){0};
	if (!l->listed)
		return NULL;
	listener_stats_sum(n, l->counts->stats, pg->inv->registry->nworkers);
	return l;
}

/* A family of one series a listener. */
static void write_number(const struct metrics_at *pg, unsigned i, uint64_t (*number)(const struct listener_stats *n))
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);
	struct labels labels;

	if (l == NULL)
		return;
	labels = by_listener(l, NULL, NULL);
	prometheus_value(&pg->to, pg->name, &labels, number(&n));
}

static uint64_t number_of_connections(const struct listener_stats *n)
{
	return n->connections;
}

void metrics_connections(const struct metrics_at *pg, unsigned i)
{
	write_number(pg, i, number_of_connections);
}

void metrics_active(const struct metrics_at *pg, unsigned i)
{
	write_number(pg, i, listener_stats_active);
}

/* Both families are parts of one table, so that each connection is in exactly one of them. */
static void write_reasons(const struct metrics_at *pg, unsigned i, bool rejected)
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);

	for (enum close_reason why = CLOSE_NONE + 1; l != NULL && why < CLOSE_REASONS; why++) {
		struct labels labels = by_listener(l, "reason", close_word(why));

		if (close_rejected(why) == rejected)
			prometheus_value(&pg->to, pg->name, &labels, n.closed[why]);
	}
}

void metrics_closed(const struct metrics_at *pg, unsigned i)
{
	write_reasons(pg, i, false);
}

void metrics_rejected(const struct metrics_at *pg, unsigned i)
{
	write_reasons(pg, i, true);
}

void metrics_bytes(const struct metrics_at *pg, unsigned i)
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);
	struct labels in, out;

	if (l == NULL)
		return;
	in = by_listener(l, "direction", "in");
	out = by_listener(l, "direction", "out");
	metrics_two(pg, &in, n.bytes_in, &out, n.bytes_out);
}

static uint64_t number_of_spliced(const struct listener_stats *n)
{
	return n->spliced;
}

void metrics_spliced(const struct metrics_at *pg, unsigned i)
{
	write_number(pg, i, number_of_spliced);
}

static uint64_t number_of_overflows(const struct listener_stats *n)
{
	return n->overflows;
}

void metrics_overflows(const struct metrics_at *pg, unsigned i)
{
	write_number(pg, i, number_of_overflows);
}

/* Of a listener that limits no sources there are none. */
void metrics_source_limited(const struct metrics_at *pg, unsigned i)
{
	static const char *const limits[] = {"connections", "rate"};
	static const char *const hows[LIMITED_HOWS] = {
		[LIMITED_RESET] = "reset",
		[LIMITED_CLOSE] = "close",
		[LIMITED_WAIT] = "wait",
		[LIMITED_DRY_RUN] = "dry_run",
	};
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);

	for (unsigned k = 0; l != NULL && l->limits_sources && k < 2 * LIMITED_HOWS; k++) {
		struct labels labels = by_listener(l, "limit", limits[k / LIMITED_HOWS]);

		labels.at[2] = (struct label){"action", hows[k % LIMITED_HOWS]};
		prometheus_value(&pg->to, pg->name, &labels, n.limited[k / LIMITED_HOWS][k % LIMITED_HOWS]);
	}
}

void metrics_blocked(const struct metrics_at *pg, unsigned i)
{
	static const char *const on[] = {"server_write", "client_write"};
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);

	for (int side = 0; l != NULL && side < 2; side++) {
		struct labels labels = by_listener(l, "on", on[side]);

		prometheus_seconds(&pg->to, pg->name, &labels, (int64_t)n.blocked[side]);
	}
}

/* One that has no label but the listener's. at: where it stands in its stats. */
static void write_histogram(const struct metrics_at *pg, unsigned i, size_t at, const struct histogram_scale *scale)
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);
	struct labels labels;

	if (l == NULL)
		return;
	labels = by_listener(l, NULL, NULL);
	prometheus_histogram(&pg->to, pg->name, &labels, scale,
			     (const struct histogram *)(const void *)((const char *)&n + at));
}

void metrics_lifetime(const struct metrics_at *pg, unsigned i)
{
	write_histogram(pg, i, offsetof(struct listener_stats, lifetime), &histogram_lifetime);
}

void metrics_upgrade_pause(const struct metrics_at *pg, unsigned i)
{
	write_histogram(pg, i, offsetof(struct listener_stats, upgrade_pause), &histogram_latency);
}

void metrics_handshakes(const struct metrics_at *pg, unsigned i)
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);
	struct labels labels;

	if (l == NULL || !l->tls)
		return;
	for (int kind = 0; kind < 4; kind++) {
		labels = by_listener(l, "result", "ok");
		labels.at[2] = (struct label){"version", kind / 2 == 0 ? "1.2" : "1.3"};
		labels.at[3] = (struct label){"resumed", kind % 2 == 0 ? "false" : "true"};
		prometheus_value(&pg->to, pg->name, &labels, n.handshakes[kind / 2][kind % 2]);
	}
	labels = by_listener(l, "result", "failed");
	prometheus_value(&pg->to, pg->name, &labels, n.handshakes_failed);
}

void metrics_handshake(const struct metrics_at *pg, unsigned i)
{
	struct listener_stats n;
	const struct inventory_listener *l = listener_of(pg, i, &n);
	struct labels labels;

	if (l == NULL)
		return;
	labels = by_listener(l, "side", "client");
	if (l->tls)
		prometheus_histogram(&pg->to, pg->name, &labels, &histogram_latency, &n.handshake);
	labels = by_listener(l, "side", "upstream");
	if (l->upstream_tls)
		prometheus_histogram(&pg->to, pg->name, &labels, &histogram_latency, &n.upstream_handshake);
}

void metrics_certificate(const struct metrics_at *pg, unsigned i)
{
	const struct inventory_certificate *c = &pg->inv->certificates[i];
	struct labels l = {{{"listener", c->listener}, {"file", c->file}}};

	prometheus_value(&pg->to, pg->name, &l, c->expires > 0 ? (uint64_t)c->expires : 0);
}
