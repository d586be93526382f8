/* check_plan: how the servers of an upstream are checked: the keys of upstreams[].health that are a check, frozen for
 * the thread that checks. An inventory has one for each upstream with a check. */
#ifndef PROXY_POLICY_CHECK_PLAN_H
#define PROXY_POLICY_CHECK_PLAN_H

#include "netpoll/base.h"

struct config_upstream;

enum check_kind { CHECK_KIND_TCP };

/* When, and how many of a kind decide. */
struct check_rules {
	int64_t interval, timeout; /* ns */
	unsigned rise, fall;       /* in a row */
};

struct check_plan {
	enum check_kind kind;
	struct check_rules rules;
	int port;            /* 0: that of each server */
	uint64_t same;       /* of all that decides what a verdict is worth: two plans of one number are one check */
};

/* check_plan_new: of a checked configuration.
 *   Returns  0 and *out, NULL where there is no check; -NP_ENOMEM.   Calls  control thread. */
must_use int check_plan_new(const struct config_upstream *c, struct check_plan **out);
/* Takes NULL, returns NULL. */
struct check_plan *check_plan_free(struct check_plan *p);

#endif
