/* warm_set: dials ahead of clients, and stands at what came of them. The newest is taken first: it is the least likely
 * to be closed by its server in the same moment, and the oldest ends by its age. */
#include "proxy/conn/warm_set.h"

#include <stdlib.h>

#include "proxy/base/deadline.h"
#include "proxy/base/spare.h"
#include "proxy/conn/connect.h"
#include "proxy/log/log.h"
#include "proxy/tls/tls_ctx.h"
#include "proxy/tls/tls_handshake.h"

#define DIALS_MOST  64 /* under way at once, of a worker: at a start each server wants some */
#define PAUSE_LEAST NP_S
#define PAUSE_MOST  (30 * NP_S)
#define AGE_SPREAD  10 /* the age is less by up to one in so many, so that not all end together */

/* ---- what a set wants ---- */

unsigned warm_set_wants(const struct warm_set *set)
{
	uint64_t word = server_now(set->server);

	if (set->target == NULL || server_usable(word, set->weight, NULL) != USABLE_YES || server_most(word, 0) != 0)
		return 0;
	return set->target->warm;
}

/* For the numbers. */
static void show_set(const struct warm_set *set, unsigned wanted)
{
	struct server_stats *st = &set->server->stats[set->all->shard->id];

	__atomic_store_n(&st->warm_wanted, wanted, __ATOMIC_RELAXED);
	__atomic_store_n(&st->warm_idle, set->target != NULL ? set->nidle : 0, __ATOMIC_RELAXED);
	__atomic_store_n(&st->warm_dials, set->target != NULL ? set->ndials : 0, __ATOMIC_RELAXED);
}

/* A server is left alone; failures of the same moment are one. */
static void pause_set(struct warm_set *set, int64_t now)
{
	if (now < set->until)
		return;
	set->pause = set->pause != 0 ? deadline_earlier(2 * set->pause, PAUSE_MOST) : PAUSE_LEAST;
	set->until = deadline_at(now, set->pause);
}

/* One that was dialled after the last failure has proved well. */
static void end_pause(struct warm_set *set, const struct warm_one *w)
{
	if (w->since > set->until - set->pause)
		set->pause = 0;
}

/* ---- idle ---- */

/* From its set, and from where it stands. */
static void unlink_idle(struct warm_one *w)
{
	list_remove(&w->link);
	w->set->nidle--;
	w->set->all->n--;
	stream_unwatch(&w->stream, &w->task);
	np_task_fini(&w->task);
}

static void close_idle(struct warm_one *w)
{
	unlink_idle(w);
	stream_close(&w->stream);
	free(w);
}

void warm_set_close(struct warm_set *set, unsigned n)
{
	while (set->nidle > n)
		close_idle(list_entry(set->idle.next, struct warm_one, link));
}

/* Its server has ended it, or it is too old. */
static void idle_ended(struct warm_one *w, bool aged)
{
	struct warm_set *set = w->set;
	int64_t now = np_nanotime();

	if (aged || now - w->since >= WARM_PROVEN)
		end_pause(set, w);
	else
		pause_set(set, now);
	close_idle(w);
	warm_set_fill(set);
}

/* Bytes that have come stay where they are: who takes it reads them. */
static void watch_idle(struct warm_one *w)
{
	int r = stream_watch(&w->stream, NP_READ, &w->task);

	if (r != 0 && (r < 0 || !np_fd_stands(&w->stream.fd)))
		idle_ended(w, r == -NP_EDEADLINE);
}

static void idle_turn(struct np_g *g)
{
	watch_idle(container_of(g, struct warm_one, task));
}

static const struct np_task_type idle_type = {.name = "warm", .fn = idle_turn};

static void add_idle(struct warm_one *w)
{
	struct warm_set *set = w->set;
	struct shard *s = set->all->shard;
	int64_t age = set->target->warm_age;

	age -= (int64_t)(shard_random(s) % (uint64_t)(age / AGE_SPREAD + 1));
	np_task_init(&w->task, &idle_type);
	w->since = np_nanotime();
	np_fd_set_read_deadline(&w->stream.fd, deadline_at(w->since, age));
	list_push_back(&set->idle, &w->link);
	set->nidle++;
	set->all->n++;
	watch_idle(w);
}

/* ---- dials ---- */

/* It ends by itself soon: at its next wait. */
static void give_up_dial(struct warm_one *w)
{
	w->given_up = true;
	if (w->connects)
		np_fd_set_deadline(&w->stream.fd, 1);
}

void warm_set_give_up(const struct warm_set *set)
{
	list_for_each(it, &set->all->dials) {
		struct warm_one *w = list_entry(it, struct warm_one, link);

		if (w->set == set)
			give_up_dial(w);
	}
}

/* What this machine lacks says nothing of the server. */
static void dial_ahead_failed(const struct warm_one *w, enum close_reason why, int err, const char *what)
{
	struct server *server = w->set->server;
	struct shard *s = w->set->all->shard;
	const struct server_failure f = {.why = why, .err = err, .at = np_nanotime()};

	if (np_err_class(err) == NP_CLASS_LOCAL)
		return;
	connect_count_failure(&server->stats[s->id], err, why);
	server_note_failure(server, &f);
	log_limited(LVL_WARNING, why == CLOSE_UPSTREAM_TLS_FAILED ? "upstream_tls_failed" : "connect_failed",
		    server->name, err, "server %s: %s (ahead of its clients)", server->name, what);
}

/* Is all known that the handshake says? Not a name or a protocol that is the client's, and a PROXY header comes first,
 * which tells of the client. */
static struct tls_ctx *context_ahead(const struct target *t, unsigned worker)
{
	struct tls_ctx *ctx = t->tls != NULL && t->header == 0 ? t->tls[worker] : NULL;

	return ctx != NULL && !ctx->client_sni && !ctx->client_alpn ? ctx : NULL;
}

/* Parks. */
static int shake_ahead(struct warm_one *w, struct tls_ctx *ctx)
{
	const struct tls_towards to = {
		.server = &w->set->server->addr, .deadline = np_deadline_after(w->target->handshake_timeout)};
	struct tls_why why = {0};
	int err = tls_connect(&w->stream.tls, &w->stream.fd, ctx, &to, &why);

	if (err != 0 && !w->given_up)
		dial_ahead_failed(w, CLOSE_UPSTREAM_TLS_FAILED, err, tls_why_sentence(why.code));
	return err;
}

/* Parks. The time of the connect alone is a sample, as that of any other dial. */
static int open_ahead(struct warm_one *w)
{
	const struct warm_set *set = w->set;
	const struct target *t = w->target;
	unsigned worker = set->all->shard->id;
	struct tls_ctx *ctx = context_ahead(t, worker);
	int64_t began = np_nanotime();
	const struct np_dial_opts o = {
		.deadline = deadline_at(began, t->upstream->connect_timeout),
		.nodelay = t->header != 0 || t->tls != NULL,
		.spare = SPARE_OF_WARM,
	};
	int err;

	if (w->given_up)
		return -NP_ECANCELED;
	w->connects = true;
	err = np_dial(&w->stream.fd, &set->server->addr, 1, &o);
	if (w->given_up)
		return -NP_ECANCELED;
	if (err != 0) {
		dial_ahead_failed(w, dial_failure(err), err, np_err_text(err));
		return err;
	}
	histogram_add(&set->server->stats[worker].connect, &histogram_latency, np_nanotime() - began);
	return ctx != NULL ? shake_ahead(w, ctx) : 0;
}

static void free_set(struct warm_set *set)
{
	server_unkeep(set->server);
	free(set);
}

/* The coroutine of a dial: at its end the connection is idle, or there is none. */
static void dial_ahead(void *arg)
{
	struct warm_one *w = arg;
	struct warm_set *set = w->set;
	struct warm *all = set->all;
	struct snapshot *snap = w->snap;
	int err = open_ahead(w);

	list_remove(&w->link);
	set->ndials--;
	all->ndials--;
	all->n--;
	if (all->held_up && all->plan != NULL)
		np_timer_set(&all->look, np_now());
	if (err == 0 && !w->given_up && set->nidle < warm_set_wants(set)) {
		add_idle(w);
	} else {
		if (err != 0 && !w->given_up)
			pause_set(set, np_nanotime());
		stream_close(&w->stream);
		free(w);
	}
	if (set->target != NULL)
		warm_set_fill(set);
	else if (set->ndials == 0)
		free_set(set);
	snapshot_drop(snap, all->shard->id);
}

/* ---- filling ---- */

/* After a failure one dial at a time. */
static bool may_dial(const struct warm_set *set, unsigned wanted, int64_t now)
{
	struct warm *all = set->all;

	if (set->nidle + set->ndials >= wanted || now < set->until || (set->pause != 0 && set->ndials > 0))
		return false;
	if (all->ndials >= DIALS_MOST)
		all->held_up = true;
	return all->ndials < DIALS_MOST && all->n < all->plan->most;
}

/* Without memory, or a stack, the next look tries again.   Returns  whether it is under way. */
static bool begin_dial(struct warm_set *set)
{
	struct warm *all = set->all;
	struct warm_one *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return false;
	w->set = set;
	w->target = set->target;
	w->snap = all->plan->snap;
	if (np_go("warm dial", dial_ahead, w) != 0) {
		free(w);
		return false;
	}
	snapshot_hold(w->snap, all->shard->id);
	list_push_back(&all->dials, &w->link);
	set->ndials++;
	all->ndials++;
	all->n++;
	return true;
}

void warm_set_fill(struct warm_set *set)
{
	unsigned wanted = warm_set_wants(set);
	int64_t now = np_nanotime();

	while (may_dial(set, wanted, now) && begin_dial(set))
		;
	show_set(set, wanted);
}

/* ---- what becomes of the set ---- */

void warm_set_look(struct warm_set *set, int64_t now)
{
	unsigned wanted = warm_set_wants(set);

	if (wanted == 0 && set->ndials > 0)
		warm_set_give_up(set);
	if (wanted == 0)
		set->pause = set->until = 0;
	warm_set_close(set, wanted);
	if (set->nidle > 0) {
		struct warm_one *newest = list_entry(set->idle.prev, struct warm_one, link);

		if (now - newest->since >= WARM_PROVEN)
			end_pause(set, newest);
	}
	warm_set_fill(set);
}

void warm_set_drop(struct warm_set *set)
{
	set->target = NULL;
	warm_set_close(set, 0);
	warm_set_give_up(set);
	show_set(set, 0);
	list_remove(&set->link);
	list_remove(&set->bucket);
	if (set->ndials == 0)
		free_set(set);
}

bool warm_set_take(struct warm_set *set, struct stream *out)
{
	while (set->nidle > 0) {
		struct warm_one *w = list_entry(set->idle.prev, struct warm_one, link);

		if (!np_fd_stands(&w->stream.fd)) {
			idle_ended(w, false);
			continue;
		}
		end_pause(set, w);
		unlink_idle(w);
		np_fd_set_read_deadline(&w->stream.fd, 0);
		stream_move(out, &w->stream);
		free(w);
		return true;
	}
	return false;
}
