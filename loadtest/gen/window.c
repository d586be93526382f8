/* window: the warm-up, the measured time, and the line of JSON with its counts. */
#include <stdlib.h>

#include "loadtest/gen/gen.h"

void window_init(struct window *w, const struct gen_opts *o)
{
	/* With count= every unit counts, so there is no warm-up. */
	*w = (struct window){.start = gen_now() + (o->count == 0 ? (int64_t)o->warm * GEN_MS : 0)};
	w->end = w->start + (int64_t)o->ms * GEN_MS;
	w->latency = malloc(sizeof(*w->latency));
	if (w->latency == NULL)
		gen_die("malloc");
	hist_init(w->latency);
}

/* Drops the units of the warm-up, but keeps its errors. */
bool window_tick(struct window *w, int64_t now)
{
	if (!w->open && now >= w->start) {
		w->open = true;
		w->start = now;
		w->units = 0;
		gen_begin();
	}
	return now < w->end;
}

void window_record(struct window *w, int64_t intended, int64_t now)
{
	w->units++;
	if (intended >= w->start)
		hist_add(w->latency, now - intended);
}

void window_report(struct window *w, const char *unit)
{
	printf("{\"unit\":\"%s\",\"units\":%llu,\"errors\":%llu,\"seconds\":%.6f,\"latency\":",
	       unit, (unsigned long long)w->units, (unsigned long long)w->errors,
	       (double)(gen_now() - w->start) / (double)GEN_S);
	hist_print(w->latency, stdout);
	printf("}\n");
	gen_wait_for_driver();
	free(w->latency);
	w->latency = NULL;
}
