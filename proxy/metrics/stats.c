/* Adds up the numbers of all threads, row by row. */
#include "proxy/metrics/stats.h"

#include <string.h>

#include "netpoll/check.h"

/* One row of counter_tbl.h. */
struct counter_row {
	size_t at; /* offset in struct stats */
	const char *family, *label, *kind, *help;
};

static const struct counter_row rows[] = {
#define X(field, family, label, kind, help) \
	{offsetof(struct stats, field), family, label, #kind, help},
	COUNTER_TBL(X)
#undef X
};

unsigned stats_rows(void)
{
	return array_len(rows);
}

/* The number of a thread that may be counting now. */
static uint64_t counter_value(const struct stats *s, const struct counter_row *r)
{
	const uint64_t *v = (const uint64_t *)(const void *)((const char *)s + r->at);

	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

void stats_row(unsigned i, const struct stats *const *all, unsigned n, struct stats_row *out)
{
	const struct counter_row *r = &rows[i];

	CHECK(i < array_len(rows), "a row of the table");
	*out = (struct stats_row){
		.family = r->family,
		.label = r->label,
		.kind = r->kind,
		.help = r->help,
		.first = i == 0 || strcmp(r->family, rows[i - 1].family) != 0,
	};
	for (unsigned t = 0; t < n; t++)
		out->value += counter_value(all[t], r);
}
