/* Progress and summary, within 80 columns. */
#include "tests/chaos/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_MS = 1000, LINE_MS = 5000 };

/* The number behind each "Private_..." of the process. */
long report_private_kib(pid_t pid)
{
	char path[64], text[4096];
	long kib = 0;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	kit_file_read(path, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "Private_")) != NULL; at++)
		kib += strtol(at + strcspn(at, ":") + 1, NULL, 10);
	return kib;
}

static void sample(struct report *r, int64_t now)
{
	if (r->nsamples == r->room) {
		r->room = r->room * 2 + 64;
		r->samples = realloc(r->samples, r->room * sizeof(*r->samples));
		if (r->samples == NULL)
			kit_fail("no memory");
	}
	r->samples[r->nsamples++] =
		(struct sample){(double)(now - r->began) / 1000, (double)report_private_kib(r->pid)};
}

static void line(const struct report *r, int64_t now)
{
	const struct disturbances *d = r->disturbances;

	printf("%5lld s %8llu streams %7.2f GB %4u live %5llu reloads %4d fds %6.1f MB",
	       (long long)(now - r->began) / 1000, (unsigned long long)r->streams->done,
	       (double)r->streams->bytes / 1e9, r->streams->nlive,
	       (unsigned long long)(d->taken + d->refused_by_right), kit_proc_fds(r->pid),
	       (double)report_private_kib(r->pid) / 1024);
	if (d->ledger->failed > 0)
		printf(" %llu FAILED", (unsigned long long)d->ledger->failed);
	printf("\n");
	fflush(stdout);
}

void report_turn(struct report *r, int64_t now)
{
	if (now >= r->next_sample) {
		sample(r, now);
		r->next_sample = now + SAMPLE_MS;
	}
	if (now >= r->next_line) {
		line(r, now);
		r->next_line = now + LINE_MS;
	}
}

/* Least squares. */
double report_growth(const struct report *r)
{
	size_t from = r->nsamples / 2, n = r->nsamples - from;
	double t = 0, k = 0, tt = 0, tk = 0, span;

	if (n < 3)
		return 0;
	for (size_t i = from; i < r->nsamples; i++) {
		t += r->samples[i].seconds / (double)n;
		k += r->samples[i].kib / (double)n;
	}
	for (size_t i = from; i < r->nsamples; i++) {
		double dt = r->samples[i].seconds - t;

		tt += dt * dt;
		tk += dt * (r->samples[i].kib - k);
	}
	span = r->samples[r->nsamples - 1].seconds - r->samples[from].seconds;
	return tt > 0 ? tk / tt * span : 0;
}

static double most(const struct report *r)
{
	double kib = 0;

	for (size_t i = 0; i < r->nsamples; i++)
		if (r->samples[i].kib > kib)
			kib = r->samples[i].kib;
	return kib;
}

void report_summary(const struct report *r)
{
	const struct disturbances *d = r->disturbances;
	const struct ledger *l = d->ledger;

	printf("\n  streams        %llu: %llu as planned, %llu cut by a disturbance, %llu failed\n",
	       (unsigned long long)(l->planned + l->cut + l->wrong), (unsigned long long)l->planned,
	       (unsigned long long)l->cut, (unsigned long long)l->wrong);
	printf("  bytes          %.2f GB\n", (double)r->streams->bytes / 1e9);
	printf("  reloads        %llu taken, %llu refused rightly, %llu by files that changed;\n"
	       "                 slowest %lld ms\n",
	       (unsigned long long)d->taken, (unsigned long long)d->refused_by_right,
	       (unsigned long long)d->log.renewals, (long long)d->slowest);
	printf("  memory         %.1f MB at the start, %.1f MB at most, %.1f MB at the end\n",
	       r->nsamples > 0 ? r->samples[0].kib / 1024 : 0, most(r) / 1024,
	       r->nsamples > 0 ? r->samples[r->nsamples - 1].kib / 1024 : 0);
	printf("  workers        told of %llu stalls (the machine was busy)\n\n", (unsigned long long)d->log.stalls);
	printf("  %-22s %8s  %s\n", "disturbance", "times", "streams that it cut");
	for (int i = 0; i < DISTURBANCES; i++)
		printf("  %-22s %8llu  %llu\n", disturbance_text((enum disturbance)i),
		       (unsigned long long)l->count[i], (unsigned long long)l->by_disturbance[i]);
}
