/* load: text -> model -> snapshot, on the thread of file work, while this thread still hears an
 * order to stop. */
#include "proxy/control/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/key_paths.h"
#include "config/text/diag.h"
#include "proxy/base/owner.h"
#include "proxy/base/terminal.h"
#include "proxy/control/capacity.h"
#include "proxy/control/confine.h"
#include "proxy/control/control.h"
#include "proxy/control/problems.h"
#include "proxy/control/start_errors.h"
#include "proxy/control/tokens.h"
#include "proxy/control/watch_files.h"

/* A thousand keys take a few seconds on a slow machine; a disk that needs longer is taken for one
 * that hangs. */
#define LOAD_PATIENCE (30 * NP_S)

/* The job. The thread's until it is done. What it borrows of the process is const, or lent
 * (registry_lend). */
struct load {
	struct file_job job;
	struct registry *registry;   /* lent */
	const struct snapshot
		*prev; /* current at the start of the load; a lent registry keeps it */
	char *path;                  /* owned; NULL: config was given */
	struct planned *plan;        /* owned: this is no load but a plan; NULL: a load */
	char *text;                  /* owned: what is planned, under the name `path` */
	size_t ntext;
	unsigned workers, pipes;
	uint64_t generation;         /* in force, for the messages */
	struct loaded out;
	char *problems;              /* owned: what was wrong (problems.h); NULL: nothing that can be named */
	char *first;                 /* owned: the first of them, in one line; NULL, too */
	int err;
};

/* The load as a whole, in words of what it lacked. */
static void say_lack(const char *what, enum start_call call, int err)
{
	char room[START_WHY_ROOM] = "";
	struct text why;

	text_init(&why, room, sizeof(room) - 1);
	start_why(&why, call, err);
	log_msg(LVL_ERROR, "files_failed", "%s: %s", what, room);
}

/* ---- on the thread ---- */

/* Every problem of the file is said with its place, not only the first: drawn for who sits at a terminal, as lines
 * of the log elsewhere. */
static int read_config(struct load *l)
{
	struct diag *d = diag_new();
	char footer[64];
	int err;

	if (d == NULL)
		return -NP_ENOMEM;
	snprintf(footer, sizeof(footer), "running generation %llu unchanged",
		 (unsigned long long)l->generation);
	err = config_load(l->path, &l->out.config, d);
	if (log_is_seen())
		diag_print(stderr, d, (struct diag_look){.colour = true, .columns = terminal_columns(STDERR_FILENO)},
			   footer);
	else
		problems_log(d, footer);
	if (err != 0)
		l->problems = problems_text(d);
	if (err != 0)
		l->first = problems_first(d);
	diag_free(d);
	return err;
}

/* As read_config, but for the disk: only what the text names is looked for there. */
static int read_plan(struct load *l)
{
	struct diag *d = diag_new();
	int err;

	if (d == NULL)
		return -NP_ENOMEM;
	err = config_parse_given(l->path, l->text, l->ntext, &l->out.config, d);
	if (err == 0)
		key_check_paths(l->out.config, d);
	if (err == 0 && diag_count(d, DIAG_ERROR) > 0)
		err = -NP_EINVAL;
	l->problems = problems_of(d, DIAG_ERROR);
	l->plan->warnings = problems_of(d, DIAG_WARNING);
	diag_free(d);
	return err;
}

/* Says what is wrong in the log, and keeps it for whoever ordered the load. */
static int load_refuse(struct load *l, const char *code, const char *event, const char *fmt, ...)
	printf_like(4, 5);

static int load_refuse(struct load *l, const char *code, const char *event, const char *fmt, ...)
{
	char message[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (l->plan == NULL)
		log_msg(LVL_ERROR, event, "%s: %s", code, message);
	l->problems = problem_text(code, message);
	l->first = strdup(message);
	return -NP_EINVAL;
}

/* A number that the descriptors do not allow would fail later, one client at a time: it is refused
 * at load. `auto` is what they allow. */
static int check_limit(struct load *l)
{
	int64_t max = l->out.config->limits.max_connections;
	int64_t most = capacity_connections(l->workers, capacity_binds(l->out.config), l->pipes,
					    capacity_aside(l->workers, l->out.config));

	if (max == CONFIG_AUTO || max <= most)
		return 0;
	return load_refuse(l, "E403", "limit_too_high",
			   "limits.max_connections is %lld, but the descriptor limit allows "
			   "%lld (raise ulimit -n or LimitNOFILE, or write auto)",
			   (long long)max, (long long)most);
}

/* Asked before the snapshot asks, for the place. */
static int check_owners(struct load *l)
{
	const struct config *c = l->out.config;
	struct np_unix_owner o;

	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].nbind; j++) {
			const struct config_bind *b = &c->listeners[i].bind[j];
			const char *why = b->owner != NULL ? owner_find(b->owner, &o) : NULL;

			if (why == NULL)
				continue;
			return load_refuse(l, "E402", "listen_failed",
					   "listener \"%s\" cannot give %s to %.100s (%s): %s",
					   c->listeners[i].name, b->text, b->owner,
					   config_line(c, config_place_bind(b, "owner")).text, why);
		}
	return 0;
}

static int check_tokens(struct load *l)
{
	char room[512] = "";
	const char *code;
	struct text why;
	int err;

	text_init(&why, room, sizeof(room) - 1);
	err = tokens_load(l->out.config->control.token_file, &l->out.tokens, &why);
	if (err == 0 || err == -NP_ENOMEM)
		return err;
	code = np_err_remedy(err) != NULL ? "E403" : "E406";
	(void)load_refuse(l, code, "tokens_failed", "%s", room);
	return np_err_remedy(err) != NULL ? err : -NP_EINVAL;
}

/* First: what cannot be opened would be told in as many ways as there are files. At a start the rules were made of
 * these very paths. */
static int check_confined(struct load *l)
{
	struct confine_denied d;

	if ((l->prev == NULL && l->plan == NULL) || !confine_denies(l->out.config, &d))
		return 0;
	return load_refuse(l, "E407", "sandbox_denies",
			   "%.300s (%s) is outside of what landlock allows this process since its start: it needs a "
			   "restart",
			   d.path, config_line(l->out.config, d.at).text);
}

/* A file that says the same as the last one gives no model of its own. */
static void share_config(struct load *l)
{
	if (l->path == NULL || l->prev == NULL || !config_same(l->out.config, l->prev->config))
		return;
	/* The text may differ in what means nothing. */
	__atomic_store_n(&l->prev->config->hash, l->out.config->hash, __ATOMIC_RELAXED);
	config_free(l->out.config);
	l->out.config = config_share(l->prev->config);
}

static int load_snapshot(struct load *l)
{
	char room[512] = "";
	struct text why;
	int err;

	text_init(&why, room, sizeof(room) - 1);
	l->out.files = watch_files_state(
		l->out.config); /* first: a change meanwhile is seen by the next poll */
	err = snapshot_new(l->registry, l->out.config, l->prev, &l->out.snap, &why);
	if (err == -NP_ENOMEM)
		say_lack(room[0] != '\0' ? room : "loading the configuration", START_MEMORY, err);
	else if (err != 0 && room[0] != '\0')
		(void)load_refuse(l, np_err_remedy(err) != NULL ? "E403" : "E405", "tls_failed",
				  np_err_remedy(err) != NULL ? "%s" : "%s; staunch check shows the line", room);
	return err;
}

/* What a text or a file says, before anything is made of it. */
static int read_checked(struct load *l)
{
	int err = 0;

	if (l->plan != NULL)
		err = read_plan(l);
	else if (l->path != NULL)
		err = read_config(l);
	if (err == 0)
		err = check_confined(l);
	if (err == 0)
		err = check_limit(l);
	if (err == 0)
		err = check_owners(l);
	if (err == 0)
		err = check_tokens(l);
	return err;
}

static void plan_files(struct file_job *job)
{
	struct load *l = container_of(job, struct load, job);
	char room[512] = "";
	struct text why;

	text_init(&why, room, sizeof(room) - 1);
	l->err = read_checked(l);
	if (l->err == 0)
		l->err = snapshot_trial(l->out.config, &l->plan->trial, &why);
	if (l->err == 0)
		l->out.config = NULL; /* the trial's */
	if (l->err != 0 && room[0] != '\0' && l->problems == NULL)
		l->err = load_refuse(l, "E405", "tls_failed", "%s", room);
}

static void load_files(struct file_job *job)
{
	struct load *l = container_of(job, struct load, job);

	l->err = read_checked(l);
	if (l->err == 0)
		share_config(l);
	if (l->err == -NP_ENOMEM)
		say_lack("loading the configuration", START_MEMORY, l->err);
	if (l->err == 0)
		l->err = load_snapshot(l);
}

/* ---- on the control thread ---- */

/* Of a job that is done. The snapshot owns the config once there is one. */
static void load_free(struct load *l)
{
	if (l->out.snap == NULL)
		config_free(l->out.config);
	snapshot_free(l->out.snap);
	tokens_free(l->out.tokens);
	planned_free(l->plan);
	free(l->text);
	free(l->problems);
	free(l->first);
	free(l->path);
	free(l);
}

static void load_discard(struct file_job *job)
{
	struct load *l = container_of(job, struct load, job);
	struct registry *registry = l->registry;

	registry_reclaim(registry);
	load_free(l);
	log_msg(LVL_NOTICE, "files_back",
		"the files that were late have been read; what they hold is dropped");
}

static struct load *load_new(struct process *p, const char *path)
{
	struct load *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	*l = (struct load){
		.job = {.run = load_files, .discard = load_discard},
		.registry = &p->registry,
		.prev = p->snap,
		.path = path != NULL ? strdup(path) : NULL,
		.workers = p->nshards,
		.pipes = p->pipes,
		.generation = p->snap != NULL ? p->snap->generation : 0,
	};
	if (path == NULL || l->path != NULL)
		return l;
	free(l);
	return NULL;
}

/* The job did not end in time, or did not start. */
static void log_late(int err)
{
	if (err == -NP_EDEADLINE)
		log_msg(LVL_ERROR, "files_late",
			"a file that the configuration names was not read within %d s: look for a disk or a "
			"network file system that hangs, or a path that is a FIFO or a device",
			(int)(LOAD_PATIENCE / NP_S));
	else if (err == -EBUSY)
		log_msg(LVL_ERROR, "files_late",
			"an earlier load still waits for a file; this one can begin when that file was read");
	else if (err != -NP_ECANCELED)
		say_lack("reading the files", START_THREAD, err);
}

/* A snapshot in which nothing changed goes with the load: the current one serves on, so that a
 * generation without a change costs nothing to those who keep it. A descriptor limit that was
 * changed while we run is a change, too. */
static void take_loaded(const struct process *p, struct load *l, struct loaded *out)
{
	*out = l->out;
	if (p->snap != NULL && snapshot_same(p->snap, l->out.snap) &&
	    p->snap->max_connections == capacity_max(p->nshards, p->snap->config, p->pipes)) {
		out->snap = p->snap;
		out->config = p->snap->config;
		l->out.tokens = NULL;
		return;
	}
	l->out = (struct loaded){0};
}

int load_run(struct process *p, const char *path, struct config *config, struct loaded *out)
{
	struct load *l = load_new(p, path);
	int err;

	if (l == NULL) {
		say_lack("loading the configuration", START_MEMORY, -NP_ENOMEM);
		config_free(config);
		return -NP_ENOMEM;
	}
	l->out.config = config;
	registry_lend(&p->registry);
	err = file_work_run(&p->files_thread, &l->job, LOAD_PATIENCE);
	if (err != 0)
		log_late(err);
	if (err == -NP_EDEADLINE || err == -NP_ECANCELED)
		return err; /* left behind, with the registry */
	if (err != -EBUSY)
		registry_reclaim(&p->registry);
	if (err == 0)
		err = l->err;
	free(p->problems);
	p->problems = l->problems;
	l->problems = NULL;
	free(p->problem);
	p->problem = l->first;
	l->first = NULL;
	if (err == 0)
		take_loaded(p, l, out);
	load_free(l);
	return err;
}

/* ---- a plan ---- */

static void plan_discard(struct file_job *job)
{
	load_free(container_of(job, struct load, job));
}

void planned_free(struct planned *f)
{
	if (f == NULL)
		return;
	if (f->trial.snap != NULL)
		snapshot_trial_end(&f->trial);
	free(f->errors);
	free(f->warnings);
	free(f);
}

/* Its registry is its own, so that of the process is not lent. */
static struct load *plan_new(struct process *p, char *text, size_t n)
{
	struct load *l = load_new(p, p->snap->config->file);

	if (l == NULL) {
		free(text);
		return NULL;
	}
	l->job = (struct file_job){.run = plan_files, .discard = plan_discard};
	l->registry = NULL;
	l->prev = NULL;
	l->text = text;
	l->ntext = n;
	l->plan = calloc(1, sizeof(*l->plan));
	if (l->plan != NULL)
		return l;
	load_free(l);
	return NULL;
}

int load_plan(struct process *p, char *text, size_t n, struct planned **out)
{
	struct load *l = plan_new(p, text, n);
	int err;

	if (l == NULL)
		return -NP_ENOMEM;
	err = file_work_run(&p->files_thread, &l->job, LOAD_PATIENCE);
	if (err == -NP_EDEADLINE || err == -NP_ECANCELED)
		return err; /* left behind */
	if (err == 0 && (l->err == 0 || l->problems != NULL)) {
		*out = l->plan;
		(*out)->errors = l->problems;
		l->plan = NULL;
		l->problems = NULL;
	} else if (err == 0) {
		err = l->err == -NP_EINVAL ? -NP_ENOMEM : l->err; /* a problem without room for its words */
	}
	load_free(l);
	return err;
}
