/* Writes series, and the heads of their families, in the text formats of Prometheus. */
#include "proxy/metrics/prometheus.h"

#include <string.h>

#include "netpoll/check.h"

#define NS_PER_S 1000000000u

static bool ends_so(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && memcmp(s + n - m, end, m) == 0;
}

/* OpenMetrics names the family of a counter without the _total of its series. */
static void write_family(const struct prometheus *p, const char *family)
{
	size_t n = strlen(family);

	if (p->openmetrics && ends_so(family, "_total"))
		n -= sizeof("_total") - 1;
	text_bytes(p->out, family, n);
}

void prometheus_head(const struct prometheus *p, const char *family, const char *kind, const char *help)
{
	DCHECK(strpbrk(help, "\\\n") == NULL, "a help text is one line without an escape");
	text_str(p->out, "# HELP ");
	write_family(p, family);
	text_char(p->out, ' ');
	text_str(p->out, help);
	text_str(p->out, "\n# TYPE ");
	write_family(p, family);
	text_char(p->out, ' ');
	text_str(p->out, kind);
	text_char(p->out, '\n');
}

/* The format knows three escapes. Other control bytes stand as they are; what is no UTF-8 would make
 * the page unreadable, so it is a question mark. */
static void write_label_value(struct text *out, const char *v)
{
	for (size_t i = 0; i < TEXT_FIELD_MAX && v[i] != '\0'; i++) {
		if (v[i] == '\\' || v[i] == '"')
			text_char(out, '\\');
		if (v[i] == '\n')
			text_str(out, "\\n");
		else
			text_char(out, (unsigned char)v[i] < 0x80 ? v[i] : '?');
	}
}

static void write_label(struct text *out, const struct label *l, bool first)
{
	if (!first)
		text_char(out, ',');
	text_str(out, l->name);
	text_str(out, "=\"");
	write_label_value(out, l->value);
	text_char(out, '"');
}

/* le: the bound of a bucket, or NULL. */
static void write_labels(struct text *out, const struct labels *l, const char *le)
{
	const struct label bound = {"le", le};
	size_t n = 0;

	if (l->at[0].name == NULL && le == NULL)
		return;
	text_char(out, '{');
	for (; n < LABELS_MAX && l->at[n].name != NULL; n++)
		write_label(out, &l->at[n], n == 0);
	if (le != NULL)
		write_label(out, &bound, n == 0);
	text_char(out, '}');
}

static void write_series(const struct prometheus *p, const char *family, const char *suffix,
			 const struct labels *l, const char *le)
{
	text_str(p->out, family);
	text_str(p->out, suffix);
	write_labels(p->out, l, le);
	text_char(p->out, ' ');
}

static void write_count(const struct prometheus *p, uint64_t v)
{
	text_u64(p->out, v);
	text_char(p->out, '\n');
}

static void write_seconds(struct text *out, uint64_t s, uint32_t ns)
{
	char digits[10] = ".";
	size_t n = 10;

	DCHECK(ns < NS_PER_S, "a part of a second");
	for (size_t i = 9; i > 0; i--, ns /= 10)
		digits[i] = (char)('0' + ns % 10);
	while (n > 1 && digits[n - 1] == '0')
		n--;
	text_u64(out, s);
	if (n > 1)
		text_bytes(out, digits, n);
	text_char(out, '\n');
}

void prometheus_value(const struct prometheus *p, const char *family, const struct labels *l, uint64_t value)
{
	write_series(p, family, "", l, NULL);
	write_count(p, value);
}

void prometheus_row(const struct prometheus *p, const char *family, const char *labels, uint64_t value)
{
	text_str(p->out, family);
	if (labels[0] != '\0') {
		text_char(p->out, '{');
		text_str(p->out, labels);
		text_char(p->out, '}');
	}
	text_char(p->out, ' ');
	write_count(p, value);
}

void prometheus_seconds(const struct prometheus *p, const char *family, const struct labels *l, int64_t ns)
{
	uint64_t v = ns > 0 ? (uint64_t)ns : 0;

	write_series(p, family, "", l, NULL);
	write_seconds(p->out, v / NS_PER_S, (uint32_t)(v % NS_PER_S));
}

/* Ticks of 1,024 ns: their product is too wide for 64 bits. */
static void write_ticks(struct text *out, uint64_t ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks << HISTOGRAM_TICK_BITS;

	write_seconds(out, (uint64_t)(ns / NS_PER_S), (uint32_t)(ns % NS_PER_S));
}

void prometheus_histogram(const struct prometheus *p, const char *family, const struct labels *l,
			  const struct histogram_scale *scale, const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += h->bucket[i];
		write_series(p, family, "_bucket", l, scale->le[i]);
		write_count(p, n);
	}
	write_series(p, family, "_sum", l, NULL);
	write_ticks(p->out, h->sum);
	write_series(p, family, "_count", l, NULL);
	write_count(p, n);
}

void prometheus_end(const struct prometheus *p)
{
	if (p->openmetrics)
		text_str(p->out, "# EOF\n");
}
