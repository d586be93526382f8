/* cli_man_metrics: staunch-metrics(7), from the tables of metrics, of counters and of close reasons. */
#include "proxy/cli/cli_man_metrics.h"

#include <string.h>

#include "config/text/utf8.h"
#include "proxy/base/close.h"
#include "proxy/cli/cli.h"
#include "proxy/metrics/stats.h"
#include "proxy/policy/metrics_tbl.h"

static const struct metric {
	const char *scope, *name, *kind, *labels, *help;
} metrics[] = {
#define X(scope, of, name, kind, labels, help, fn, series) {#scope, name, #kind, labels, help},
	METRICS_TBL(X)
#undef X
};

static void put_metric(FILE *out, const struct metric *m)
{
	fputs(".TP\n.B ", out);
	utf8_put_roff(out, m->name);
	fputs(m->labels[0] != '\0' ? "\n.RI ( " : "\n", out);
	if (m->labels[0] != '\0')
		fprintf(out, "\"%s\" )\n", m->labels);
	fprintf(out, "%s. ", m->kind);
	utf8_put_roff(out, m->help);
	putc('\n', out);
}

static void put_scope(FILE *out, const char *scope, const char *title)
{
	fprintf(out, ".SS %s\n", title);
	for (size_t i = 0; i < array_len(metrics); i++)
		if (strcmp(metrics[i].scope, scope) == 0)
			put_metric(out, &metrics[i]);
}

/* Rows of one family stand together; the first has its kind and help. */
static void put_counters(FILE *out)
{
	for (unsigned i = 0; i < stats_rows(); i++) {
		struct stats_row row;

		stats_row(i, NULL, 0, &row);
		if (row.first)
			put_metric(out, &(struct metric){NULL, row.family, row.kind, "", row.help});
		if (row.label[0] == '\0')
			continue;
		fputs(".br\n", out);
		utf8_put_roff(out, row.label);
		putc('\n', out);
	}
}

static void put_reason_words(FILE *out, bool rejected)
{
	for (enum close_reason why = CLOSE_NONE + 1; why < CLOSE_REASONS; why++)
		if (close_rejected(why) == rejected)
			fprintf(out, ".TP\n.B %s\n%s.\n", close_word(why), close_sentence(why));
}

void cli_man_metrics(FILE *out)
{
	fprintf(out, ".TH STAUNCH\\-METRICS 7 \"\" \"staunch %s\"\n", cli_version_text());
	fputs(".SH NAME\nstaunch\\-metrics \\- what /metrics of a running staunch tells\n"
	      ".SH DESCRIPTION\n"
	      "The control plane answers GET /metrics (control.http, control.socket) in the text format of "
	      "Prometheus, or in OpenMetrics 1.0 where the client asks for it. It asks no worker, so a scrape delays "
	      "no connection. ?scope=process,listener,upstream,server and ?name=FAMILY,... leave out the rest.\n.PP\n"
	      "Numbers go on over reloads, and no total falls. All series of an object are there from its "
	      "beginning, zeros too. Bytes of live connections are counted as they pass, a second and a half late at "
	      "most. No label holds what a client has chosen. Beyond metrics.series the families of "
	      "servers are left out whole; "
	      "staunch_metrics_left_out says which.\n"
	      ".SH METRICS\n", out);
	put_scope(out, "PROCESS", "The process");
	put_counters(out);
	put_scope(out, "LISTENER", "Listeners");
	put_scope(out, "UPSTREAM", "Upstreams");
	put_scope(out, "SERVER", "Servers");
	fputs(".SH REASONS\nLabel reason of staunch_connections_closed_total:\n", out);
	put_reason_words(out, false);
	fputs(".PP\nLabel reason of staunch_connections_rejected_total:\n", out);
	put_reason_words(out, true);
	fputs(".SH SEE ALSO\n.BR staunch (1),\n.BR staunch.yaml (5)\n", out);
}
