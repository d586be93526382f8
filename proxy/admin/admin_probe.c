/* admin_probe: is it alive, is it ready? Answered from what the watchdog and the control thread left in atomics: no
 * probe waits for anybody. */
#include "proxy/admin/admin_priv.h"

#define SILENCE_MOST (5 * NP_S)

void admin_livez(struct client *c, struct reply *r)
{
	const struct process *p = c->admin->p;

	for (unsigned i = 0; i < p->nworkers; i++) {
		struct np_worker_stats stats;

		np_worker_stats(p->workers[i], &stats);
		if (stats.silent < SILENCE_MOST)
			continue;
		r->status = 503;
		text_str(&r->body, "worker ");
		text_u64(&r->body, i);
		text_str(&r->body, " has not turned for ");
		text_u64(&r->body, (uint64_t)(stats.silent / NP_S));
		text_str(&r->body, " s\n");
		return;
	}
	text_str(&r->body, "ok\n");
}

void admin_readyz(struct client *c, struct reply *r)
{
	static const char *const words[] = {
		[STAGE_STARTING] = "starting\n",
		[STAGE_SERVING] = "ok\n",
		[STAGE_DRAINING] = "draining\n",
		[STAGE_ENDED] = "stopping\n",
	};
	uint32_t stage = __atomic_load_n(&c->admin->p->stage, __ATOMIC_ACQUIRE);

	if (stage != STAGE_SERVING)
		r->status = 503;
	text_str(&r->body, words[stage]);
}
