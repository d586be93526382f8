/* admin_sample: once a second admin notes the counts of everything, for rates and for the last ten minutes. */
#include <stdlib.h>
#include <string.h>

#include "proxy/admin/admin_sample.h"

#define SAMPLE_EVERY NP_S

static void look_at_drops(struct sampler *s, const struct inventory *inv, int64_t now)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < inv->process.nstats; i++)
		n += STAT_GET(inv->process.stats[i], log_dropped);
	if (n > s->drops)
		s->drops_at = now;
	s->drops = n;
}

static void sample_now(struct sampler *s)
{
	struct inventory *inv = inventory_hold(&s->admin->reader);
	int64_t now = np_nanotime();

	if (inv == NULL)
		return;
	look_at_drops(s, inv, now);
	if (rates_sample(&s->rates, inv, now)) {
		memset(&s->counts, 0, sizeof(s->counts));
		history_count(inv, &s->counts);
		history_note(&s->history, &s->counts, now, wall_now());
	}
	inventory_drop(inv);
}

/* On the loop. It moves on by whole periods, so that a late one does not shift those that follow. */
static void on_second(struct np_timer *t)
{
	struct sampler *s = container_of(t, struct sampler, timer);
	int64_t now = np_nanotime();

	sample_now(s);
	s->due += SAMPLE_EVERY;
	if (s->due <= now)
		s->due = now + SAMPLE_EVERY;
	np_timer_set(t, s->due);
}

struct sampler *sampler_new(struct admin *a)
{
	struct sampler *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->admin = a;
	s->timer.fn = on_second;
	return s;
}

void sampler_start(struct sampler *s)
{
	int64_t now = np_nanotime();

	/* All counts begin at 0 with the process. */
	s->rates.at[0] = now;
	s->rates.samples = 1;
	s->counts.cpu = history_cpu();
	history_note(&s->history, &s->counts, now, wall_now());
	s->due = now + SAMPLE_EVERY;
	np_timer_set(&s->timer, s->due);
}

void sampler_stop(struct sampler *s)
{
	np_timer_stop(&s->timer);
	rates_fini(&s->rates);
}

/* ---- what others show of it ---- */

void sample_rates(struct json *j, const char *const words[RATES], const uint64_t rates[RATES])
{
	json_enter(j, "rates", '{');
	for (unsigned i = 0; i < RATES; i++)
		if (words[i] != NULL)
			json_milli(j, words[i], rates[i]);
	json_leave(j, '}');
}

void sample_quantiles(struct json *j, const char *name, const struct histogram *h,
		      const struct histogram_scale *scale)
{
	static const struct {
		const char *name;
		unsigned thousandth;
	} quantiles[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}};

	json_enter(j, name, '{');
	json_u64(j, "count", histogram_count(h));
	for (size_t i = 0; i < array_len(quantiles); i++) {
		int64_t ns = histogram_quantile(h, scale, quantiles[i].thousandth);

		if (ns < 0)
			json_null(j, quantiles[i].name);
		else
			json_milli(j, quantiles[i].name, (uint64_t)(ns / NP_US));
	}
	json_leave(j, '}');
}

/* ---- /v1/history ---- */

#define NUMBERS_A_BLOCK 500
#define NUMBER_ROOM     21

/* A list of one number for each second: its ith by at(). */
static void put_seconds(struct json *j, struct reply *r, const struct history *h,
			void (*put)(struct json *j, const struct history *h, unsigned row, unsigned series),
			unsigned series)
{
	unsigned n = history_length(h);

	for (unsigned i = 0; i < n; i++) {
		if (i % NUMBERS_A_BLOCK == 0 && !reply_room(r, (size_t)NUMBERS_A_BLOCK * NUMBER_ROOM))
			return;
		put(j, h, history_row(h, i), series);
	}
}

static void put_sample(struct json *j, const struct history *h, unsigned row, unsigned series)
{
	uint64_t v = h->v[row][series];

	if (v == HISTORY_NONE)
		json_null(j, NULL);
	else
		json_u64(j, NULL, v);
}

static void put_sample_time(struct json *j, const struct history *h, unsigned row, unsigned series)
{
	(void)series;
	json_i64(j, NULL, h->at[row] / NP_MS);
}

/* A copy: writing may wait for the reader while seconds pass. */
static void put_history(struct client *c, struct reply *r, const struct history *h)
{
	struct inventory *inv = inventory_hold(&c->admin->reader);
	struct json j;

	reply_object(r, &j, inv != NULL ? inv->generation : 0);
	if (inv != NULL)
		inventory_drop(inv);
	json_u64(&j, "every_ms", SAMPLE_EVERY / NP_MS);
	json_enter(&j, "at_ms", '[');
	put_seconds(&j, r, h, put_sample_time, 0);
	json_leave(&j, ']');
	json_enter(&j, "series", '[');
	for (unsigned s = 0; s < HISTORY_SERIES && reply_room(r, 512); s++) {
		json_enter(&j, NULL, '{');
		json_str(&j, "name", history_word(s));
		json_str(&j, "unit", history_unit(s));
		json_enter(&j, "values", '[');
		put_seconds(&j, r, h, put_sample, s);
		json_leave(&j, ']');
		json_leave(&j, '}');
	}
	if (!reply_room(r, 16))
		return;
	json_leave(&j, ']');
	json_leave(&j, '}');
	text_char(&r->body, '\n');
}

void admin_history(struct client *c, struct reply *r)
{
	struct history *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		reply_error(r, 503, "out of memory", NULL);
		return;
	}
	*copy = c->admin->sampler->history;
	put_history(c, r, copy);
	free(copy);
}
