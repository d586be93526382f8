/* checks: who is checked, and when: every server of an upstream with a check, each by a timer of its own, at most so
 * many at the same time. What a check is stands in check_run.h, what its results mean in check_state.h, and what a
 * verdict does in check_verdict.h.
 *
 *   timer -> a place -> check_run, a coroutine --> its result --> check_state_result --> verdict_is
 *      ^        '- none: it waits its turn                             '-- the next one's time
 *      '---------------------------------------------------------------------'
 *
 * Servers that are down have half of the places at most: those may hang each time, and the other half is left to the
 * servers that are well. The others may have all of them: where hundreds hang at once, they are found out twice as
 * fast. Who waits in doubt goes first, so that verdicts come one after the other, and not all of them at the
 * end. A check's time begins with its place: how long it has waited for it says nothing of the server, and takes
 * nothing from what it finds out.
 *
 * Nothing here is shared with workers but the server's word, and what is shown.
 *
 * Rejected: one queue by time for all, as a scheduler of its own, since the worker's timers are one already; and checks
 * in the workers, where a busy one would make verdicts late, and each would have its own. */
#ifndef PROXY_HEALTH_CHECKS_H
#define PROXY_HEALTH_CHECKS_H

#include "proxy/health/check_state.h"
#include "proxy/health/pulse.h"
#include "proxy/policy/inventory.h"
#include "proxy/proto/agent_answer.h"

struct check_run;

/* Of one server: server.check, or server.agent, made here, freed with it. The health thread's. Contacts with an agent
 * are scheduled as checks are, and their verdict is whether it is heard; that is no verdict on the server. */
struct check {
	struct list link;     /* checks.all; of no list: it is checked no more */
	struct list waiting;  /* for a place */
	struct np_timer timer;
	struct checks *all;
	struct server *server;
	const struct inventory_upstream *upstream; /* of the current inventory, as all its pointers */
	struct check_state state;
	uint64_t same;        /* check_plan.same: what the verdict is of */
	uint64_t mark;        /* of the last inventory that has it */
	bool fresh;           /* it begins with this inventory */
	bool tried;           /* one run has ended */
	bool running;
	unsigned half;        /* running: whose place it has */
	bool agent;           /* const: it asks the server's agent, not the server */
	struct agent_said said; /* by that, so far */
};

/* Zero-initialise, then checks_init. */
struct checks {
	struct list all;        /* of struct check */
	/* the same, for a place: [1] of servers that are down, [0] of the others; [][1]: in doubt */
	struct list waiting[2][2];
	struct list running;    /* of struct check_run */
	unsigned used[2], places; /* used: the same two */
	struct inventory_reader *reader;
	/* const: of upstreams with on_down: close, it is down, or not any more; NULL: nobody asks */
	void (*tell)(struct checks *c, const struct server *s, bool down);
	struct pulse pulse;
	uint64_t mark, lots;
	uint32_t untried;       /* atomic: checks of which no run has ended; agents are waited for by nobody */
	bool stopping;
};

/* check_plan_now: how it is made, by the current inventory. A run has the plan of its begin. */
static inline const struct check_plan *check_plan_now(const struct check *c)
{
	return c->agent ? c->upstream->agent : c->upstream->check;
}

/* places: 2 at least.   Calls  before the thread runs. */
void checks_init(struct checks *c, struct inventory_reader *reader, unsigned places);

/* checks_sync: from now on those of inv are checked, which is the reader's current one. Who was checked before, in the
 * same way, keeps verdict and time; a server that is in inv no more, or has no check there, is forgotten.
 *   Calls  the health thread, while what inv came after is still held. */
void checks_sync(struct checks *c, struct inventory *inv);

/* checks_ended: a run is over, and gives its place back.   Owns  r. */
void checks_ended(struct checks *c, struct check_run *r, const struct check_outcome *o);

/* checks_forget: of the server of this name nothing is known from now on, and it is checked at once. */
void checks_forget(struct checks *c, const char *server);

/* checks_recall: the same with a verdict that another process had; the next result does not decide alone. */
void checks_recall(struct checks *c, const char *server, enum server_check verdict, int64_t since);

/* checks_stop: no check begins any more; those under way are given up.   Parks  until they have ended. */
void checks_stop(struct checks *c);

#endif
