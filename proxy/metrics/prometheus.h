/* prometheus: lines of the text formats that Prometheus reads: 0.0.4, and OpenMetrics 1.0. They
 * differ in the heads of counters and in the last line. */
#ifndef PROXY_METRICS_PROMETHEUS_H
#define PROXY_METRICS_PROMETHEUS_H

#include "proxy/base/text.h"
#include "proxy/metrics/histogram.h"

struct prometheus {
	struct text *out;
	bool openmetrics;
};

/* One label. Its value may hold any bytes; it is cut at TEXT_FIELD_MAX. */
struct label {
	const char *name, *value;
};
#define LABELS_MAX 4

/* Up to LABELS_MAX; the first without a name ends them. */
struct labels {
	struct label at[LABELS_MAX];
};

/* prometheus_head: the two lines before a family's series. kind: counter, gauge or histogram. */
void prometheus_head(const struct prometheus *p, const char *family, const char *kind, const char *help);

/* prometheus_value, prometheus_seconds: one series. seconds: ns, with all nine decimals that are not
 * zero. */
void prometheus_value(const struct prometheus *p, const char *family, const struct labels *l, uint64_t value);
void prometheus_seconds(const struct prometheus *p, const char *family, const struct labels *l, int64_t ns);

/* The same with its labels as text: name="value",... or "". */
void prometheus_row(const struct prometheus *p, const char *family, const char *labels, uint64_t value);

/* prometheus_histogram: its buckets, cumulative, its sum in seconds and its count. */
void prometheus_histogram(const struct prometheus *p, const char *family, const struct labels *l,
			  const struct histogram_scale *scale, const struct histogram *h);

/* prometheus_end: what stands behind the last family. */
void prometheus_end(const struct prometheus *p);

#endif
