/* check_first: the servers that are checked, before the first client comes. */
#include "proxy/control/check_first.h"

#include "config/config.h"
#include "proxy/control/control.h"
#include "proxy/control/publish.h"
#include "proxy/control/signals.h"
#include "proxy/health/health.h"

#define TRIED_POLL (2 * NP_MS)

void check_first_await_one(const struct process *p, const struct config_upstream *u, struct server *s)
{
	if (p->health != NULL && config_check_of(u) != NULL)
		server_await_check(s);
}

/* Of servers that are checked and of which nothing is known yet. */
void check_first_await(const struct process *p, const struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->ntargets; i++) {
		const struct members *all = snap->targets[i].upstream->members;

		for (unsigned j = 0; j < all->n; j++)
			check_first_await_one(p, &snap->config->upstreams[i], all->at[j].server);
	}
}

/* So long a first check of a server may be waited for: until its turn has come and its time is over. A place that it
 * waits for is not waited for here. 0: there is none. */
static int64_t longest_first_check(const struct config *c)
{
	int64_t longest = 0;

	for (size_t i = 0; i < c->nupstreams; i++) {
		const struct config_check *check = config_check_of(&c->upstreams[i]);

		if (check != NULL && check->interval + check->timeout > longest)
			longest = check->interval + check->timeout;
	}
	return longest;
}

/* Once in the life of the process: no client is let in before it is known which servers are well. One that does not
 * answer in time is not waited for any longer. An order to stop ends it. */
void check_first_run(struct process *p, const struct snapshot *snap)
{
	int64_t deadline = np_deadline_after(longest_first_check(snap->config));

	if (p->health == NULL || longest_first_check(snap->config) == 0)
		return;
	check_first_await(p, snap);
	if (!publish_before(p, health_reader(p->health), snap))
		return;
	while (!health_has_tried(p->health, 1) && np_nanotime() < deadline && !signals_pending(SIGNALS_STOP))
		np_sleep(TRIED_POLL);
}
