/* A worker's loop, its begin and its end, and what other threads may ask of it. */
#include "netpoll/worker.h"

#include <sched.h>
#include <stdlib.h>

#include "netpoll/hook.h"

/* So many Gs run before the poller is asked again although more are runnable (Go asks every 61
 * ticks). */
#define RUNS_PER_POLL 61

#define PIPES_MOST 32   /* unless np_pipe_bound says otherwise; two descriptors each */
#define NEAR       NP_S /* a timer due within this is worth a second clock read */

struct np_worker *np_self(void)
{
	struct sched *s = sched_self();

	return s != NULL ? container_of(s, struct np_worker, sched) : NULL;
}

/* ---- time ------------------------------------------------------------------------------------ */

int64_t np_now(void)
{
	return np_self()->np.now;
}

int64_t np_deadline_after(int64_t d)
{
	int64_t now = np_nanotime();

	if (d <= 0)
		return now;
	return d > INT64_MAX - now ? INT64_MAX : now + d;
}

void np_timer_set(struct np_timer *t, int64_t when)
{
	heap_set(&np_self()->timers, t, when);
}

bool np_timer_stop(struct np_timer *t)
{
	return heap_stop(&np_self()->timers, t);
}

struct sleeper {
	struct np_timer timer;
	struct np_g *g;
};

static void sleep_over(struct np_timer *t)
{
	np_ready(container_of(t, struct sleeper, timer)->g);
}

static bool sleep_commit(struct np_g *g, void *arg)
{
	((struct sleeper *)arg)->g = g;
	return true;
}

void np_sleep(int64_t ns)
{
	struct sleeper s = {.timer.fn = sleep_over};

	np_timer_set(&s.timer, np_deadline_after(ns));
	sched_park(sleep_commit, &s);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void run_timers(struct np_worker *w)
{
	if (heap_next(&w->timers) <= w->np.now)
		heap_run(&w->timers, w->np.now);
	if (wheel_next(&w->np.wheel) <= w->np.now)
		wheel_run(&w->np.wheel, w->np.now);
}

static void run_inbox(struct np_worker *w)
{
	struct np_msg *m = inbox_take(&w->inbox);

	while (m != NULL) {
		struct np_msg *next = m->next; /* fn may free m */

		m->fn(m);
		m = next;
	}
}

static void run_gs(struct np_worker *w)
{
	for (int i = 0; i < RUNS_PER_POLL && sched_run_one(&w->sched); i++)
		;
}

/* If a timer is due soon, read the clock again: otherwise it fires late by the time that the Gs of
 * this turn ran. For one that is far away that does not matter. */
static int64_t until_next_timer(struct np_worker *w)
{
	int64_t heap = heap_next(&w->timers), wheel = wheel_next(&w->np.wheel);
	int64_t when = heap < wheel ? heap : wheel;

	if (when == INT64_MAX)
		return -1;
	if (when < w->np.now + NEAR)
		w->np.now = np_nanotime();
	return when > w->np.now ? when - w->np.now : 0;
}

/* Announce the sleep first and look into the inbox last: a poster after that look sees `asleep` and
 * breaks us. */
static void sleep_in_poller(struct np_worker *w, int64_t ns)
{
	__atomic_store_n(&w->asleep, 1, __ATOMIC_SEQ_CST);
	if (inbox_empty(&w->inbox))
		netpoll_poll(&w->np, ns);
	__atomic_store_n(&w->asleep, 0, __ATOMIC_RELAXED);
}

static void poll_network(struct np_worker *w)
{
	int64_t ns = w->sched.queued > 0 || !inbox_empty(&w->inbox) ? 0 : until_next_timer(w);

	RELAXED_SET(w->polls, w->polls + 1);
	if (ns == 0)
		netpoll_poll(&w->np, 0);
	else
		sleep_in_poller(w, ns);
	w->np.now = np_nanotime(); /* the one clock read of most turns */
}

static bool finished(const struct np_worker *w)
{
	return w->stopping && w->sched.coros == 0 && w->sched.queued == 0 && inbox_empty(&w->inbox);
}

static void worker_loop(struct np_worker *w)
{
	while (!finished(w)) {
		RELAXED_SET(w->turns, w->turns + 1);
		run_timers(w);
		run_inbox(w);
		run_gs(w);
		if (!finished(w))
			poll_network(w);
	}
}

/* ---- start and stop -------------------------------------------------------------------------- */

static void on_stop(struct np_msg *m)
{
	container_of(m, struct np_worker, stop)->stopping = true;
}

static void making(const struct np_worker_opts *opts, enum np_worker_part part)
{
	if (opts->making != NULL)
		*opts->making = part;
}

static int worker_init(struct np_worker *w, const struct np_worker_opts *opts)
{
	int err;

	w->magic = WORKER_MAGIC;
	w->opts = *opts;
	w->stop.fn = on_stop;
	inbox_init(&w->inbox);
	w->pipes.most = PIPES_MOST;
	heap_init(&w->timers);
	err = sched_init(&w->sched, opts->id);
	if (err != 0)
		return err;
	making(opts, NP_WORKER_POLLER);
	err = netpoll_start(&w->np, np_nanotime());
	if (err != 0)
		goto undo_sched;
	making(opts, NP_WORKER_MEMORY);
	err = sched_go(&w->sched, opts->name, opts->main, opts->arg);
	if (err == 0)
		return 0;
	netpoll_stop(&w->np);
undo_sched:
	sched_fini(&w->sched);
	return err;
}

static struct np_worker *worker_free(struct np_worker *w)
{
	if (w->pipes.fini != NULL)
		w->pipes.fini(&w->pipes);
	netpoll_stop(&w->np);
	sched_fini(&w->sched);
	w->magic = 0;
	sys_munmap(w, sizeof(*w));
	return NULL;
}

/* Mapped, not malloc'ed: the table of pollDesc slabs is large and mostly never touched. */
static int worker_new(struct np_worker **out, const struct np_worker_opts *opts)
{
	struct np_worker *w;
	int err;

	making(opts, NP_WORKER_MEMORY);
	w = sys_mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w == MAP_FAILED)
		return err_from_errno();
	err = worker_init(w, opts);
	if (err == 0)
		*out = w;
	else
		sys_munmap(w, sizeof(*w));
	return err;
}

static void worker_run(struct np_worker *w)
{
	clockid_t cpu = 0;

	if (pthread_getcpuclockid(pthread_self(), &cpu) == 0)
		RELAXED_SET(w->cpu_clock, cpu);
	sched_enter(&w->sched);
	w->np.now = np_nanotime();
	worker_loop(w);
	/* for good: sysmon must not call a loop that has ended stalled */
	__atomic_store_n(&w->asleep, 1, __ATOMIC_RELAXED);
	sched_leave();
}

static void pin(const struct np_worker *w)
{
	cpu_set_t set;

	if (w->opts.cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)w->opts.cpu, &set);
	/* A CPU we may not use (cgroup, offline) is no reason to fail: the kernel places the
	 * thread. */
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *worker_thread(void *arg)
{
	struct np_worker *w = OBJ_CAST(arg, np_worker, WORKER_MAGIC);

	pthread_setname_np(pthread_self(), w->opts.name);
	pin(w);
	worker_run(w);
	return NULL;
}

int np_worker_start(struct np_worker **out, const struct np_worker_opts *opts)
{
	struct np_worker *w;
	int err = worker_new(&w, opts);

	if (err != 0)
		return err;
	making(opts, NP_WORKER_THREAD);
	err = pthread_create(&w->thread, NULL, worker_thread, w);
	if (err != 0) {
		sched_abandon(&w->sched);
		worker_free(w);
		return -err;
	}
	*out = w;
	return 0;
}

void np_worker_stop(struct np_worker *w)
{
	if (__atomic_exchange_n(&w->stop_posted, 1, __ATOMIC_ACQ_REL) == 0)
		np_post(w, &w->stop);
}

void np_worker_join(struct np_worker *w)
{
	OBJ_CHECK(w, WORKER_MAGIC);
	pthread_join(w->thread, NULL);
	worker_free(w);
}

int np_run(const struct np_worker_opts *opts)
{
	struct np_worker *w;
	int err = worker_new(&w, opts);

	if (err != 0)
		return err;
	w->stopping = true; /* no sooner than the last coroutine has ended */
	worker_run(w);
	worker_free(w);
	return 0;
}

/* ---- from other threads ---------------------------------------------------------------------- */

void np_post(struct np_worker *w, struct np_msg *m)
{
	bool first = inbox_post(&w->inbox, m);

	/* Only the message that made the inbox non-empty needs to wake, and only if the reader
	 * sleeps. */
	if (first && __atomic_load_n(&w->asleep, __ATOMIC_SEQ_CST) != 0)
		netpoll_break(&w->np.poller);
}

static int64_t cpu_time(const struct np_worker *w)
{
	clockid_t clock = RELAXED_GET(w->cpu_clock);
	struct timespec ts;

	if (clock == 0 || clock_gettime(clock, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * NP_S + ts.tv_nsec;
}

void np_worker_stats(const struct np_worker *w, struct np_worker_stats *out)
{
	*out = (struct np_worker_stats){
		.turns = RELAXED_GET(w->turns),
		.polls = RELAXED_GET(w->polls),
		.runs = RELAXED_GET(w->sched.runs),
		.runnable = RELAXED_GET(w->sched.queued),
		.coroutines = RELAXED_GET(w->sched.coros),
		.stack_deepest = RELAXED_GET(w->stack_deepest),
		.silent = RELAXED_GET(w->silent),
		.cpu = cpu_time(w),
	};
}

size_t np_stack_census(void)
{
	struct np_worker *w = np_self();
	struct stack_census c;

	stack_census(&w->sched.stacks, &c);
	RELAXED_SET(w->stack_deepest, c.deepest);
	return c.deepest;
}
