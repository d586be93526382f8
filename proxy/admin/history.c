/* history: differences of two seconds' counts. */
#include "proxy/admin/history.h"

#include <sys/resource.h>

#include "proxy/admin/rates.h"
#include "proxy/policy/usable.h"

static const struct {
	const char *word, *unit;
	bool gauge;
} series_known[] = {
#define X(series, word, unit, gauge) {#word, #unit, gauge},
	HISTORY_TBL(X)
#undef X
};

const char *history_word(enum history_series s)
{
	return series_known[s].word;
}

const char *history_unit(enum history_series s)
{
	return series_known[s].unit;
}

/* ---- counts ---- */

static void count_listeners(const struct inventory *inv, struct history_counts *out)
{
	struct listener_stats n = {0};

	inventory_totals(inv, &n);
	out->v[HISTORY_ACTIVE] = listener_stats_active(&n);
	out->v[HISTORY_ACCEPTED] = n.connections;
	out->v[HISTORY_BYTES_IN] = n.bytes_in;
	out->v[HISTORY_BYTES_OUT] = n.bytes_out;
	out->v[HISTORY_HANDSHAKES] = histogram_count(&n.handshake);
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++) {
		out->v[HISTORY_REJECTED] += close_rejected(why) ? n.closed[why] : 0;
		out->v[HISTORY_FAILED] += rates_is_fault(why) ? n.closed[why] : 0;
	}
}

static void count_upstreams(const struct inventory *inv, struct history_counts *out)
{
	for (unsigned i = 0; i < inv->nupstreams; i++) {
		struct server_stats n = {0};
		uint64_t retries = 0;

		inventory_upstream_totals(inv, &inv->upstreams[i], &n, &retries);
		out->v[HISTORY_CONNECTS] += histogram_count(&n.connect);
		out->v[HISTORY_CONNECT_ERRORS] += rates_connects_failed(&n);
		out->v[HISTORY_RETRIES] += retries;
		histogram_sum(&out->connect, &n.connect);
		histogram_sum(&out->first_byte, &n.first_byte);
	}
}

int64_t history_cpu(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use) != 0)
		return 0;
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * NP_S +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * NP_US;
}

void history_count(const struct inventory *inv, struct history_counts *out)
{
	count_listeners(inv, out);
	count_upstreams(inv, out);
	out->v[HISTORY_USABLE] = usable_count(inv, NULL).usable;
	out->cpu = history_cpu();
}

/* ---- one second ---- */

static uint64_t added(uint64_t from, uint64_t to, int64_t ns)
{
	return to > from ? (uint64_t)((double)(to - from) * NP_S / (double)ns + 0.5) : 0;
}

static void note_latency(uint64_t row[HISTORY_SERIES], enum history_series p50, enum history_series p99,
			 const struct histogram *h)
{
	int64_t half = histogram_quantile(h, &histogram_latency, 500);
	int64_t most = histogram_quantile(h, &histogram_latency, 990);

	row[p50] = half < 0 ? HISTORY_NONE : (uint64_t)(half / NP_US);
	row[p99] = most < 0 ? HISTORY_NONE : (uint64_t)(most / NP_US);
}

void history_note(struct history *h, const struct history_counts *c, int64_t now, int64_t wall)
{
	struct history_counts last = *c;
	int64_t ns = now - h->before_at;
	uint64_t *row = h->v[h->n % HISTORY_SECONDS];

	histogram_since(&last.connect, &h->before.connect);
	histogram_since(&last.first_byte, &h->before.first_byte);
	if (h->before_at != 0 && ns > 0) {
		for (unsigned i = 0; i < HISTORY_SERIES; i++)
			row[i] = series_known[i].gauge ? c->v[i] : added(h->before.v[i], c->v[i], ns);
		note_latency(row, HISTORY_CONNECT_P50, HISTORY_CONNECT_P99, &last.connect);
		note_latency(row, HISTORY_BYTE_P50, HISTORY_BYTE_P99, &last.first_byte);
		row[HISTORY_CPU] = (uint64_t)(c->cpu - h->before.cpu) * 1000 / (uint64_t)ns;
		h->at[h->n++ % HISTORY_SECONDS] = wall;
	}
	h->before = *c;
	h->before_at = now;
}

unsigned history_length(const struct history *h)
{
	return h->n < HISTORY_SECONDS ? (unsigned)h->n : HISTORY_SECONDS;
}

unsigned history_row(const struct history *h, unsigned i)
{
	return (unsigned)((h->n - history_length(h) + i) % HISTORY_SECONDS);
}
