/* minute: windows of the differences of totals. The cells are the workers' own and go on while they are read: what a
 * look misses, the next one has. */
#include "proxy/health/minute.h"

#include "netpoll/check.h"

#define WINDOW_TIME (10 * INT64_C(1000000000))

static void counts_now(struct minute_counts *c, const struct server_stats *cells, unsigned n)
{
	struct server_stats total = {0};

	server_stats_sum(&total, cells, n);
	c->first_byte = total.first_byte;
	c->connect = total.connect;
	c->early = total.early_ends + total.early_resets;
}

void minute_begin(struct server_minute *m, const struct server_stats *cells, unsigned n, int64_t now)
{
	*m = (struct server_minute){.turned = now, .looked = now};
	counts_now(&m->before, cells, n);
}

void minute_look(struct server_minute *m, const struct server_stats *cells, unsigned n, int64_t now)
{
	struct minute_counts total, new;

	DCHECK(m->looked != 0, "a minute has begun before it is looked at");
	counts_now(&total, cells, n);
	new = total;
	histogram_since(&new.first_byte, &m->before.first_byte);
	histogram_since(&new.connect, &m->before.connect);
	new.early -= m->before.early;
	m->before = total;
	if (now - m->looked > 2 * WINDOW_TIME) { /* what is between is of no minute */
		*m = (struct server_minute){.before = total, .turned = now, .looked = now};
		return;
	}
	m->looked = now;
	if (now - m->turned >= WINDOW_TIME) {
		m->turned = now;
		m->at = (m->at + 1) % MINUTE_WINDOWS;
		m->windows[m->at] = (struct minute_counts){0};
	}
	histogram_sum(&m->windows[m->at].first_byte, &new.first_byte);
	histogram_sum(&m->windows[m->at].connect, &new.connect);
	m->windows[m->at].early += new.early;
}

/* Into the window of now, as the next look does. */
void minute_connected(struct server_minute *m, int64_t took)
{
	histogram_add(&m->windows[m->at].connect, &histogram_latency, took);
}

void minute_add(struct minute_counts *sum, const struct server_minute *m)
{
	for (unsigned i = 0; i < MINUTE_WINDOWS; i++) {
		histogram_sum(&sum->first_byte, &m->windows[i].first_byte);
		histogram_sum(&sum->connect, &m->windows[i].connect);
		sum->early += m->windows[i].early;
	}
}
