/* The process: start in order, serve, stop in exact reverse.
 *
 *   descriptors -> signals -> control worker -> workers -> access log -> bindings -> serve -> drain
 *
 * The main thread becomes the control worker (np_run); the others carry the traffic. */
#include "proxy/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/control/drain.h"
#include "proxy/control/reload.h"
#include "proxy/control/renew.h"
#include "proxy/control/signals.h"

#define STALL_LIMIT (500 * NP_MS) /* a loop that did not turn for so long is logged */

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

/* ---- workers ---- */

static void on_stall(unsigned worker, int64_t ns, const char *running)
{
	static struct log_site site;

	log_limited(&site, LVL_WARNING, "worker_stalled",
		    "worker %u has not turned for %lld ms; on the core: %s", worker,
		    (long long)(ns / NP_MS), running);
}

/* Each worker's first coroutine. It ends at once: from then on the control worker sends messages.
 */
static void worker_main(void *arg)
{
	const struct process *p = arg;

	np_pipe_bound(p->pipes);
}

/* With one worker per processor each is pinned to its own: the kernel moves none of them, and
 * caches stay warm. Fewer workers are left to the kernel, which knows better what else runs here.
 */
static int start_workers(struct process *p)
{
	static char names[512][16]; /* static: sysmon and the kernel keep them */
	unsigned cpus = capacity_cpus();

	for (; p->nworkers < p->nshards; p->nworkers++) {
		unsigned i = p->nworkers;
		struct np_worker_opts o = {
			.name = names[i],
			.id = (uint16_t)i,
			.cpu = p->nshards == cpus ? capacity_cpu(i) : -1,
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

/* ---- the process ---- */

/* After an error process_fini may still follow. */
static int process_init(struct process *p, const struct process_opts *o, unsigned workers)
{
	int err;

	*p = (struct process){.config_path = o->config_path, .pipes = capacity_pipes(workers)};
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

static unsigned config_workers(const struct config *c)
{
	return c->workers == CONFIG_AUTO ? capacity_cpus() : (unsigned)c->workers;
}

/* Serves until a signal says to stop. */
static void serve_until_stopped(struct process *p)
{
	for (;;) {
		int sig = signals_wait(renew_next_poll(p));

		if (sig == -NP_EDEADLINE) {
			renew_poll(p);
			continue;
		}
		log_msg(LVL_NOTICE, "signal", "SIG%s received", sigabbrev_np(sig));
		switch (sig) {
		case SIGHUP:
			reload_file(p);
			break;
		case SIGUSR1:
			reload_logs(p);
			break;
		default:
			return;
		}
	}
}

/* Owns c. */
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
		serve_until_stopped(p);
	}
	drain_run(p);
	reload_retire(p);
	return err;
}

/* The argument of process_main. On the stack of process_run, which waits meanwhile. */
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
	st->err = signals_start();
	if (st->err == 0)
		st->err = start_workers(p);
	if (st->err == 0)
		st->err = serve(p, st->config);
	else
		config_free(st->config);
	ocsp_stop(&p->ocsp);
	stop_workers(p);
	p->log = log_stop(p->log, LOG_STOP_MS);
	signals_stop();
}

int process_run(const struct process_opts *o)
{
	unsigned workers = config_workers(o->config), binds = capacity_binds(o->config);
	struct process p;
	struct start start = {.p = &p, .config = o->config};
	const struct np_worker_opts control = {
		.name = "control",
		.id = UINT16_MAX,
		.cpu = -1,
		.main = process_main,
		.arg = &start,
	};
	int err;

	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, STDERR_FILENO);
	reload_log_level(o->config);
	capacity_raise_descriptors();
	err = process_init(&p, o, workers);
	if (err == 0)
		err = signals_open();
	if (err == 0) {
		capacity_log(p.nshards, capacity_connections(p.nshards, binds, p.pipes));
		err = np_run(&control);
	}
	if (err == 0)
		err = start.err;
	if (err != 0)
		log_msg(LVL_ERROR, "start_failed", "staunch could not start: %s (%s)",
			np_err_text(err), np_err_name(err));
	else
		log_msg(LVL_NOTICE, "stopped", "stopped");
	process_fini(&p);
	return err == 0 ? EXIT_OK : exit_code_of(err);
}
