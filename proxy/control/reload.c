/* Reload: load, validate, freeze, open what is new, put it into force, retire what is old. Everything that can fail
 * comes before the first change, so a bad file changes nothing. */
#include "proxy/control/signals.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/text/diag.h"

/* ---- bindings ----------------------------------------------------------------------------------- */

static struct binding *find_binding(struct list *bindings, const struct np_addr *a)
{
	list_for_each(it, bindings) {
		struct binding *g = list_entry(it, struct binding, link);

		if (np_addr_equal(&g->addr, a))
			return g;
	}
	return NULL;
}

static void free_bindings(struct list *bindings)
{
	list_for_each_safe(it, bindings)
		binding_free(list_entry(it, struct binding, link));
}

/* A binding of our own at the same port: an address and the wildcard exclude each other. */
static const struct binding *binding_at_port(const struct process *p, const struct np_addr *a)
{
	list_for_each(it, &p->bindings) {
		const struct binding *g = list_entry(it, struct binding, link);

		if (np_addr_is_unix(a) || np_addr_is_unix(&g->addr))
			continue;
		if (np_addr_port(&g->bound.u.sa) == np_addr_port(&a->u.sa))
			return g;
	}
	return NULL;
}

static void say_cannot_listen(const struct process *p, const struct config_listener *c, size_t i, int err)
{
	const struct binding *ours = err == -NP_EADDRINUSE ? binding_at_port(p, &c->bind[i]) : NULL;
	const char *hint = "";

	if (err == -NP_EACCES)
		hint = "; a port below 1024 needs CAP_NET_BIND_SERVICE";
	if (err == -NP_EADDRINUSE)
		hint = "; another process holds it (ss -ltnp shows which)";
	if (ours != NULL)
		hint = "; this process still holds ";
	log_msg(LVL_ERROR, "listen_failed", "E402: listener \"%s\" cannot bind %s (line %u): %s%s%s%s", c->name,
		c->bind_text[i].text, (unsigned)c->bind_text[i].at.line, np_err_text(err), hint,
		ours != NULL ? ours->text : "",
		ours != NULL ? ": drop it with one reload, add this with the next" : "");
}

/* The kernel cuts it without a word. */
static void warn_of_backlog(const struct binding *g)
{
	int most = np_listen_backlog();

	if (g->backlog > most)
		log_msg(LVL_WARNING, "backlog_clipped", "%s: net.core.somaxconn cuts a backlog of %d to %d", g->text,
			g->backlog, most);
}

static int open_bindings(struct process *p, struct snapshot *snap, struct list *opened)
{
	for (unsigned r = 0; r < snap->nlisteners; r++) {
		const struct config_listener *c = snap->listeners[r].config;

		for (size_t i = 0; i < c->nbind; i++) {
			struct binding *g;
			int err;

			if (find_binding(&p->bindings, &c->bind[i]) != NULL)
				continue;
			err = binding_open(&c->bind[i], &snap->listeners[r], p->nshards, &g);
			if (err != 0) {
				say_cannot_listen(p, c, i, err);
				free_bindings(opened);
				return err;
			}
			warn_of_backlog(g);
			list_push_back(opened, &g->link);
		}
	}
	return 0;
}

/* The listener of snap that names this binding's address; NULL: none does any more. */
static struct listener *listener_for(struct snapshot *snap, const struct binding *g)
{
	for (unsigned r = 0; r < snap->nlisteners; r++) {
		const struct config_listener *c = snap->listeners[r].config;

		for (size_t i = 0; i < c->nbind; i++)
			if (np_addr_equal(&c->bind[i], &g->addr))
				return &snap->listeners[r];
	}
	return NULL;
}

static void hold(struct shard *s, void *arg)
{
	snapshot_hold(arg, s->id);
}

static void drop(struct shard *s, void *arg)
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
		on_every_shard(p, drop, p->snap);
	p->snap = NULL;
}

static void close_binding(struct process *p, struct binding *g)
{
	log_msg(LVL_NOTICE, "listener_closed", "no longer listening on %s", g->text);
	binding_stop(g, p->shards);
	binding_free(g);
}

static void say_served(const struct binding *g, bool is_new)
{
	if (is_new)
		log_msg(LVL_NOTICE, "listening", "listening on %s (%s)", g->text, g->listener->name);
	else if (g->listener->backlog != g->backlog)
		log_msg(LVL_WARNING, "reload_partial", "%s: its backlog stays %d until the next start", g->text,
			g->backlog);
}

static int serve_bindings(struct process *p, struct snapshot *snap)
{
	int err = 0;

	list_for_each_safe(it, &p->bindings) {
		struct binding *g = list_entry(it, struct binding, link);
		bool is_new = g->running == 0;

		g->listener = listener_for(snap, g);
		if (g->listener == NULL) {
			close_binding(p, g);
			continue;
		}
		if (binding_serve(g, p->shards) != 0) {
			close_binding(p, g); /* a socket that no worker accepts from would swallow its clients */
			err = -NP_ENOMEM;
			continue;
		}
		say_served(g, is_new);
	}
	return err;
}

/* The old snapshot is let go last: until an acceptor has switched it still hands out the old one's listeners. */
int reload_publish(struct process *p, struct snapshot *snap, struct list *opened)
{
	int64_t max = snap->config->limits.max_connections;
	int err;

	limit_set(&p->limit, (uint32_t)(max == CONFIG_AUTO ? process_capacity(p, snap->config) : max));
	snapshot_enact(snap, p->limit.max);
	list_for_each_safe(it, opened) {
		list_remove(it);
		list_push_back(&p->bindings, it);
	}
	on_every_shard(p, hold, snap);
	err = serve_bindings(p, snap);
	reload_warn_of_expiry(snap);
	reload_retire(p);
	p->snap = snap;
	return err;
}

/* ---- limits and log -------------------------------------------------------------------------- */

static int check_limit(const struct process *p, const struct config *c)
{
	int64_t max = c->limits.max_connections, capacity = process_capacity(p, c);

	if (max != CONFIG_AUTO && max > capacity) {
		log_msg(LVL_ERROR, "limit_too_high",
			"E403: limits.max_connections is %lld, but the descriptor limit allows %lld (raise ulimit "
			"-n or LimitNOFILE, or write auto)",
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
		log_msg(LVL_ERROR, "log_failed", "E404: access log %s: %s", o.path != NULL ? o.path : "",
			np_err_text(err));
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

/* ---- the verb -------------------------------------------------------------------------------- */

static struct config *load(struct process *p)
{
	struct diag *d = diag_new();
	struct config *c = NULL;
	char aftermath[64];

	if (d == NULL)
		return NULL;
	snprintf(aftermath, sizeof(aftermath), "running generation %llu unchanged",
		 (unsigned long long)p->snap->generation);
	if (config_load(p->config_path, &c, d) != 0)
		c = NULL;
	diag_print(stderr, d, isatty(STDERR_FILENO) != 0, aftermath);
	diag_free(d);
	return c;
}

static void say_what_needs_a_restart(const struct config *old, const struct config *new)
{
	if (old->workers != new->workers)
		log_msg(LVL_WARNING, "reload_partial", "workers: a new number takes effect with the next start");
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
	uint64_t files = reload_files(c); /* before they are read: a change meanwhile is seen later */
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
	err = open_bindings(p, *out, opened);
	if (err == 0 && (p->snap == NULL || !same_log(p->snap->config, c)))
		err = switch_access_log(p, c);
	if (err != 0) {
		free_bindings(opened);
		snapshot_free(*out);
		return err;
	}
	p->files = p->files_seen = files;
	return 0;
}

static void refuse(struct process *p, const char *why)
{
	STAT_ADD(&p->stats, reloads_failed, 1);
	log_msg(LVL_ERROR, "reload_failed", "reload refused: %s; running generation %llu unchanged", why,
		(unsigned long long)p->snap->generation);
}

/* Owns c. */
static void take_over(struct process *p, struct config *c)
{
	struct list opened;
	struct snapshot *snap;
	int err = reload_prepare(p, c, &snap, &opened);

	if (err != 0) {
		refuse(p, np_err_text(err));
		return;
	}
	reload_log_level(c);
	err = reload_publish(p, snap, &opened);
	if (err != 0)
		log_msg(LVL_ERROR, "reload_partial", "a listener could not start on every worker: %s",
			np_err_text(err));
	STAT_ADD(&p->stats, reloads_ok, 1);
	log_msg(LVL_NOTICE, "reloaded", "generation %llu is in force", (unsigned long long)snap->generation);
}

void reload_file(struct process *p)
{
	struct config *c;

	log_reopen(p->log);
	if (p->config_path == NULL)
		return;
	c = load(p);
	if (c == NULL) {
		refuse(p, "the configuration has errors");
		return;
	}
	say_what_needs_a_restart(p->snap->config, c);
	take_over(p, c);
}

void reload_again(struct process *p)
{
	take_over(p, config_share(p->snap->config));
}
