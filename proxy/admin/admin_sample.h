/* admin_sample: what admin notes once a second, and how it is shown. The admin worker's. */
#ifndef PROXY_ADMIN_ADMIN_SAMPLE_H
#define PROXY_ADMIN_ADMIN_SAMPLE_H

#include "proxy/admin/admin_priv.h"
#include "proxy/admin/history.h"
#include "proxy/admin/rates.h"

struct sampler {
	struct admin *admin;
	struct np_timer timer;
	int64_t due;
	struct rates rates;
	struct history history;
	struct history_counts counts; /* scratch: too large for a stack */
	uint64_t drops;   /* access records that the log dropped, so far */
	int64_t drops_at; /* when that last grew; 0: it has not */
};

/* sampler_new: on the control thread; free(3).   Returns  NULL: no memory. */
must_use struct sampler *sampler_new(struct admin *a);
/* The rest is the admin worker's. */
void sampler_start(struct sampler *s);
void sampler_stop(struct sampler *s); /* it lets go of what it held */

/* sample_rates: "rates": {word: number a second, ...}; a word of NULL is left out. */
void sample_rates(struct json *j, const char *const words[RATES], const uint64_t rates[RATES]);
/* sample_quantiles: name: {"count", "p50", "p90", "p99"}, in ms; null where nothing was measured. */
void sample_quantiles(struct json *j, const char *name, const struct histogram *h,
		      const struct histogram_scale *scale);

#endif
