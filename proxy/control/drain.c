/* drain: delay -> stop accepting -> wait, with a line every few seconds -> cut the rest. */
#include "proxy/control/drain.h"

#include <signal.h>

#include "proxy/conn/conn.h"
#include "proxy/conn/warm.h"
#include "proxy/control/control.h"
#include "proxy/control/reload.h"
#include "proxy/control/signals.h"
#include "proxy/control/upgrade_move.h"
#include "proxy/listen/bindings.h"
#include "proxy/log/event.h"

/* How often the connections are counted. Rejected: a message per connection that ends. */
#define POLL_EVERY (50 * NP_MS)
#define LOG_EVERY  (5 * NP_S)
#define LOG_LEAST_MS 200 /* each log: of the half second in which a stop acts when nothing is left to wait for */

uint32_t drain_left(const struct process *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < p->nshards; i++)
		n += __atomic_load_n(&p->shards[i].nconns, __ATOMIC_ACQUIRE);
	return n;
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static bool is_stop(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
}

/* A second drain waits for the same end; a reload would begin what is being ended. */
static void obey_while_draining(struct process *p)
{
	struct order *o;

	while ((o = order_take(p)) != NULL) {
		if (o->kind == ORDER_DRAIN)
			list_push_back(&p->drains, &o->link);
		else if (o->kind == ORDER_RELOAD)
			order_answer(o, -NP_ECANCELED);
		else
			order_do(p, o);
	}
}

/* Waits until the deadline. Returns true if the operator asks to stop once more. Logs are still
 * rotated, since a drain may last for days; a reload is not begun any more. */
static bool wait_patiently(struct process *p, int64_t deadline)
{
	int sig;

	do {
		sig = signals_wait(SIGNALS_ORDERS | SIGNALS_BIT(SIGNALS_ASKED) | SIGNALS_BIT(SIGNALS_PEER), deadline);
		if (sig == SIGNALS_PEER && upgrade_has_old(p))
			upgrade_heard(p);
		if (sig == SIGUSR1)
			reload_logs(p);
		if (sig == SIGNALS_ASKED)
			obey_while_draining(p);
	} while (sig >= 0 && !is_stop(sig));
	return sig >= 0;
}

/* A process that has taken over ends after the one before it, and a process that has handed over no later than the one
 * that serves.   Returns  true when all have ended by themselves. */
static bool wait_for_connections(struct process *p, int64_t deadline)
{
	int64_t next_line = np_nanotime() + LOG_EVERY;
	bool told = p->upgrade.stage != UPGRADE_OVER; /* to stop; else the service is another process's, and goes on */
	uint32_t left;

	while ((left = drain_left(p)) > 0 || upgrade_has_old(p)) {
		int64_t now = np_nanotime();

		upgrade_move_late(p);
		if (p->upgrade.end_by < deadline)
			deadline = p->upgrade.end_by;
		if (now >= deadline)
			return false;
		if (now >= next_line) {
			log_msg(LVL_NOTICE, "draining", "%u connection%s left%s", left, plural(left),
				upgrade_has_old(p) ? ", and those of the process before this one" : "");
			next_line = now + LOG_EVERY;
		}
		if (!wait_patiently(p, now + POLL_EVERY < deadline ? now + POLL_EVERY : deadline))
			continue;
		if (told) {
			log_msg(LVL_WARNING, "drain_cut",
				"a second signal: the remaining connections end now");
			return false;
		}
		told = true;
		log_msg(LVL_NOTICE, "draining", "another process serves, and this one ends with its last connection; "
			"a further signal ends what is left");
	}
	return true;
}

/* On each worker, of its own connections. */
static void kill_all(struct shard *s, void *arg)
{
	(void)arg;
	DCHECK_SHARD(s);
	list_for_each_safe(it, &s->conns)
		conn_kill(list_entry(it, struct conn, link), CLOSE_DRAIN_DEADLINE);
}

static struct event *event_of_drain(uint32_t connections)
{
	struct event *e = event_begin();

	event_number(e, "connections", connections);
	return e;
}

/* Those that are left are cut.   Returns  whether there were any. */
static bool cut_connections(struct process *p)
{
	uint32_t left = drain_left(p);

	p->stop_by = np_nanotime();
	upgrade_stop_old(p, p->stop_by);
	if (left == 0)
		return false;
	if (p->upgrade.stage == UPGRADE_OVER)
		upgrade_move_ends(p);
	event_log(event_of_drain(left), LVL_WARNING, "drain_deadline", "%u connection%s %s cut", left, plural(left),
		  left == 1 ? "is" : "are");
	for (unsigned i = 0; i < p->nshards; i++)
		shard_call(&p->shards[i], kill_all, NULL);
	return true;
}

/* Connections that are kept ready are nobody's: they go at once. A dial that is given up ends within a moment. */
static void end_warm(struct process *p)
{
	unsigned left;

	do {
		left = 0;
		for (unsigned i = 0; i < p->nshards; i++)
			shard_call(&p->shards[i], warm_end, &left);
		if (left > 0)
			np_sleep(NP_MS);
	} while (left > 0);
}

bool drain_run(struct process *p)
{
	int64_t delay = p->drain_delay >= 0 ? p->drain_delay : p->snap->shutdown_delay;
	int64_t timeout = p->drain_timeout >= 0 ? p->drain_timeout : p->snap->shutdown_timeout;
	int64_t deadline = timeout == INT64_MAX ? INT64_MAX : np_deadline_after(delay + timeout);
	uint32_t left = drain_left(p);
	bool hurry;

	DCHECK(np_current() != NULL, "a drain waits, so it needs a coroutine");
	__atomic_store_n(&p->stage, STAGE_DRAINING, __ATOMIC_RELEASE);
	event_log(event_of_drain(left), LVL_NOTICE, "draining", "stopping: %u connection%s", left, plural(left));
	end_warm(p);
	hurry = delay > 0 && wait_patiently(p, np_deadline_after(delay));
	bindings_stop(&p->bindings, p->shards, hurry ? np_nanotime() : deadline);
	p->stop_by = hurry ? np_nanotime() : deadline;
	upgrade_stop_old(p, p->stop_by);
	if ((hurry || !wait_for_connections(p, deadline)) && cut_connections(p))
		return false;
	event_log(event_begin(), LVL_NOTICE, "drained", "all connections have ended");
	return true;
}

/* Who asked for the drain is told how it ended before the process goes. */
void drain_answer(struct process *p, bool cut)
{
	obey_while_draining(p); /* those that came with the last connection's end */
	while (!list_empty(&p->drains)) {
		struct order *o = list_entry(p->drains.next, struct order, link);

		list_remove(&o->link);
		o->cut = cut;
		order_answer(o, 0);
	}
	orders_end(p);
}

/* The ms until then, within what a log may take. */
static int clamp_patience(int64_t by, int least)
{
	int64_t left = by == INT64_MAX ? LOG_STOP_MS : (by - np_nanotime()) / NP_MS;

	if (left < least)
		return least;
	return left < LOG_STOP_MS ? (int)left : LOG_STOP_MS;
}

/* The access log has what is left, but for the least that the process log needs. */
int drain_access_patience(struct process *p)
{
	int both = clamp_patience(p->stop_by, 2 * LOG_LEAST_MS);

	p->logs_by = np_nanotime() + both * NP_MS;
	p->old_logs_by = p->logs_by - LOG_LEAST_MS * NP_MS;
	return both - LOG_LEAST_MS;
}

int drain_process_patience(const struct process *p)
{
	return clamp_patience(p->logs_by, LOG_LEAST_MS);
}
