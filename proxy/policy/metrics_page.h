/* metrics_page: the page that Prometheus fetches, of one inventory, in blocks. Series stand still
 * between two publications: each object has all of its series, zeros too.
 *
 * Beyond metrics.series the families of each server are left out, whole, one after the other, until the
 * rest fits: bytes, weights, connects, active connections, whether they are up. */
#ifndef PROXY_POLICY_METRICS_PAGE_H
#define PROXY_POLICY_METRICS_PAGE_H

#include "proxy/base/text.h"
#include "proxy/policy/inventory.h"

enum metrics_scope {
	METRICS_PROCESS = 1 << 0,
	METRICS_LISTENER = 1 << 1,
	METRICS_UPSTREAM = 1 << 2,
	METRICS_SERVER = 1 << 3,
	METRICS_ALL = METRICS_PROCESS | METRICS_LISTENER | METRICS_UPSTREAM | METRICS_SERVER,
};

struct metrics_options {
	unsigned scopes;          /* of enum metrics_scope */
	const char *const *names; /* only these families; borrowed while the page is written */
	unsigned nnames;          /* 0: all */
	bool openmetrics;
};

/* Bytes that a block must have room for at least: the series of one object in one family. */
#define METRICS_BLOCK 16384
#define METRICS_TYPE_TEXT        "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* How many objects there are to tell of. */
struct metrics_size {
	unsigned threads, certificates, listeners, upstreams, servers;
	unsigned checked; /* those of the servers that have a check */
	unsigned limited; /* ... and that have max_connections */
	unsigned warmed;  /* to which connections are kept ready */
};

/* Where the page is. */
struct metrics_page {
	const struct inventory *inv; /* held by the caller */
	struct metrics_options options;
	struct metrics_size size;
	unsigned family, object; /* the next */
	unsigned left_out;       /* families, in their order */
};

/* metrics_scope_of: the scope of that name.   Returns  0: there is none. */
unsigned metrics_scope_of(const char *name, size_t n);

void metrics_page_init(struct metrics_page *pg, const struct inventory *inv, const struct metrics_options *o);

/* metrics_page_block: append to an empty text of METRICS_BLOCK bytes or more as much as fits.
 *   Returns  false: that was the last block, and nothing was written.
 *   Calls    any thread, while inv is held. */
must_use bool metrics_page_block(struct metrics_page *pg, struct text *out);

/* metrics_series: the most time series of a page of so many objects, of which none is left out. */
uint64_t metrics_series(const struct metrics_size *size);

#endif
