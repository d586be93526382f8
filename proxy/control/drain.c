#include "proxy/control/signals.h"

#include <signal.h>

#define LOOK_EVERY (50 * NP_MS)
#define TELL_EVERY (5 * NP_S)

static uint32_t connections(const struct process *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < p->nshards; i++)
		n += __atomic_load_n(&p->shards[i].nconns, __ATOMIC_ACQUIRE);
	return n;
}

static bool is_stop(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
}

/* Until the deadline. True if the operator asked again meanwhile: no more patience. Logs are rotated still, since a
 * drain may last for days; a reload is not begun any more. */
static bool wait_patiently(struct process *p, int64_t deadline)
{
	int sig;

	do {
		sig = control_wait(deadline);
		if (sig == SIGUSR1)
			reload_logs(p);
	} while (sig >= 0 && !is_stop(sig));
	return sig >= 0;
}

static void stop_accepting(struct process *p)
{
	list_for_each_safe(it, &p->bindings) {
		struct binding *g = list_entry(it, struct binding, link);

		binding_stop(g, p->shards);
		binding_free(g);
	}
}

/* True when all have ended by themselves. */
static bool wait_for_connections(struct process *p, int64_t deadline)
{
	int64_t tell = np_nanotime() + TELL_EVERY;

	while (connections(p) > 0) {
		int64_t now = np_nanotime();

		if (now >= deadline)
			return false;
		if (now >= tell) {
			log_msg(LVL_NOTICE, "draining", "%u connections left", connections(p));
			tell = now + TELL_EVERY;
		}
		if (wait_patiently(p, now + LOOK_EVERY < deadline ? now + LOOK_EVERY : deadline)) {
			log_msg(LVL_WARNING, "drain_cut", "a second signal: the remaining connections end now");
			return false;
		}
	}
	return true;
}

static void kill_all(struct shard *s, void *arg)
{
	(void)arg;
	list_for_each_safe(it, &s->conns)
		conn_kill(list_entry(it, struct conn, link), CLOSE_DRAIN_DEADLINE);
}

void drain_run(struct process *p)
{
	int64_t delay = p->snap->shutdown_delay, timeout = p->snap->shutdown_timeout;
	int64_t deadline = timeout == INT64_MAX ? INT64_MAX : np_deadline_after(delay + timeout);
	bool hurry;

	log_msg(LVL_NOTICE, "draining", "stopping: %u connections", connections(p));
	hurry = delay > 0 && wait_patiently(p, np_deadline_after(delay));
	stop_accepting(p);
	if (hurry || !wait_for_connections(p, deadline)) {
		log_msg(LVL_WARNING, "drain_deadline", "%u connections are cut", connections(p));
		for (unsigned i = 0; i < p->nshards; i++)
			shard_call(&p->shards[i], kill_all, NULL);
	}
}
