/* check_verdict: what a check says of a server becomes a field of the server's word, a line of the log and an event.
 * The only file of the health thread that changes that field, so who must hear of each change has one place for it.
 * Every function is for the health thread. */
#ifndef PROXY_HEALTH_CHECK_VERDICT_H
#define PROXY_HEALTH_CHECK_VERDICT_H

#include "proxy/health/check_state.h"
#include "proxy/policy/inventory.h"
#include "proxy/upstream/server_checked.h"

struct check_run;

/* verdict_begins: s is checked from now on, with this verdict; of `since`. verdict_none: s is checked no more. Nothing
 * is told: that is the configuration's doing. */
void verdict_begins(struct server *s, enum server_check verdict, int64_t since);
void verdict_none(struct server *s);

/* verdict_is: a check of s, which u of inv lists, has ended with this result and this change. Without a change nothing
 * is told: a failure that is repeated is seen in the metrics alone. */
void verdict_is(const struct inventory *inv, const struct inventory_upstream *u, struct server *s,
		const struct check_change *change, const struct server_check_last *last);

/* verdict_good: a check of s, which u of inv lists, was good; it began then. What connections of s have found may be
 * over with it (passive_checked). */
void verdict_good(const struct inventory *inv, const struct inventory_upstream *u, struct server *s, int64_t began);

/* verdict_agent: the agent of the server of r has these fields of `in` from now on, after that contact, which has its
 * result and has changed whether the agent is heard. Told is what has changed, and an agent that is lost or found. */
void verdict_agent(const struct check_run *r, const struct server_inputs *in, const struct check_change *change);

#endif
