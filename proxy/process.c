/* The process: start in order, serve, stop in exact reverse.
 *
 *   descriptors -> signals -> control worker -> workers -> access log -> bindings -> ... -> drain -> and back
 *
 * The main thread becomes the control worker (np_run); the others carry the traffic. */
#include "proxy/process.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/control/signals.h"
#include "proxy/base/exit_tbl.h"

#define FDS_PER_CONN   2
#define FDS_PER_WORKER 2          /* epoll and eventfd; the listeners come on top */
#define FDS_PER_LISTENER 2        /* its socket, and the client it holds while it waits for room */
#define FDS_RESERVE    24         /* stdio, logs, control worker, signals, and a few to spare */
#define FDS_PER_PIPE     2
#define PIPES_MOST       32       /* per worker */
#define PIPE_SHARE       32       /* one descriptor in so many goes to pipes */
#define STALL_LIMIT    (500 * NP_MS)

static int exit_code_of(int err)
{
	switch (-err) {
	case NP_EADDRINUSE:
	case NP_EADDRNOTAVAIL:
		return EXIT_ADDRESS;
	case NP_EACCES:
	case NP_EPERM:
		return EXIT_PERMISSION;
	case NP_EINVAL:
		return EXIT_CONFIG;
	default:
		return EXIT_FAILED;
	}
}

/* ---- what this machine allows ---------------------------------------------------------------- */

/* As many descriptors as we may have; more than a million serves nobody and costs the kernel a table. */
static void raise_descriptor_limit(void)
{
	struct rlimit r;
	rlim_t before;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	before = r.rlim_cur;
	r.rlim_cur = r.rlim_max < 1048576 ? r.rlim_max : 1048576;
	if (r.rlim_cur > before)
		(void)!setrlimit(RLIMIT_NOFILE, &r); /* refused: we say what we can hold, and hold that */
}

/* Asked anew each time: prlimit(1) may move it while we run. */
static int64_t descriptor_limit(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_NOFILE, &r) == 0 ? (int64_t)r.rlim_cur : 1024;
}

/* Pipes for splicing: a small share of the descriptors, and none where they are scarce. */
static unsigned pipes_of(unsigned workers)
{
	int64_t n = descriptor_limit() / ((int64_t)PIPE_SHARE * FDS_PER_PIPE * workers);

	return n < PIPES_MOST ? (unsigned)n : PIPES_MOST;
}

int64_t process_capacity(const struct process *p, const struct config *c)
{
	int64_t listeners = 0, fixed, n;

	for (size_t i = 0; i < c->nlisteners; i++)
		listeners += (int64_t)c->listeners[i].nbind * p->nshards;
	fixed = FDS_RESERVE + FDS_PER_LISTENER * listeners +
		(FDS_PER_WORKER + FDS_PER_PIPE * (int64_t)p->pipes) * (int64_t)p->nshards;
	n = (descriptor_limit() - fixed) / FDS_PER_CONN;
	return n > 1 ? n : 1;
}

static unsigned count_cpus(cpu_set_t *set)
{
	CPU_ZERO(set);
	if (sched_getaffinity(0, sizeof(*set), set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(set);
}

/* The i-th CPU of the set. */
static int nth_cpu(const cpu_set_t *set, unsigned i)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, set) && i-- == 0)
			return cpu;
	return -1;
}

/* ---- workers --------------------------------------------------------------------------------- */

static void on_stall(unsigned worker, int64_t ns, const char *running)
{
	static struct log_site site;

	log_limited(&site, LVL_WARNING, "worker_stalled", "worker %u has not turned for %lld ms; on the core: %s",
		    worker, (long long)(ns / NP_MS), running);
}

/* What each worker does first; then the control worker tells it by message. */
static void worker_main(void *arg)
{
	const struct process *p = arg;

	np_pipe_bound(p->pipes);
}

/* One per CPU, each on its own: then the kernel moves none of them, and caches stay warm. Fewer workers than CPUs are
 * left to the kernel, which knows better who else runs here. */
static int start_workers(struct process *p)
{
	static char names[512][16]; /* static: sysmon and the kernel keep them */
	cpu_set_t set;
	unsigned cpus = count_cpus(&set);

	for (; p->nworkers < p->nshards; p->nworkers++) {
		unsigned i = p->nworkers;
		struct np_worker_opts o = {
			.name = names[i],
			.id = (uint16_t)i,
			.cpu = p->nshards == cpus ? nth_cpu(&set, i) : -1,
			.main = worker_main,
			.arg = p,
		};
		int err;

		snprintf(names[i], sizeof(names[i]), "worker %hu", (uint16_t)i);
		err = np_worker_start(&p->workers[i], &o);
		if (err != 0)
			return err;
		p->shards[i].worker = p->workers[i];
	}
	return np_sysmon_start(&p->sysmon, p->workers, p->nworkers, STALL_LIMIT, on_stall);
}

static void stop_workers(struct process *p)
{
	if (p->sysmon != NULL)
		np_sysmon_stop(p->sysmon);
	for (unsigned i = 0; i < p->nworkers; i++)
		np_worker_stop(p->workers[i]);
	for (unsigned i = 0; i < p->nworkers; i++)
		np_worker_join(p->workers[i]);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* What fails leaves *p such that process_fini may follow. */
static int process_init(struct process *p, const struct process_opts *o, unsigned workers)
{
	int err;

	*p = (struct process){.config_path = o->config_path, .pipes = pipes_of(workers)};
	list_init(&p->bindings);
	err = registry_init(&p->registry, workers);
	if (err != 0)
		return err;
	p->shards = aligned_alloc(_Alignof(struct shard), workers * sizeof(*p->shards));
	p->workers = calloc(workers, sizeof(struct np_worker *));
	if (p->shards == NULL || p->workers == NULL)
		return -NP_ENOMEM;
	for (; p->nshards < workers; p->nshards++) {
		err = shard_init(&p->shards[p->nshards], p->nshards, &p->limit);
		if (err != 0)
			return err;
		p->shards[p->nshards].all = p->shards;
		p->shards[p->nshards].nall = workers;
	}
	ocsp_init(&p->ocsp, &p->registry, p->shards, workers, &p->stats);
	return 0;
}

static void process_fini(struct process *p)
{
	registry_fini(&p->registry);
	for (unsigned i = 0; i < p->nshards; i++)
		shard_fini(&p->shards[i]);
	free(p->workers);
	free(p->shards);
}

static void say_capacity(const struct process *p, const struct config *c)
{
	int64_t nofile = descriptor_limit(), n = process_capacity(p, c);

	log_msg(LVL_NOTICE, "capacity", "%u workers; up to %lld connections (descriptor limit %lld)", p->nshards,
		(long long)n, (long long)nofile);
	if (nofile < FDS_RESERVE + 64)
		log_msg(LVL_WARNING, "few_descriptors",
			"a descriptor limit of %lld leaves room for %lld connections; raise ulimit -n or LimitNOFILE",
			(long long)nofile, (long long)n);
}

static int serve(struct process *p, struct config *c)
{
	struct snapshot *snap;
	struct list opened;
	int err = reload_prepare(p, c, &snap, &opened);

	if (err != 0)
		return err;
	err = reload_publish(p, snap, &opened);
	if (err == 0) {
		log_msg(LVL_NOTICE, "ready", "ready");
		control_run(p);
	}
	drain_run(p);
	reload_retire(p);
	return err;
}

struct start {
	struct process *p;
	struct config *config;
	int err;
};

/* The control worker's coroutine. */
static void process_main(void *arg)
{
	struct start *st = arg;
	struct process *p = st->p;

	p->registry.control = np_self();
	st->err = control_signals_start();
	if (st->err == 0)
		st->err = start_workers(p);
	if (st->err == 0)
		st->err = serve(p, st->config);
	else
		config_free(st->config);
	ocsp_stop(&p->ocsp);
	stop_workers(p);
	p->log = log_stop(p->log, LOG_STOP_MS);
	control_signals_stop();
}

int process_run(const struct process_opts *o)
{
	cpu_set_t set;
	unsigned cpus = count_cpus(&set);
	unsigned workers = o->config->workers == CONFIG_AUTO ? cpus : (unsigned)o->config->workers;
	struct process p;
	struct start st = {.p = &p, .config = o->config};
	const struct np_worker_opts control = {
		.name = "control",
		.id = UINT16_MAX,
		.cpu = -1,
		.main = process_main,
		.arg = &st,
	};
	int err;

	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, STDERR_FILENO);
	reload_log_level(o->config);
	raise_descriptor_limit();
	err = process_init(&p, o, workers);
	if (err == 0)
		err = control_signals_open();
	if (err == 0)
		err = log_start_thread();
	if (err == 0) {
		say_capacity(&p, o->config);
		err = np_run(&control);
	}
	if (err == 0)
		err = st.err;
	if (err != 0)
		log_msg(LVL_ERROR, "start_failed", "staunch could not start: %s (%s)", np_err_text(err),
			np_err_name(err));
	else
		log_msg(LVL_NOTICE, "stopped", "stopped");
	process_fini(&p);
	log_stop_thread(LOG_STOP_MS);
	return err == 0 ? EXIT_OK : exit_code_of(err);
}
