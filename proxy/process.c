/* The process: start in order, serve, stop in exact reverse.
 *
 *   descriptors -> sandbox -> signals -> control worker -> workers -> health -> admin -> access log -> bindings
 *   -> serve -> drain
 *
 * The main thread becomes the control worker (np_run); the others carry the traffic. */
#include "proxy/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/admin/admin.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/control/capacity.h"
#include "proxy/control/confine.h"
#include "proxy/control/control.h"
#include "proxy/control/drain.h"
#include "proxy/control/limits.h"
#include "proxy/control/publish.h"
#include "proxy/control/reload.h"
#include "proxy/control/renew.h"
#include "proxy/control/server_close.h"
#include "proxy/control/signals.h"
#include "proxy/control/start_errors.h"
#include "proxy/control/state.h"
#include "proxy/control/tokens.h"
#include "proxy/health/health.h"
#include "proxy/log/event.h"

#define STALL_LIMIT (500 * NP_MS) /* a loop that did not turn for so long is logged */

/* The exit code of a reload_prepare that failed: of its own step, since an errno alone does not say
 * whose fault it is. Every step has logged its line. */
static int exit_of_prepare(enum reload_step step, int err)
{
	if (err == -NP_EACCES || err == -NP_EPERM)
		return EXIT_PERMISSION;
	if (step == RELOAD_LOAD)
		return err == -NP_EINVAL ? EXIT_CONFIG : EXIT_FAILED;
	if (step == RELOAD_BIND && (err == -NP_EADDRINUSE || err == -NP_EADDRNOTAVAIL))
		return EXIT_ADDRESS;
	return EXIT_FAILED;
}

/* ---- workers ---- */

/* On the watchdog's thread. */
static void on_stall(unsigned worker, int64_t ns, const char *running)
{
	char name[24];

	if (worker == HEALTH_WORKER)
		snprintf(name, sizeof(name), "health");
	else
		snprintf(name, sizeof(name), worker == ADMIN_WORKER ? "admin" : "worker %u", worker);
	log_limited(LVL_WARNING, "worker_stalled", name, 0,
		    "%s has not turned for %lld ms; on the core: %s", name, (long long)(ns / NP_MS),
		    running);
}

/* Each worker's first coroutine. It ends at once: from then on the control worker sends messages.
 */
static void worker_main(void *arg)
{
	const struct process *p = arg;

	DCHECK(np_self() != NULL, "each worker bounds its own pool");
	np_pipe_bound(p->pipes);
}

/* What the start of a worker lacked. */
static enum start_call call_of(enum np_worker_part part)
{
	static const enum start_call calls[] = {
		[NP_WORKER_MEMORY] = START_MEMORY,
		[NP_WORKER_POLLER] = START_DESCRIPTOR,
		[NP_WORKER_THREAD] = START_THREAD,
	};

	return calls[part];
}

/* With one worker per processor each is pinned to its own: the kernel moves none of them, and
 * caches stay warm. Fewer workers are left to the kernel, which knows better what else runs here.
 *   Returns  EXIT_OK, or the exit code, with its line in the log. */
static int start_workers(struct process *p)
{
	unsigned cpus = capacity_cpus();
	enum np_worker_part making;
	int err;

	for (; p->nworkers < p->nshards; p->nworkers++) {
		unsigned i = p->nworkers;
		struct np_worker_opts o = {
			.name = p->names[i].text,
			.id = (uint16_t)i,
			.cpu = p->nshards == cpus ? capacity_cpu(i) : -1,
			.main = worker_main,
			.arg = p,
			.making = &making,
		};

		snprintf(p->names[i].text, sizeof(p->names[i].text), "worker %hu", (uint16_t)i);
		err = np_worker_start(&p->workers[i], &o);
		if (err != 0)
			return start_failed(call_of(making), p->names[i].text, err);
		p->shards[i].worker = p->workers[i];
	}
	return EXIT_OK;
}

static void on_verdict(void *arg, const char *server, bool down)
{
	server_close_verdict(arg, server, down);
}

/* Traffic goes on without it: then only connects tell of a server. */
static struct health *start_health(struct process *p)
{
	struct health *h;
	int err = health_start(&h, capacity_probes(), capacity_checks());

	p->health = h;
	if (err == 0) {
		health_tells(h, on_verdict, p);
		publish_to(p, health_reader(h), false);
	} else {
		log_msg(LVL_WARNING, "health_off", "servers that are left out are not probed: its thread: %s",
			np_err_text(err));
	}
	return h;
}

static void stop_health(struct process *p, struct health *h)
{
	health_stop(h);
	if (h != NULL)
		publish_end(p, health_reader(h));
	health_free(h);
}

/* It looks at the workers, and behind them in the array at health and admin. */
static int start_watchdog(struct process *p, const struct health *h)
{
	unsigned n = p->nworkers;
	int err;

	if (h != NULL)
		p->workers[n++] = health_worker(h);
	if (p->admin != NULL)
		p->workers[n++] = p->admin;
	p->nwatched = n;
	err = np_sysmon_start(&p->sysmon, p->workers, n, STALL_LIMIT, on_stall);
	return err == 0 ? EXIT_OK : start_failed(START_THREAD, "the watchdog", err);
}

/* All are told before the first is joined, so they end side by side. Every connection has ended or
 * was told to. */
static void stop_workers(struct process *p)
{
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

	DCHECK(workers > 0, "a process has a worker");
	*p = (struct process){
		.config_path = o->config_path,
		.pipes = capacity_pipes(workers),
		.stop_by = INT64_MAX,
		.logs_by = INT64_MAX,
		.old_logs_by = INT64_MAX,
		.upgrade = {.end_by = INT64_MAX},
		.drain_delay = -1,
		.drain_timeout = -1,
		.version = o->version,
		.started = np_nanotime(),
	};
	manager_init(&p->manager);
	list_init(&p->orders);
	overrides_init(&p->overrides);
	server_closes_init(&p->closes);
	state_init(&p->state);
	list_init(&p->drains);
	bindings_init(&p->bindings, &p->manager.notify);
	resolver_init(&p->resolver, capacity_lookups_at_once());
	names_init(&p->dns_names, p);
	err = registry_init(&p->registry, workers);
	if (err != 0)
		return err;
	p->shards = aligned_alloc(_Alignof(struct shard), workers * sizeof(*p->shards));
	p->workers = calloc(workers + 2, sizeof(struct np_worker *)); /* and health and admin, for the watchdog */
	p->names = calloc(workers, sizeof(*p->names));
	if (p->shards == NULL || p->workers == NULL || p->names == NULL)
		return -NP_ENOMEM;
	for (; p->nshards < workers; p->nshards++) {
		err = shard_init(&p->shards[p->nshards], p->nshards, &p->limit);
		if (err != 0)
			return err;
		p->shards[p->nshards].all = p->shards;
		p->shards[p->nshards].nall = workers;
		p->shards[p->nshards].watch = &p->watch;
		shard_share(&p->shards[p->nshards], &p->shards[0]);
	}
	ocsp_init(&p->ocsp, &p->registry, p->shards, &p->dns_names, &p->stats);
	return 0;
}

/* The registry first: it checks that no snapshot is left, and snapshots name shards by number. */
static void process_fini(struct process *p)
{
	bindings_fini(&p->bindings);
	manager_fini(&p->manager);
	state_fini(&p->state);
	overrides_fini(&p->overrides);
	registry_fini(&p->registry);
	tokens_free(p->tokens);
	free(p->problems);
	free(p->problem);
	for (unsigned i = 0; i < p->nshards; i++)
		shard_fini(&p->shards[i]);
	free(p->names);
	free(p->workers);
	free(p->shards);
}

/* Who asked hears how it ended; with a signal nobody asked.   Returns  whether another process serves. */
static bool obey_upgrade(struct process *p, struct order *o)
{
	bool done = upgrade_run(p, o != NULL ? o->binary : NULL);

	if (done)
		p->drain_delay = 0; /* nobody is to look for another process: this address is served */
	if (o == NULL)
		return done;
	o->pid = p->upgrade.pid;
	o->moved = p->upgrade.moved;
	o->left = drain_left(p);
	order_answer(o, done ? 0 : -NP_EPROTO);
	return done;
}

/* Returns false when one of them was to stop, or another process serves. */
static bool obey_orders(struct process *p)
{
	struct order *o;

	while ((o = order_take(p)) != NULL) {
		if (o->kind == ORDER_UPGRADE) {
			if (obey_upgrade(p, o))
				return false;
			continue;
		}
		if (o->kind != ORDER_DRAIN) {
			order_do(p, o);
			continue;
		}
		p->drain_delay = o->delay;
		p->drain_timeout = o->timeout;
		list_push_back(&p->drains, &o->link);
		return false;
	}
	return true;
}

/* Serves until a signal or an order says to stop, or another process serves. */
static void serve_until_stopped(struct process *p)
{
	for (;;) {
		int event = signals_wait(SIGNALS_SERVING, renew_next_poll(p));

		if (event == -NP_EDEADLINE) {
			renew_poll(p);
			continue;
		}
		if (event == SIGNALS_WORK) {
			file_work_reap(&p->files_thread);
			continue;
		}
		if (event == SIGNALS_PEER) {
			upgrade_heard(p);
			continue;
		}
		if (event == SIGNALS_ASKED) {
			if (!obey_orders(p))
				return;
			continue;
		}
		log_msg(LVL_NOTICE, "signal", "SIG%s received", sigabbrev_np(event));
		switch (event) {
		case SIGHUP:
			(void)reload_file(p, NULL);
			break;
		case SIGUSR1:
			upgrade_pass_on(p, event);
			reload_logs(p);
			break;
		case SIGUSR2:
			if (obey_upgrade(p, NULL))
				return;
			break;
		default:
			return;
		}
	}
}

static void say_ready(const struct process *p)
{
	struct event *e = event_begin();

	event_fact(e, "version", p->version);
	event_number(e, "pid", getpid());
	event_log(e, LVL_NOTICE, "ready", "ready");
}

/* Owns c.   Returns  the exit code. */
static int serve(struct process *p, struct config *c)
{
	struct snapshot *snap;
	struct list opened;
	enum reload_step step;
	bool cut;
	int err, code = EXIT_OK;

	state_load(p, c); /* names are known before they are asked for */
	err = reload_prepare(p, NULL, c, &snap, &opened, &step);
	if (err == -NP_ECANCELED)
		return EXIT_OK; /* told to stop before it was ready */
	if (err != 0)
		return exit_of_prepare(step, err);
	if (upgrade_ready(p, snap) != 0) {
		names_refuse(p);
		bindings_free(&opened);
		snapshot_free(snap);
		return EXIT_FAILED;
	}
	state_start(p, snap); /* no connection goes to a drained server */
	err = reload_publish(p, snap, &opened);
	if (err == 0) {
		upgrade_accepting(p);
		__atomic_store_n(&p->stage, STAGE_SERVING, __ATOMIC_RELEASE);
		confine_say();
		say_ready(p);
		manager_ready(p);
		serve_until_stopped(p);
	} else {
		code = start_failed(START_MEMORY, "the accept loops", err);
	}
	manager_stopping(p);
	cut = !drain_run(p);
	if (cut && code == EXIT_OK)
		code = EXIT_CUT;
	drain_answer(p, cut);
	reload_retire(p);
	return code;
}

/* The argument of process_main. On the stack of process_run, which waits meanwhile. */
struct start {
	struct process *p;
	struct config *config;
	int code; /* out: the exit code */
};

/* The control worker's coroutine. */
static void process_main(void *arg)
{
	struct start *start = arg;
	struct process *p = start->p;
	struct health *health = NULL;
	struct admin *admin = NULL;
	int err = signals_start();

	/* Before any snapshot exists: retired ones are posted to it. */
	p->registry.control = np_self();
	limits_start(p);
	start->code = err == 0 ? start_workers(p) :
				 start_failed(START_DESCRIPTOR, "the poller of signals", err);
	if (start->code == EXIT_OK && upgrade_join(p) != 0) /* the control plane listens at what it was given */
		start->code = EXIT_FAILED;
	if (start->code == EXIT_OK) {
		health = start_health(p);
		start->code = admin_start(p, start->config, &admin);
	}
	if (start->code == EXIT_OK)
		start->code = start_watchdog(p, health);
	if (start->code == EXIT_OK)
		start->code = serve(p, start->config);
	else
		config_free(start->config);
	upgrade_bye(p);
	/* In reverse: coroutines of this worker, who asks it and the workers, the workers, then the log that
	 * they wrote to. */
	orders_end(p);
	level_end(p);
	server_closes_end(p);
	overrides_stop(&p->overrides);
	state_end(p);
	names_stop(p);
	ocsp_stop(&p->ocsp);
	p->resolver_hangs = !resolver_stop(&p->resolver);
	manager_end(p);
	if (p->sysmon != NULL)
		np_sysmon_stop(p->sysmon);
	stop_health(p, health);
	admin_stop(admin);
	publish_stop(p);
	stop_workers(p);
	limits_end(p);
	p->log = log_stop(p->log, drain_access_patience(p));
	reload_wait_for_old_logs(p);
	signals_stop();
}

/* Returns the exit code. */
static int run_control(struct process *p, struct config *c)
{
	struct start start = {.p = p, .config = c};
	enum np_worker_part making;
	const struct np_worker_opts control = {
		.name = "control",
		.id = UINT16_MAX,
		.cpu = -1,
		.main = process_main,
		.arg = &start,
		.making = &making,
	};
	int err = signals_open();

	if (err != 0) {
		config_free(c);
		return start_failed(START_DESCRIPTOR, "the socket pair for signals", err);
	}
	err = log_start_thread(); /* signals are blocked by now, and stay so in that thread */
	if (err != 0) {
		config_free(c);
		return start_failed(START_THREAD, "the thread of the log", err);
	}
	capacity_log(p->nshards, capacity_connections(p->nshards, capacity_binds(c), p->pipes,
						      capacity_aside(p->nshards, c)));
	err = np_run(&control);
	if (err == 0)
		return start.code;
	config_free(c);
	return start_failed(call_of(making), "the control worker", err);
}

int process_run(const struct process_opts *o)
{
	struct process *p = aligned_alloc(_Alignof(struct process), sizeof(*p)); /* too large for a frame */
	int code, err;

	/* The level first: even the lines of the start obey it. */
	log_init(LVL_NOTICE, LOG_FORMAT_AUTO, STDERR_FILENO);
	reload_log_level(o->config);
	capacity_raise_descriptors();
	if (p == NULL) {
		config_free(o->config);
		return start_failed(START_MEMORY, "the process", -NP_ENOMEM);
	}
	code = confine_start(o->config);
	err = process_init(p, o, capacity_workers(o->config));
	if (err != 0)
		code = start_failed(START_MEMORY, "the workers", err);
	if (code == EXIT_OK)
		code = run_control(p, o->config);
	else
		config_free(o->config);
	if (code == EXIT_OK || code == EXIT_CUT)
		log_msg(LVL_NOTICE, "stopped", "stopped");
	log_stop_thread(drain_process_patience(p));
	/* A thread that hangs on a disk still uses what would be freed here, and OpenSSL, which
	 * exit(3) would tear down: leave without both. */
	if (file_work_is_busy(&p->files_thread) || state_is_busy(&p->state) || p->resolver_hangs)
		_exit(code);
	file_work_reap(&p->state.loading);
	file_work_reap(&p->files_thread); /* left behind at the order to stop, and done since */
	limits_fini(p);
	process_fini(p);
	free(p);
	return code;
}
