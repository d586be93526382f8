/* The page: its families in their order, and the cursor that writes them in blocks. */
#include "proxy/policy/metrics_page.h"

#include <string.h>

#include "netpoll/check.h"
#include "proxy/policy/metrics_family.h"
#include "proxy/policy/registry.h"
#include "proxy/policy/usable.h"

enum objects { ONE, THREADS, CERTIFICATES, LIMITS, LISTENERS, UPSTREAMS, SERVERS, CHECKED, WARMED, DROPPABLE };

struct family {
	enum metrics_scope scope;
	enum objects of;
	const char *name, *kind, *help;
	void (*write)(const struct metrics_at *pg, unsigned object);
	unsigned series; /* the most of an object */
};

static const struct family families[] = {
#define X(scope, of, name, kind, labels, help, fn, series) \
	{METRICS_##scope, of, name, #kind, help, metrics_##fn, series},
	METRICS_TBL(X)
#undef X
};
#define NFAMILIES  array_len(families)
#define NDROPPABLE 13 /* the last of them */
#define LIMIT_FAMILIES 4 /* with a row of each server that has max_connections */

/* The families of servers, which are what makes a page large; the first of them is left out first. */
static const struct family *droppable(unsigned i)
{
	return &families[NFAMILIES - NDROPPABLE + i];
}

/* So that a dashboard with a hole says why. */
void metrics_left_out(const struct metrics_at *pg, unsigned i)
{
	struct labels l = {{{"family", droppable(i)->name}}};

	prometheus_value(&pg->to, pg->name, &l, i < pg->left_out);
}

void metrics_two(const struct metrics_at *pg, const struct labels *one, uint64_t n1, const struct labels *two,
		 uint64_t n2)
{
	prometheus_value(&pg->to, pg->name, one, n1);
	prometheus_value(&pg->to, pg->name, two, n2);
}

/* How often a family is written. */
static unsigned objects_of(const struct metrics_size *size, enum objects of)
{
	switch (of) {
	case ONE:
		return 1;
	case THREADS:
		return size->threads;
	case CERTIFICATES:
		return size->certificates;
	case LIMITS:
		return 1 + 2 * size->listeners + size->upstreams + size->servers;
	case LISTENERS:
		return size->listeners;
	case UPSTREAMS:
		return size->upstreams;
	case SERVERS:
	case CHECKED: /* the others are passed over, as of the next */
	case WARMED:
		return size->servers;
	case DROPPABLE:
		return NDROPPABLE;
	}
	CHECK(false, "objects are of these kinds");
}

/* How many servers have a check. */
static unsigned count_checked(const struct inventory *inv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inv->nupstreams; i++)
		n += inv->upstreams[i].check != NULL ? inv->upstreams[i].n : 0;
	return n;
}

static unsigned count_limited(const struct inventory *inv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inv->nservers; i++)
		n += inv->servers[i].listed && usable_most(&inv->servers[i]) != 0;
	return n;
}

/* To how many servers connections are kept ready. */
static unsigned count_warmed(const struct inventory *inv)
{
	unsigned n = 0;

	for (unsigned i = 0; i < inv->nservers; i++)
		n += inv->servers[i].warm;
	return n;
}

/* The most series of a family: of servers only those count that have such ones. */
static uint64_t series_of(const struct metrics_size *size, const struct family *f)
{
	unsigned n = objects_of(size, f->of);

	if (f->of == CHECKED)
		n = size->checked;
	else if (f->of == WARMED)
		n = size->warmed;
	else if (f->of == LIMITS)
		n -= size->servers - size->limited;
	return (uint64_t)f->series * n;
}

/* What there is to be told of, all together. */
static struct metrics_size size_of(const struct inventory *inv)
{
	return (struct metrics_size){
		.threads = inv->process.nworkers,
		.certificates = inv->ncertificates,
		.listeners = inv->nlisteners,
		.upstreams = inv->nupstreams,
		.servers = inv->nservers,
		.checked = count_checked(inv),
		.limited = count_limited(inv),
		.warmed = count_warmed(inv),
	};
}

/* The most that a page of this size can have, whatever is filtered. */
uint64_t metrics_series(const struct metrics_size *size)
{
	uint64_t n = stats_rows();

	for (unsigned i = 0; i < NFAMILIES; i++)
		n += series_of(size, &families[i]);
	return n;
}

/* ---- the cursor ---- */

/* Returns 0: there is no such scope. */
unsigned metrics_scope_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		unsigned scope;
	} scopes[] = {
		{"process", METRICS_PROCESS}, {"listener", METRICS_LISTENER},
		{"upstream", METRICS_UPSTREAM}, {"server", METRICS_SERVER},
	};

	for (size_t i = 0; i < array_len(scopes); i++)
		if (strlen(scopes[i].name) == n && memcmp(scopes[i].name, name, n) == 0)
			return scopes[i].scope;
	return 0;
}

void metrics_page_init(struct metrics_page *pg, const struct inventory *inv, const struct metrics_options *o)
{
	uint64_t series;

	*pg = (struct metrics_page){.inv = inv, .options = *o, .size = size_of(inv)};
	series = metrics_series(&pg->size);
	if (series > inv->max_series) { /* metrics_process.c leaves these rows out with the first family */
		series -= (uint64_t)LIMIT_FAMILIES * pg->size.limited;
		series -= series_of(&pg->size, droppable(pg->left_out++));
	}
	for (; pg->left_out < NDROPPABLE && series > inv->max_series; pg->left_out++)
		series -= series_of(&pg->size, droppable(pg->left_out));
}

/* A request without names wants all. */
static bool is_wanted(const struct metrics_page *pg, const char *name)
{
	for (unsigned i = 0; i < pg->options.nnames; i++)
		if (strcmp(pg->options.names[i], name) == 0)
			return true;
	return pg->options.nnames == 0;
}

/* By scope, by name, and by what has room within max_series. */
static bool is_shown(const struct metrics_page *pg, unsigned i)
{
	if ((families[i].scope & pg->options.scopes) == 0 || !is_wanted(pg, families[i].name))
		return false;
	return i < NFAMILIES - NDROPPABLE || i - (NFAMILIES - NDROPPABLE) >= pg->left_out;
}

/* Behind the families of the table come the process's counters, then the end of the page. */
#define COUNTERS NFAMILIES
#define THE_END  (NFAMILIES + 1)

/* The process's own counters are rows, not objects. */
static unsigned objects_shown(const struct metrics_page *pg, unsigned family)
{
	if (family == COUNTERS)
		return (pg->options.scopes & METRICS_PROCESS) != 0 ? stats_rows() : 0;
	return is_shown(pg, family) ? objects_of(&pg->size, families[family].of) : 0;
}

/* A row of counter_tbl.h; rows of one family stand together. */
static void write_counter(const struct metrics_page *pg, const struct prometheus *to)
{
	struct stats_row row;

	stats_row(pg->object, pg->inv->process.stats, pg->inv->process.nstats, &row);
	if (!is_wanted(pg, row.family))
		return;
	if (row.first)
		prometheus_head(to, row.family, row.kind, row.help);
	prometheus_row(to, row.family, row.label, row.value);
}

/* The head of a family stands in front of its first object. */
static void write_object(const struct metrics_page *pg, struct text *out)
{
	const struct metrics_at at = {
		.to = {.out = out, .openmetrics = pg->options.openmetrics},
		.inv = pg->inv,
		.name = pg->family < NFAMILIES ? families[pg->family].name : NULL,
		.left_out = pg->left_out,
	};

	if (pg->family == THE_END) {
		prometheus_end(&at.to);
		return;
	}
	if (pg->family == COUNTERS) {
		write_counter(pg, &at.to);
		return;
	}
	if (pg->object == 0)
		prometheus_head(&at.to, at.name, families[pg->family].kind, families[pg->family].help);
	families[pg->family].write(&at, pg->object);
}

/* To the first object that is shown, from here on. */
static void skip_hidden(struct metrics_page *pg)
{
	while (pg->family < THE_END && pg->object >= objects_shown(pg, pg->family)) {
		pg->family++;
		pg->object = 0;
	}
}

/* An object that does not fit whole is taken back and begins the next block. */
bool metrics_page_block(struct metrics_page *pg, struct text *out)
{
	size_t before = 0;

	DCHECK(out->n == 0 && out->cap >= METRICS_BLOCK, "a block is empty, and has room");
	for (; pg->family <= THE_END; pg->object++) {
		skip_hidden(pg);
		before = out->n;
		write_object(pg, out);
		if (out->cut)
			break;
		pg->family += pg->family == THE_END;
	}
	if (out->cut) {
		CHECK(before > 0, "an object of a family has room in a block");
		out->n = before;
		out->cut = false;
	}
	return out->n > 0;
}
