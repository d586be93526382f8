/* metrics_family: what writes the series of one object in one family. Private to the files of
 * metrics_page. */
#ifndef PROXY_POLICY_METRICS_FAMILY_H
#define PROXY_POLICY_METRICS_FAMILY_H

#include "proxy/metrics/prometheus.h"
#include "proxy/policy/inventory.h"
#include "proxy/policy/metrics_tbl.h"
#include "proxy/upstream/passive.h"
#include "proxy/upstream/server_checked.h"

/* What a function writes with. */
struct metrics_at {
	struct prometheus to;
	const struct inventory *inv;
	const char *name;  /* of the family */
	unsigned left_out; /* families of servers */
};

/* Each appends the series of object i, or none. Any thread that holds the inventory. */
#define X(scope, of, name, kind, labels, help, fn, series) void metrics_##fn(const struct metrics_at *pg, unsigned i);
METRICS_TBL(X)
#undef X

/* A pair of series. */
void metrics_two(const struct metrics_at *pg, const struct labels *one, uint64_t n1, const struct labels *two,
		 uint64_t n2);

#endif
