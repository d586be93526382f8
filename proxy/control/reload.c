/* reload: load, validate, freeze, open what is new, put it into force, retire what is old.
 * Everything that can fail comes before the first change, so a bad file changes nothing. */
#include "proxy/control/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "proxy/base/probe.h"
#include "proxy/base/wall.h"
#include "proxy/control/capacity.h"
#include "proxy/control/changes.h"
#include "proxy/control/control.h"
#include "proxy/control/check_first.h"
#include "proxy/control/load.h"
#include "proxy/control/publish.h"
#include "proxy/control/recount.h"
#include "proxy/control/signals.h"
#include "proxy/control/start_errors.h"
#include "proxy/control/tokens.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/listen/bindings.h"
#include "proxy/log/event.h"
#include "proxy/policy/snapshot_tls.h"

#define OLD_LOG_POLL (5 * NP_MS)

/* ---- in force ---- */

/* On each worker: one use for being current there, beside those of its connections. */
static void hold_snapshot(struct shard *s, void *arg)
{
	DCHECK_SHARD(s);
	snapshot_hold(arg, s->id);
}

static void drop_snapshot(struct shard *s, void *arg)
{
	DCHECK_SHARD(s);
	snapshot_drop(arg, s->id);
}

/* One worker after the other, and each has answered before the next is asked: so a caller may free
 * afterwards what fn took out of use. */
static void on_every_shard(struct process *p, void (*fn)(struct shard *s, void *arg), void *arg)
{
	for (unsigned i = 0; i < p->nshards; i++)
		shard_call(&p->shards[i], fn, arg);
}

void reload_retire(struct process *p)
{
	if (p->snap != NULL)
		on_every_shard(p, drop_snapshot, p->snap);
	p->snap = NULL;
}

/* Once per reload and certificate: an operator who reloads sees it, and the log is not flooded. */
static void warn_of_expiry(void *arg, const struct snapshot_certificate *c)
{
	int days = tls_cert_days_left(c->cert->expires);

	(void)arg;
	if (days < 0)
		log_msg(LVL_WARNING, "certificate_expired", "listener \"%s\": %s has expired",
			c->listener, c->file);
	else if (days < TLS_CERT_SOON)
		log_msg(LVL_WARNING, "certificate_expires",
			"listener \"%s\": %s expires in %d day%s", c->listener, c->file, days,
			days == 1 ? "" : "s");
}

/* How old spoke to the servers of this upstream, which is found by its name, since a reload makes anew what has
 * changed. NULL: it had none of this name. */
static const struct target *target_before(const struct snapshot *old, const struct upstream *u)
{
	for (unsigned i = 0; old != NULL && i < old->ntargets; i++)
		if (strcmp(old->targets[i].upstream->name, u->name) == 0)
			return &old->targets[i];
	return NULL;
}

/* What became of connections that were spoken to in another way, or are judged no more, holds nobody out. At the start
 * only the process before, which took such care itself, has said anything (upgrade_servers.c). */
static void forget_failures(const struct snapshot *old, const struct snapshot *new)
{
	for (unsigned i = 0; old != NULL && i < new->ntargets; i++) {
		const struct target *t = &new->targets[i], *before = target_before(old, t->upstream);
		const struct members *all = t->upstream->members;

		if (before != NULL && before->tls == t->tls && before->header == t->header && t->upstream->passive.on)
			continue;
		for (unsigned j = 0; j < all->n; j++)
			if (!passive_is_clean(&all->at[j].server->passive))
				(void)passive_forget(all->at[j].server, np_nanotime());
	}
}

/* The old snapshot is dropped last: until an acceptor has switched it hands out the old one's listeners. */
int reload_publish(struct process *p, struct snapshot *snap, struct list *opened)
{
	int err;

	DCHECK(np_self() == p->registry.control, "a reload is the control worker's");
	DCHECK(snap->generation == 0 || snap == p->snap, "a snapshot is published while it is current");
	snapshot_enact(snap, capacity_max(p->nshards, snap->config, p->pipes));
	names_adopt(p, snap);
	overrides_apply(p, snap);
	forget_failures(p->snap, snap);
	check_first_await(p, snap);
	bindings_adopt(&p->bindings, opened);
	if (snap != p->snap)
		on_every_shard(p, hold_snapshot, snap);
	err = bindings_serve(&p->bindings, snap, p->shards);
	snapshot_certificates(snap, warn_of_expiry, NULL);
	if (snap != p->snap)
		reload_retire(p);
	p->snap = snap;
	names_settle(p); /* and overrides: one may have ended meanwhile */
	publish_again(p);
	p->loaded_at = wall_now();
	return err;
}

/* ---- limits and log ---- */

static enum log_format format_of(const struct config *c)
{
	static const enum log_format formats[] = {
		[CONFIG_FORMAT_AUTO] = LOG_FORMAT_AUTO,
		[CONFIG_FORMAT_JSON] = LOG_FORMAT_JSON,
		[CONFIG_FORMAT_TEXT] = LOG_FORMAT_TEXT,
		[CONFIG_FORMAT_JOURNAL] = LOG_FORMAT_JOURNAL,
	};

	return formats[c->log.format];
}

/* Who asks for text asks for access records to read. Messages have that form on a terminal anyway, and elsewhere
 * programs read them. */
static enum log_format format_of_messages(const struct config *c)
{
	enum log_format f = format_of(c);

	return f == LOG_FORMAT_TEXT ? LOG_FORMAT_AUTO : f;
}

static void set_syslog(const struct config *c)
{
	static const int numbers[] = {
		[CONFIG_FACILITY_USER] = 1, [CONFIG_FACILITY_MAIL] = 2, [CONFIG_FACILITY_DAEMON] = 3,
		[CONFIG_FACILITY_AUTH] = 4, [CONFIG_FACILITY_SYSLOG] = 5, [CONFIG_FACILITY_LPR] = 6,
		[CONFIG_FACILITY_NEWS] = 7, [CONFIG_FACILITY_UUCP] = 8, [CONFIG_FACILITY_CRON] = 9,
		[CONFIG_FACILITY_AUTHPRIV] = 10, [CONFIG_FACILITY_FTP] = 11, [CONFIG_FACILITY_LOCAL0] = 16,
		[CONFIG_FACILITY_LOCAL1] = 17, [CONFIG_FACILITY_LOCAL2] = 18, [CONFIG_FACILITY_LOCAL3] = 19,
		[CONFIG_FACILITY_LOCAL4] = 20, [CONFIG_FACILITY_LOCAL5] = 21, [CONFIG_FACILITY_LOCAL6] = 22,
		[CONFIG_FACILITY_LOCAL7] = 23,
	};
	const char *text = c->log.syslog.address;
	struct np_addr a;

	/* "off" is no address; the check has parsed every other */
	log_set_syslog(np_addr_parse(&a, text, NULL) == 0 ? &a : NULL, numbers[c->log.syslog.facility]);
}

void reload_log_level(const struct config *c)
{
	static const enum log_level levels[] = {
		[CONFIG_LEVEL_ERROR] = LVL_ERROR,
		[CONFIG_LEVEL_WARNING] = LVL_WARNING,
		[CONFIG_LEVEL_NOTICE] = LVL_NOTICE,
		[CONFIG_LEVEL_INFO] = LVL_INFO,
		[CONFIG_LEVEL_DEBUG] = LVL_DEBUG,
	};

	log_set_level(levels[c->log.level]);
	log_set_format(format_of_messages(c));
	set_syslog(c);
}

/* Of the access log, in words of the part that could not be had. */
static void say_no_log(const struct log_options *o, int err)
{
	static const enum start_call calls[] = {
		[LOG_PART_MEMORY] = START_MEMORY,
		[LOG_PART_SINK] = START_FILE,
		[LOG_PART_THREAD] = START_THREAD,
	};
	char room[START_WHY_ROOM] = "";
	struct text why;

	text_init(&why, room, sizeof(room) - 1);
	start_why(&why, calls[*o->making], err);
	log_msg(LVL_ERROR, "log_failed", "E404: access log %s: %s", o->path != NULL ? o->path : "",
		room);
}

static struct log_options log_options_of(const struct config *c)
{
	static const enum log_sink_kind kinds[] = {
		[CONFIG_SINK_OFF] = LOG_SINK_OFF,
		[CONFIG_SINK_STDOUT] = LOG_SINK_STDOUT,
		[CONFIG_SINK_STDERR] = LOG_SINK_STDERR,
		[CONFIG_SINK_FILE] = LOG_SINK_PATH,
	};

	return (struct log_options){
		.kind = kinds[c->log.access.kind],
		.path = c->log.access.path,
		.format = format_of(c),
	};
}

/* The worker writes to its ring of the new log from its next record on. */
static void use_log(struct shard *s, void *arg)
{
	DCHECK_SHARD(s);
	s->log = log_ring_of(arg, s->id);
}

/* On the heap; its coroutine frees it. */
struct old_log {
	struct process *p;
	struct log *log;
};

/* The reader of the old log may be stuck: neither the reload nor an order to stop waits for it. */
static void old_log_main(void *arg)
{
	struct old_log *o = arg;

	while (log_stop_poll(o->log, np_nanotime() >= o->p->old_logs_by) != NULL)
		np_sleep(OLD_LOG_POLL);
	o->p->old_logs--;
	free(o);
}

/* In a coroutine of its own, or, without memory for one, here. */
static void stop_old_log(struct process *p, struct log *old)
{
	struct old_log *o = malloc(sizeof(*o));

	if (old == NULL || o == NULL) {
		free(o);
		log_stop(old, LOG_STOP_MS);
		return;
	}
	*o = (struct old_log){p, old};
	p->old_logs++;
	log_stop_begin(old, LOG_STOP_MS);
	if (np_go("old log", old_log_main, o) != 0)
		old_log_main(o);
}

void reload_wait_for_old_logs(const struct process *p)
{
	while (p->old_logs > 0)
		np_sleep(OLD_LOG_POLL);
}

/* The new log is open before the old one stops: a path that cannot be opened changes nothing. */
static int start_access_log(const struct process *p, const struct config *c, struct log **out)
{
	struct log_options o = log_options_of(c);
	enum log_part making;
	int err;

	o.making = &making;
	err = log_start(out, &o, p->nshards);
	if (err != 0)
		say_no_log(&o, err);
	return err;
}

static void switch_access_log(struct process *p, struct log *l)
{
	struct log *old = p->log;

	p->log = l;
	on_every_shard(p, use_log, l);
	stop_old_log(p, old);
}

void reload_logs(struct process *p)
{
	log_reopen(p->log);
	log_msg(LVL_NOTICE, "logs_reopened", "logs are reopened");
}

/* ---- a whole reload ---- */

/* The same names in another order count as a change: nobody loses by a warning. */
static bool same_hosts(const struct config *a, const struct config *b)
{
	if (a->control.nhosts != b->control.nhosts)
		return false;
	for (size_t i = 0; i < a->control.nhosts; i++)
		if (strcmp(a->control.hosts[i].text, b->control.hosts[i].text) != 0)
			return false;
	return true;
}

/* Returns whether something waits for a restart. */
static bool warn_of_restart(const struct config *old, const struct config *new)
{
	bool control = strcmp(old->control.socket, new->control.socket) != 0 ||
		       strcmp(old->control.http, new->control.http) != 0 ||
		       strcmp(old->control.state, new->control.state) != 0 || !same_hosts(old, new);
	bool sandbox = old->sandbox.landlock != new->sandbox.landlock || old->sandbox.seccomp != new->sandbox.seccomp;

	if (old->workers != new->workers)
		log_msg(LVL_WARNING, "reload_partial",
			"workers: a new number takes effect with the next start");
	if (control)
		log_msg(LVL_WARNING, "reload_partial",
			"control: socket, http, hosts and state take effect with the next start");
	if (sandbox)
		log_msg(LVL_WARNING, "reload_partial", "sandbox: takes effect with the next start");
	return control || sandbox || old->workers != new->workers;
}

/* A log that did not change is kept: to start it anew would wait for its queue. */
static bool same_log(const struct config *a, const struct config *b)
{
	return a->log.access.kind == b->log.access.kind && a->log.format == b->log.format &&
	       text_same(a->log.access.path, b->log.access.path);
}

/* *log: the access log that l asks for, which is the one in force where it asks for the same; NULL is off. What comes
 * after the load needs no file but it and sockets. */
static int open_addresses_and_log(struct process *p, const struct loaded *l, struct list *opened, struct log **log,
				  enum reload_step *step)
{
	bool other_log = p->snap == NULL || !same_log(p->snap->config, l->config);
	int err;

	*log = p->log;
	*step = RELOAD_BIND;
	err = bindings_open(&p->bindings, l->snap, p->nshards, opened);
	if (err != 0 || !other_log)
		return err;
	*step = RELOAD_LOG;
	return start_access_log(p, l->config, log);
}

/* Opens both, and then lets clients in at the new addresses: nothing after it refuses the reload. */
static int open_all(struct process *p, const struct loaded *l, struct list *opened,
		    enum reload_step *step)
{
	struct log *log;
	int err = open_addresses_and_log(p, l, opened, &log, step);

	if (err == 0 && p->snap == NULL)
		check_first_run(p, l->snap);
	if (err == 0 && signals_pending(SIGNALS_STOP))
		err = -NP_ECANCELED; /* the last moment at which nothing has changed */
	if (err == 0) {
		*step = RELOAD_BIND;
		err = bindings_listen(l->snap, opened);
	}
	if (err == 0 && log != p->log)
		switch_access_log(p, log);
	if (err != 0)
		bindings_free(opened);
	if (err != 0 && log != p->log)
		log_stop(log, LOG_STOP_MS);
	return err;
}

int reload_prepare(struct process *p, const char *path, struct config *c, struct snapshot **out,
		   struct list *opened, enum reload_step *step)
{
	struct loaded l;
	int err = load_run(p, path, c, &l);

	list_init(opened);
	*step = RELOAD_LOAD;
	if (err != 0)
		return err;
	names_prepare(p, l.snap); /* before clients are let in */
	err = open_all(p, &l, opened, step);
	if (err != 0) {
		names_refuse(p);
		tokens_free(l.tokens);
		if (l.snap != p->snap)
			snapshot_free(l.snap);
		return err;
	}
	tokens_publish(p, l.tokens);
	p->files = p->files_seen = l.files;
	*out = l.snap;
	return 0;
}

/* Problems of the file were printed with their places; here one sentence is enough. */
static const char *refusal(enum reload_step step, int err)
{
	if (step == RELOAD_LOAD)
		return err == -NP_EINVAL ? "the configuration has errors" : np_err_text(err);
	return np_err_text(err);
}

/* The reason was logged, or printed with the file's diagnostics, before. */
static void log_refused(struct process *p, enum reload_step step, int err, const char *cause)
{
	struct event *e;
	unsigned long long generation = p->snap->generation;

	snprintf(p->why, sizeof(p->why), "%s%s%s%s", step == RELOAD_BIND ? "an address: " : "", refusal(step, err),
		 np_err_remedy(err) != NULL ? "; " : "", np_err_remedy(err) != NULL ? np_err_remedy(err) : "");
	if (err == -NP_ECANCELED) {
		log_msg(LVL_NOTICE, "reload_given_up",
			"reload given up: an order to stop came first");
		return;
	}
	STAT_ADD(&p->stats, reloads_failed, 1);
	__atomic_store_n(&p->publishing.reload_failed, 1, __ATOMIC_RELAXED);
	e = event_begin();
	event_fact(e, "cause", cause);
	event_fact(e, "error", p->why);
	event_number(e, "generation", (int64_t)generation);
	event_log(e, LVL_ERROR, "reload_failed", "reload refused: %s; running generation %llu unchanged",
		  step == RELOAD_BIND ? refusal(step, err) : p->why, generation);
}

/* What an operator looks for after the fact: when, why, and what was different. */
static void log_reloaded(const struct snapshot *s, const char *cause, const char *changes)
{
	struct event *e = event_begin();

	event_fact(e, "cause", cause);
	event_number(e, "generation", (int64_t)s->generation);
	if (changes[0] != '\0')
		event_fact(e, "changes", changes);
	event_log(e, LVL_NOTICE, "reloaded", "generation %llu is in force%s%s", (unsigned long long)s->generation,
		  changes[0] != '\0' ? ": " : "", changes);
}

/* In words; empty where nothing changed. */
static void list_changes(const struct snapshot *old, const struct snapshot *new, char out[ORDER_CHANGES])
{
	struct text t;

	text_init(&t, out, ORDER_CHANGES - 1);
	if (old->config != new->config)
		changes_put(&t, old->config, new->config);
	out[t.n] = '\0';
}

/* Owns c. restart may be NULL.   Returns  0, or why it was refused. */
static int put_into_force(struct process *p, const char *path, struct config *c, bool *restart)
{
	struct list opened;
	struct snapshot *snap;
	enum reload_step step;
	const char *cause = c == NULL ? "file" : "certificates";
	bool restarts;
	int err;

	manager_reloading(p);
	err = reload_prepare(p, path, c, &snap, &opened, &step);
	PROBE(reload, err != 0 ? p->snap->generation : snap->generation, -err, step);
	if (err != 0) {
		log_refused(p, step, err, cause);
		manager_reloaded(p);
		return err;
	}
	restarts = warn_of_restart(p->snap->config, snap->config);
	if (restart != NULL)
		*restart = restarts;
	list_changes(p->snap, snap, p->changes);
	reload_log_level(snap->config);
	err = reload_publish(p, snap, &opened);
	if (err != 0)
		log_msg(LVL_ERROR, "reload_partial",
			"a listener could not start on every worker: %s", np_err_text(err));
	recount_sources(p);
	STAT_ADD(&p->stats, reloads_ok, 1);
	__atomic_store_n(&p->publishing.reload_failed, 0, __ATOMIC_RELAXED);
	p->why[0] = '\0';
	log_reloaded(snap, cause, p->changes);
	manager_reloaded(p);
	return 0;
}

/* Without a file, as with staunch proxy, only the logs are reopened. */
int reload_file(struct process *p, bool *restart)
{
	/* First, and also when the file is bad: log rotation sends SIGHUP, too. */
	log_reopen(p->log);
	if (p->config_path == NULL)
		return 0;
	return put_into_force(p, p->config_path, NULL, restart);
}

void reload_again(struct process *p)
{
	(void)put_into_force(p, NULL, config_share(p->snap->config), NULL);
}
