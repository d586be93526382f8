/* demo_view: the live line, the remarks between, and the sum at the end. On a terminal the line
 * is written over five times a second; elsewhere a line is added each second, so that a log of
 * it can be read. */
#include "proxy/demo/demo_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "proxy/demo/demo.h"

#define ROW 128

/* 1204 as "1,204"; out holds 32 bytes: 20 digits, 6 commas, the terminator. Returns out. */
static const char *grouped_digits(uint64_t n, char *out)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

static double ms(int64_t us)
{
	return (double)us / 1000;
}

/* ---- the row ---- */

/* How the connections of the window were spread, in per cent; "away" for a server that is down. */
static size_t put_shares(char *row, size_t at, const struct demo *d, const uint64_t *before)
{
	uint64_t all = 0;

	for (int i = 0; i < DEMO_SERVERS; i++)
		all += d->servers[i].accepted - before[i];
	for (int i = 0; i < DEMO_SERVERS; i++) {
		const struct demo_server *s = &d->servers[i];

		if (s->up)
			at += (size_t)snprintf(row + at, ROW - at, "%4.0f%%",
					       all > 0 ? 100.0 * (double)(s->accepted - before[i]) / (double)all : 0);
		else
			at += (size_t)snprintf(row + at, ROW - at, " away");
	}
	return at;
}

/* The last DEMO_WINDOW ticks, or as many as there were. */
static void make_row(const struct demo_view *v, const struct demo *d, char *row)
{
	unsigned n = v->ticks < DEMO_WINDOW ? v->ticks : DEMO_WINDOW;
	const struct demo_moment *now = &v->moments[v->ticks % array_len(v->moments)];
	const struct demo_moment *then = &v->moments[(v->ticks - n) % array_len(v->moments)];
	double s = (double)(now->at - then->at) / NP_S;
	struct demo_hist h = {.count = 0};
	char opened[32];
	size_t at;

	for (unsigned i = 0; i < n; i++)
		hist_merge(&h, &v->moments[(v->ticks - i) % array_len(v->moments)].latency);
	at = (size_t)snprintf(row, ROW, "%5.1fs %7.0f %6.1f %5u %7s %5.2fms %5.2fms",
			      (double)(now->at - d->began) / NP_S,
			      (double)(now->n.requests - then->n.requests) / s,
			      (double)(now->n.bytes - then->n.bytes) / s / 1e6, d->load.open,
			      grouped_digits(now->n.opened, opened), ms(hist_quantile(&h, 0.5)),
			      ms(hist_quantile(&h, 0.99)));
	at = put_shares(row, at, d, then->n.accepted);
	snprintf(row + at, ROW - at, " %6llu", (unsigned long long)(d->load.lost + d->load.corrupt));
}

/* The live line: carriage return, row, clear to the end. */
static void put_live(const char *row)
{
	struct winsize w = {.ws_col = 0};
	int columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col - 1 : ROW;

	/* A row that wraps would not be written over but pile up. */
	printf("\r%.*s\033[K", columns, row);
	fflush(stdout);
}

/* Takes the tick's counts and its latencies away from the load, which begins the next tick with
 * none. */
static void note_moment(struct demo_view *v, struct demo *d)
{
	struct demo_moment *m = &v->moments[v->ticks % array_len(v->moments)];

	m->at = np_nanotime();
	m->n = d->load.n;
	for (int i = 0; i < DEMO_SERVERS; i++)
		m->n.accepted[i] = d->servers[i].accepted;
	m->latency = d->load.recent;
	hist_merge(&v->all, &d->load.recent);
	memset(&d->load.recent, 0, sizeof(d->load.recent));
}

void demo_view_tick(struct demo_view *v, struct demo *d)
{
	char row[ROW];

	DCHECK(d->began != 0, "a tick before the traffic began");
	v->ticks++;
	note_moment(v, d);
	if (!v->live && v->ticks % DEMO_WINDOW != 0)
		return;
	make_row(v, d, row);
	if (v->live)
		put_live(row);
	else
		puts(row);
	fflush(stdout);
}

/* ---- around it ---- */

/* The command line is shown because it is the point of the demo: the same words work outside of
 * it. */
void demo_view_open(struct demo_view *v, struct demo *d)
{
	note_moment(v, d);
	printf("%d clients -> staunch -> echo servers a, b and c, all on this machine.\n"
	       "The proxy was started as:\n  $ staunch", DEMO_CLIENTS);
	for (int i = 0; i < DEMO_ARGS && d->child.args[i] != NULL; i++)
		printf(" %s", d->child.args[i]);
	printf("\n\n%s  time   req/s   MB/s  open   conns     p50     p99    a    b    c   lost%s\n",
	       v->colour ? "\033[2m" : "", v->colour ? "\033[0m" : "");
	fflush(stdout);
}

void demo_view_event(struct demo_view *v, const char *fmt, ...)
{
	va_list ap;

	fputs(v->live ? "\r\033[K" : "", stdout);
	fputs(v->colour ? "\033[1m" : "", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fputs(v->colour ? "\033[0m\n" : "\n", stdout);
	fflush(stdout);
}

/* ---- the sum ---- */

static void sum_traffic(const struct demo_view *v, const struct demo *d)
{
	const struct demo_counts *n = &d->load.n;
	char requests[32], opened[32];

	printf("\n%s requests on %s connections in %.1f s\n", grouped_digits(n->requests, requests),
	       grouped_digits(n->opened, opened), (double)(d->ended - d->began) / NP_S);
	printf("%.1f MB each way, every byte compared\n", (double)n->bytes / 1e6);
	printf("latency p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", ms(hist_quantile(&v->all, 0.5)),
	       ms(hist_quantile(&v->all, 0.99)), ms(v->all.max));
}

static void sum_servers(const struct demo *d)
{
	char n[32];

	fputs("connections served by", stdout);
	for (int i = 0; i < DEMO_SERVERS; i++)
		printf("%s %c %s", i > 0 ? "," : "", d->servers[i].name, grouped_digits(d->servers[i].accepted, n));
	if (d->away_opened > 0)
		printf("; %s of all were opened while b was away", grouped_digits(d->away_opened, n));
	putchar('\n');
}

/* The two figures that decide, in colour: what was lost and what came back changed. */
static void sum_losses(const struct demo_view *v, const struct demo *d)
{
	const struct demo_load *l = &d->load;
	const char *ink = l->lost + l->corrupt > 0 ? "\033[1;31m" : "\033[1;32m";

	printf("%slost %llu, changed %llu%s", v->colour ? ink : "", (unsigned long long)l->lost,
	       (unsigned long long)l->corrupt, v->colour ? "\033[0m" : "");
	if (l->lost > 0)
		printf(" (the first: %s, %s)", l->first_step, np_err_text(l->first_err));
	printf("; the proxy %s %d\n", d->child.status == 0 ? "drained and ended with" : "ended with", d->child.status);
}

void demo_view_sum(struct demo_view *v, struct demo *d)
{
	hist_merge(&v->all, &d->load.recent);
	fputs(v->live ? "\n" : "", stdout);
	sum_traffic(v, d);
	sum_servers(d);
	sum_losses(v, d);
}
