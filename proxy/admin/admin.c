/* admin: start, and an end that holds nobody up. */
#include "proxy/admin/admin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "proxy/admin/admin_events.h"
#include "proxy/admin/admin_listen.h"
#include "proxy/admin/admin_sample.h"
#include "proxy/base/exit_tbl.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control_path.h"
#include "proxy/control/publish.h"
#include "proxy/control/start_errors.h"
#include "proxy/control/tokens.h"
#include "proxy/log/log.h"

#define STOP_TIME   (80 * NP_MS) /* for answers under way */
#define STOP_LOOK   (5 * NP_MS)

/* ---- on the admin worker ---- */

/* Its end closes the listener: after it nobody accepts there. */
static void run_accept(void *arg)
{
	struct admin_at *at = arg;

	admin_accept_main(at);
	np_fd_close(&at->fd);
	at->open = false;
}

/* Without memory that path stays shut, and the other one may serve. */
static void open_at(struct admin_at *at)
{
	if (at->sysfd < 0 || np_fd_init(&at->fd, at->sysfd) != 0)
		return;
	at->sysfd = -1;
	at->open = true;
	if (np_go("admin accept", run_accept, at) == 0)
		return;
	np_fd_close(&at->fd);
	at->open = false;
}

void admin_open(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		open_at(&a->at[i]);
}

/* Nobody listens, and nobody is served or refused. */
static bool is_over(const struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		if (a->at[i].open)
			return false;
	return list_empty(&a->clients) && a->nrefused == 0;
}

/* While the process stops no wait is longer than what is left. */
int64_t admin_deadline(const struct admin *a, int64_t ns)
{
	int64_t by = np_deadline_after(ns);

	return a->stopping && a->stop_by < by ? a->stop_by : by;
}

/* Who waits goes at once; who is being answered has STOP_TIME. */
static void stop_clients(struct admin *a)
{
	for (size_t i = 0; i < ADMIN_PATHS; i++)
		if (a->at[i].open)
			np_fd_close(&a->at[i].fd);
	list_for_each(it, &a->clients) {
		struct client *c = list_entry(it, struct client, link);

		np_fd_set_deadline(&c->fd, list_empty(&c->wait) ? a->stop_by : 1);
		if (c->streams) /* its answer waits for what may never come: there is time to say the end */
			np_fd_set_read_deadline(&c->fd, 1);
	}
	while (!is_over(a))
		np_sleep(STOP_LOOK);
}

static void on_order_to_stop(struct np_msg *m)
{
	struct admin *a = container_of(m, struct admin, order);

	a->stopping = true;
	a->stop_by = np_deadline_after(STOP_TIME);
	np_event_set(&a->told);
}

/* The worker's first coroutine, and its last: so the end needs no stack that might not be had. */
static void admin_main(void *arg)
{
	struct admin *a = arg;

	if (!upgrade_under_way(a->p)) /* else admin_handover.c opens them, once this process serves */
		admin_open(a);
	sampler_start(a->sampler);
	np_event_wait(&a->told);
	stop_clients(a);
	sampler_stop(a->sampler);
	np_post(a->control, &a->ended);
}

/* ---- on the control thread ---- */

static void on_ended(struct np_msg *m)
{
	np_event_set(&container_of(m, struct admin, ended)->gone);
}

static struct admin *admin_free(struct admin *a)
{
	admin_listen_close(a);
	if (a->spare >= 0)
		close(a->spare);
	config_free((struct config *)(uintptr_t)a->config);
	free(a->sampler);
	a->events = event_keeper_free(a->events);
	free(a);
	return NULL;
}

/* All that may fail is made here, so that the worker's start is the last thing that can. */
static struct admin *admin_new(struct process *p, const struct config *c)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->sampler = sampler_new(a);
	a->events = event_keeper_new(a);
	if (a->sampler == NULL || a->events == NULL) {
		free(a->sampler);
		a->events = event_keeper_free(a->events);
		free(a);
		return NULL;
	}
	a->p = p;
	a->config = config_share((struct config *)(uintptr_t)c);
	a->control = np_self();
	a->most = capacity_admin_clients();
	a->most_tcp = a->most - a->most / 4;
	a->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	a->order.fn = on_order_to_stop;
	a->ended.fn = on_ended;
	list_init(&a->clients);
	list_init(&a->waiting);
	return a;
}

static int start_worker(struct admin *a)
{
	const struct np_worker_opts o = {
		.name = "admin",
		.id = ADMIN_WORKER,
		.cpu = -1,
		.main = admin_main,
		.arg = a,
	};

	return np_worker_start(&a->worker, &o);
}

int admin_start(struct process *p, const struct config *c, struct admin **out)
{
	struct admin *a;
	int code, err;

	*out = NULL;
	if (!control_is_on(c))
		return EXIT_OK;
	a = admin_new(p, c);
	if (a == NULL)
		return start_failed(START_MEMORY, "the control plane", -NP_ENOMEM);
	code = admin_listen_open(a, c);
	if (code != EXIT_OK || (a->at[0].sysfd < 0 && a->at[1].sysfd < 0)) {
		admin_free(a);
		return code;
	}
	admin_handover_init(a);
	err = start_worker(a);
	if (err != 0) {
		p->upgrade.control = (struct upgrade_control){0};
		log_msg(LVL_WARNING, "control_off", "no control plane: its thread: %s", np_err_text(err));
		admin_free(a);
		return EXIT_OK;
	}
	p->admin = a->worker;
	a->reader.worker = a->worker;
	publish_to(p, &a->reader, true);
	event_keeper_start(a->events);
	*out = a;
	return EXIT_OK;
}

/* Tokens that were published are freed by the worker before it ends: posts are read in order. */
void admin_stop(struct admin *a)
{
	if (a == NULL)
		return;
	np_post(a->worker, &a->order);
	np_event_wait(&a->gone);
	event_deafen();
	publish_end(a->p, &a->reader);
	a->p->admin = NULL;
	a->p->upgrade.control = (struct upgrade_control){0};
	np_worker_stop(a->worker);
	np_worker_join(a->worker);
	admin_free(a);
}
