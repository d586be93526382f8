/* Adds up the numbers of all threads and writes them in the text format of Prometheus. */
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

/* The field of *s that the row stands for; only for numbers that no other thread writes. */
static uint64_t *counter_at(struct stats *s, const struct counter_row *r)
{
	return (uint64_t *)(void *)((char *)s + r->at);
}

/* The same number of a thread that may be counting now. */
static uint64_t counter_value(const struct stats *s, const struct counter_row *r)
{
	const uint64_t *v = (const uint64_t *)(const void *)((const char *)s + r->at);

	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

void stats_sum(struct stats *total, const struct stats *one)
{
	DCHECK(total != one, "a total is not the numbers of a thread");
	for (size_t i = 0; i < array_len(rows); i++)
		*counter_at(total, &rows[i]) += counter_value(one, &rows[i]);
}

/* The two lines that stand before the values of a family. */
static void write_head(struct text *out, const char *family, const char *kind, const char *help)
{
	text_str(out, "# HELP ");
	text_str(out, family);
	text_char(out, ' ');
	text_str(out, help);
	text_str(out, "\n# TYPE ");
	text_str(out, family);
	text_char(out, ' ');
	text_str(out, kind);
	text_char(out, '\n');
}

static void write_value(struct text *out, uint64_t v)
{
	text_char(out, ' ');
	text_u64(out, v);
	text_char(out, '\n');
}

static void write_row(struct text *out, const struct counter_row *r, uint64_t v)
{
	text_str(out, r->family);
	if (r->label[0] != '\0') {
		text_char(out, '{');
		text_str(out, r->label);
		text_char(out, '}');
	}
	write_value(out, v);
}

void stats_write(const struct stats *total, struct text *out)
{
	const char *family = "";

	for (size_t i = 0; i < array_len(rows); i++) {
		const struct counter_row *r = &rows[i];

		if (strcmp(family, r->family) != 0)
			write_head(out, r->family, r->kind, r->help);
		family = r->family;
		write_row(out, r, counter_value(total, r));
	}
}
