/* check_run: one check of one server, from its begin to its result. */
#ifndef PROXY_HEALTH_CHECK_RUN_H
#define PROXY_HEALTH_CHECK_RUN_H

#include "netpoll/netpoll.h"
#include "proxy/health/pulse.h"
#include "proxy/policy/check_plan.h"
#include "proxy/policy/inventory.h"
#include "proxy/upstream/server_checked.h"

struct check;
struct checks;

/* On the heap, from check_run_start to checks_ended. It holds the inventory of its begin, and with it server and plan:
 * a reload meanwhile takes nothing away. */
struct check_run {
	struct list link;       /* checks.running */
	struct checks *all;
	struct check *check;
	struct inventory *inv;  /* held */
	const struct inventory_upstream *upstream;
	struct server *server;
	struct pulse_user pulse;
	struct np_fd fd;        /* open while it is connected, or connects */
	int64_t began, deadline;
	unsigned half;          /* whose place it has */
	bool was_late;          /* it began too late, for want of a place */
	struct server_check_last result;
};

/* check_run_start: a coroutine that ends with checks_ended.
 *   Returns  0; -NP_ENOMEM: there is none, and nothing was done.   Calls  the health thread, which holds inv. */
must_use int check_run_start(struct checks *all, struct check *c, struct inventory *inv, int64_t now);

/* What an error of a connect, a read or a write says. */
enum check_result check_result_of(int err);

#endif
