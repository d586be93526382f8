/* reload: load, validate, freeze, open what is new, put it into force, retire what is old.
 * Everything that can fail comes before the first change, so a bad file changes nothing. */
#include "proxy/control/reload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/control/watch_files.h"
#include "proxy/creds/tls_cert.h"
#include "proxy/listen/bindings.h"
#include "proxy/policy/snapshot_tls.h"

/* ---- in force ---- */

static void hold_snapshot(struct shard *s, void *arg)
{
	snapshot_hold(arg, s->id);
}

static void drop_snapshot(struct shard *s, void *arg)
{
	snapshot_drop(arg, s->id);
}

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

static void warn_of_expiry(void *arg, const char *listener, const char *file, int64_t expires)
{
	int days = tls_cert_days_left(expires);

	(void)arg;
	if (days < 0)
		log_msg(LVL_WARNING, "certificate_expired", "listener \"%s\": %s has expired",
			listener, file);
	else if (days < TLS_CERT_SOON)
		log_msg(LVL_WARNING, "certificate_expires",
			"listener \"%s\": %s expires in %d days", listener, file, days);
}

static int64_t capacity_of(const struct process *p, const struct config *c)
{
	return capacity_connections(p->nshards, capacity_binds(c), p->pipes);
}

/* The old snapshot is dropped last: until an acceptor has switched it still hands out the old one's
 * listeners. */
int reload_publish(struct process *p, struct snapshot *snap, struct list *opened)
{
	int64_t max = snap->config->limits.max_connections;
	int err;

	limit_set(&p->limit, (uint32_t)(max == CONFIG_AUTO ? capacity_of(p, snap->config) : max));
	snapshot_enact(snap, p->limit.max);
	bindings_adopt(&p->bindings, opened);
	on_every_shard(p, hold_snapshot, snap);
	err = bindings_serve(&p->bindings, snap, p->shards);
	snapshot_certificates(snap, warn_of_expiry, NULL);
	reload_retire(p);
	p->snap = snap;
	return err;
}

/* ---- limits and log ---- */

static int check_limit(const struct process *p, const struct config *c)
{
	int64_t max = c->limits.max_connections, capacity = capacity_of(p, c);

	if (max != CONFIG_AUTO && max > capacity) {
		log_msg(LVL_ERROR, "limit_too_high",
			"E403: limits.max_connections is %lld, but the descriptor limit allows "
			"%lld (raise ulimit -n or LimitNOFILE, or write auto)",
			(long long)max, (long long)capacity);
		return -NP_EINVAL;
	}
	return 0;
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
		.format = c->log.format == CONFIG_FORMAT_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
	};
}

static void use_log(struct shard *s, void *arg)
{
	s->log = log_ring_of(arg, s->id);
}

static int switch_access_log(struct process *p, const struct config *c)
{
	struct log_options o = log_options_of(c);
	struct log *old = p->log, *l = NULL;
	int err = log_start(&l, &o, p->nshards);

	if (err != 0) {
		log_msg(LVL_ERROR, "log_failed", "E404: access log %s: %s",
			o.path != NULL ? o.path : "", np_err_text(err));
		return err;
	}
	p->log = l;
	on_every_shard(p, use_log, l);
	log_stop(old, LOG_STOP_MS);
	return 0;
}

void reload_logs(struct process *p)
{
	log_reopen(p->log);
	log_msg(LVL_NOTICE, "logs_reopened", "logs are reopened");
}

/* ---- a whole reload ---- */

static struct config *load_file(struct process *p)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	char footer[64];

	if (d == NULL)
		return NULL;
	snprintf(footer, sizeof(footer), "running generation %llu unchanged",
		 (unsigned long long)p->snap->generation);
	if (config_load(p->config_path, &c, d) != 0)
		c = NULL;
	diag_print(stderr, d, isatty(STDERR_FILENO) != 0, footer);
	diag_free(d);
	return c;
}

static void warn_of_restart(const struct config *old, const struct config *new)
{
	if (old->workers != new->workers)
		log_msg(LVL_WARNING, "reload_partial",
			"workers: a new number takes effect with the next start");
}

static bool same_log(const struct config *a, const struct config *b)
{
	return a->log.access.kind == b->log.access.kind && a->log.format == b->log.format &&
	       text_same(a->log.access.path, b->log.access.path);
}

int reload_prepare(struct process *p, struct config *c, struct snapshot **out, struct list *opened)
{
	char room[512] = "";
	struct text why;
	/* Before they are read: a change in between is then seen by the next poll. */
	uint64_t files = watch_files_state(c);
	int err = check_limit(p, c);

	text_init(&why, room, sizeof(room) - 1);
	list_init(opened);
	if (err == 0)
		err = snapshot_new(&p->registry, c, p->snap, out, &why);
	if (err != 0) {
		if (room[0] != '\0')
			log_msg(LVL_ERROR, "tls_failed", "E405: %s", room);
		config_free(c);
		return err;
	}
	err = bindings_open(&p->bindings, *out, p->nshards, opened);
	if (err == 0 && (p->snap == NULL || !same_log(p->snap->config, c)))
		err = switch_access_log(p, c);
	if (err != 0) {
		bindings_free(opened);
		snapshot_free(*out);
		return err;
	}
	p->files = p->files_seen = files;
	return 0;
}

static void log_refused(struct process *p, const char *why)
{
	STAT_ADD(&p->stats, reloads_failed, 1);
	log_msg(LVL_ERROR, "reload_failed", "reload refused: %s; running generation %llu unchanged",
		why, (unsigned long long)p->snap->generation);
}

/* Owns c. */
static void put_into_force(struct process *p, struct config *c)
{
	struct list opened;
	struct snapshot *snap;
	int err = reload_prepare(p, c, &snap, &opened);

	if (err != 0) {
		log_refused(p, np_err_text(err));
		return;
	}
	reload_log_level(c);
	err = reload_publish(p, snap, &opened);
	if (err != 0)
		log_msg(LVL_ERROR, "reload_partial",
			"a listener could not start on every worker: %s", np_err_text(err));
	STAT_ADD(&p->stats, reloads_ok, 1);
	log_msg(LVL_NOTICE, "reloaded", "generation %llu is in force",
		(unsigned long long)snap->generation);
}

void reload_file(struct process *p)
{
	struct config *c;

	log_reopen(p->log);
	if (p->config_path == NULL)
		return;
	c = load_file(p);
	if (c == NULL) {
		log_refused(p, "the configuration has errors");
		return;
	}
	warn_of_restart(p->snap->config, c);
	put_into_force(p, c);
}

void reload_again(struct process *p)
{
	put_into_force(p, config_share(p->snap->config));
}
