/* bindings: compares the addresses that a generation names with those that are open, and tells the
 * operator about each that comes, goes or cannot be had. */
#include "proxy/listen/bindings.h"

#include <stdlib.h>

#include "config/config.h"
#include "proxy/listen/binding.h"
#include "proxy/listen/bindings_say.h"
#include "proxy/listen/handed.h"

#define CLOSERS_POLL (5 * NP_MS)
/* For the last ACK of a handshake. It comes after a round trip, or, where a segment was lost, after
 * a second and one; a client that never sends it must not keep an address open. */
#define ROUND_TRIP_POLL (50 * NP_MS)
#define ROUND_TRIP_MOST (3 * NP_S)
#define ROUND_TRIP_STOP NP_S /* the same when the process ends */
#define EMPTY_PATIENCE NP_S
#define EMPTY_AGAIN (10 * NP_MS)

/* ---- finding ---- */

static struct binding *binding_find(const struct list *bindings, const struct np_addr *a)
{
	list_for_each(it, bindings) {
		struct binding *b = list_entry(it, struct binding, link);

		if (np_addr_equal(&b->addr, a))
			return b;
	}
	return NULL;
}

/* Bindings of our own at the same port may overlap with the address: a wildcard and one address, or
 * the forms of both wildcards. They let it in, so that one reload can go from one form to another
 * while both accept, and a file may name an address beside its wildcard. *found: there is one. */
static int share_port(const struct list *bindings, const struct np_addr *a, bool *found)
{
	list_for_each(it, bindings) {
		const struct binding *b = list_entry(it, struct binding, link);
		int err;

		if (np_addr_is_unix(a) || np_addr_is_unix(&b->addr))
			continue;
		if (np_addr_port(&b->bound.u.sa) != np_addr_port(&a->u.sa))
			continue;
		err = binding_share(b);
		if (err != 0)
			return err;
		*found = true;
	}
	return 0;
}

/* The address, although bindings of ours may overlap with it; only when they do is it opened
 * without asking whether another process holds it, and they have kept such a process out. */
static int open_address(const struct list *bindings, const struct list *opened,
			const struct np_addr *a, struct listener *l, unsigned workers,
			struct binding **out)
{
	bool beside = false;
	int err = binding_open(a, l, workers, false, out);

	if (err != -NP_EADDRINUSE)
		return err;
	err = share_port(bindings, a, &beside);
	if (err == 0)
		err = share_port(opened, a, &beside);
	if (err == 0)
		err = beside ? binding_open(a, l, workers, true, out) : -NP_EADDRINUSE;
	return err;
}

/* Sockets that another process had at this address: a binding, or more, where it had more workers.
 *   Returns  how many bindings; 0: it had none; or the error. */
static int open_handed(struct bindings *bindings, const struct np_addr *a, struct listener *l, unsigned workers,
			  struct list *opened)
{
	struct handed *from = handed_take(&bindings->handed, a);
	int n = 0, err = 0;

	for (unsigned done = 0; from != NULL && err == 0 && done < from->n; done += from->kept ? 1 : workers) {
		struct binding *b;

		err = binding_adopt(from, l, workers, &b);
		if (err == 0)
			list_push_back(opened, &b->link);
		n += err == 0;
	}
	handed_free(from);
	return err != 0 ? err : n;
}

/* The listener of snap that names this address, or NULL. */
static struct listener *listener_at(const struct snapshot *snap, const struct np_addr *a)
{
	for (unsigned i = 0; i < snap->nlisteners; i++) {
		const struct listener_at *at = listener_entry(&snap->listeners[i], a);

		if (at != NULL)
			return at->listener;
	}
	return NULL;
}

/* ---- opening ---- */

/* The kernel clips a larger backlog silently. */
static void warn_of_backlog(const struct binding *b)
{
	int most = np_listen_backlog();

	if (b->backlog > most)
		log_msg(LVL_WARNING, "backlog_clipped",
			"%s: net.core.somaxconn cuts a backlog of %d to %d", b->text, b->backlog,
			most);
}

/* The path is opened anew. The old socket has no name any more, so it closes with this reload. */
static void log_lost(struct binding *b)
{
	log_msg(LVL_WARNING, "listener_lost", "%s: its file was deleted or replaced; it is made again", b->text);
	binding_abandon_file(b);
	b->lost = true;
}

static void wait_for_closers(const struct bindings *bindings)
{
	while (bindings->closers > 0)
		np_sleep(CLOSERS_POLL);
}

/* The sockets that are there before us.   Returns  how many bindings they make; or the error of the first; *why: it is
 * the socket's fault. */
static int inherit_address(struct bindings *bindings, const struct listener_at *at, const struct np_addr *a,
			   struct list *opened, const char **why)
{
	struct inheritance from = {&bindings->inherit, inherit_find(&bindings->inherit, a, NULL), true};
	int n = 0, err = 0;

	if (from.next == NULL && np_addr_is_named(a)) {
		*why = "systemd passed no socket of this name (FileDescriptorName= in the socket unit)";
		return -NP_ENOENT;
	}
	while (from.next != NULL && err == 0) {
		struct binding *b;

		*why = from.next->why;
		if (*why != NULL)
			return -NP_EINVAL;
		from.whole = n == 0;
		err = binding_inherit(a, at->listener, bindings->workers, &from, &b);
		if (err == 0)
			list_push_back(opened, &b->link);
		n += err == 0;
	}
	return err != 0 && n == 0 ? err : n;
}

static int open_listener(struct bindings *bindings, const struct snapshot *snap, struct listener *l, unsigned workers,
			 struct list *opened)
{
	const struct config_listener *c = l->config;

	for (size_t i = 0; i < c->nbind; i++) {
		struct binding *b = binding_find(&bindings->open, &c->bind[i].addr);
		const char *why = NULL;
		int err;

		if (b != NULL && !b->lost && !binding_is_lost(b))
			continue;
		if (b != NULL && !b->lost)
			log_lost(b);
		err = open_handed(bindings, &c->bind[i].addr, l->at[i].listener, workers, opened);
		if (err == 0)
			err = inherit_address(bindings, &l->at[i], &c->bind[i].addr, opened, &why);
		if (err > 0)
			continue;
		if (why != NULL) {
			bindings_not_passed(snap->config, &c->bind[i], c->name, why);
			return err;
		}
		if (err == 0)
			err = open_address(&bindings->open, opened, &c->bind[i].addr, l->at[i].listener, workers, &b);
		if (err == -NP_EADDRINUSE && bindings->closers > 0) {
			/* By a binding of ours that a reload a moment ago has dropped. */
			wait_for_closers(bindings);
			err = open_address(&bindings->open, opened, &c->bind[i].addr, l->at[i].listener, workers, &b);
		}
		if (err != 0) {
			bindings_cannot_listen(snap->config, &c->bind[i], c->name, err);
			return err;
		}
		warn_of_backlog(b);
		list_push_back(opened, &b->link);
	}
	return 0;
}

/* Called for each that is closed: the store's copy would hold the address. */
static void forget_stored(void *arg, const char *name)
{
	fd_store_forget(arg, name);
}

/* Before anything is bound: what is not named holds addresses that others may be to have. */
static void settle_inherited(struct bindings *bindings, const struct snapshot *snap)
{
	for (unsigned i = 0; i < snap->nlisteners; i++)
		for (size_t j = 0; j < snap->listeners[i].config->nbind; j++)
			inherit_name(&bindings->inherit, &snap->listeners[i].config->bind[j].addr);
	if (inherit_settle(&bindings->inherit, forget_stored, &bindings->store))
		fd_store_wait(&bindings->store);
	bindings->settled = true;
}

int bindings_open(struct bindings *bindings, const struct snapshot *snap, unsigned workers,
		  struct list *opened)
{
	int err = 0;

	DCHECK(list_empty(opened), "bindings are opened into an empty list");
	bindings->workers = workers;
	if (!bindings->settled)
		settle_inherited(bindings, snap);
	for (unsigned i = 0; i < snap->nlisteners && err == 0; i++)
		err = open_listener(bindings, snap, &snap->listeners[i], workers, opened);
	if (err != 0)
		bindings_free(opened);
	return err;
}

/* Where the file names it. */
static const struct config_bind *bind_in_file(const struct binding *b)
{
	const struct config_listener *c = b->listener->config;

	for (size_t i = 0; i < c->nbind; i++)
		if (np_addr_equal(&c->bind[i].addr, &b->addr))
			return &c->bind[i];
	CHECK(false, "a binding that was opened is one of its listener's");
}

int bindings_listen(const struct snapshot *snap, struct list *opened)
{
	list_for_each(it, opened) {
		struct binding *b = list_entry(it, struct binding, link);
		int err = binding_listen(b);

		if (err == 0)
			continue;
		bindings_cannot_listen(snap->config, bind_in_file(b), b->listener->config->name, err);
		return err;
	}
	return 0;
}

void bindings_free(struct list *bindings)
{
	list_for_each_safe(it, bindings)
		binding_free(list_entry(it, struct binding, link));
}

/* ---- serving ---- */

void bindings_init(struct bindings *bindings, struct notify *manager)
{
	*bindings = (struct bindings){.close_by = INT64_MAX};
	list_init(&bindings->open);
	list_init(&bindings->handed);
	inherit_open(&bindings->inherit);
	fd_store_init(&bindings->store, manager);
}

void bindings_fini(struct bindings *bindings)
{
	inherit_close(&bindings->inherit);
}

void bindings_store(struct bindings *bindings, bool is_service)
{
	if (!is_service)
		list_for_each(it, &bindings->open)
			fd_store_remove(&bindings->store, list_entry(it, struct binding, link));
	bindings->store.held = !is_service;
	if (is_service)
		fd_store_add(&bindings->store, &bindings->open);
}

void bindings_adopt(struct bindings *bindings, struct list *opened)
{
	fd_store_add(&bindings->store, opened);
	list_for_each_safe(it, opened) {
		list_remove(it);
		list_push_back(&bindings->open, it);
	}
}

static void log_served(const struct binding *b, bool is_new)
{
	if (is_new)
		log_msg(LVL_NOTICE, "listening", "listening on %s (%s)", b->text,
			b->listener->name);
	else if (b->listener->backlog != b->backlog)
		log_msg(LVL_WARNING, "reload_partial",
			"%s: its backlog stays %d until the next start", b->text, b->backlog);
}

/* The file of a kept Unix socket gets the mode and the owner of this generation. */
static void settle_file(struct binding *b)
{
	int err = binding_settle_file(b);

	if (err == -NP_EINVAL)
		log_msg(LVL_WARNING, "reload_partial",
			"%s: its file keeps the mode or owner that the configuration no longer names until "
			"the next start",
			b->text);
	else if (err != 0)
		log_msg(LVL_ERROR, "listen_failed", "E402: %s: its file keeps its mode and owner: %s", b->text,
			np_err_text(err));
}

/* Bindings that close together. On the heap; its coroutine frees it. */
struct closer {
	struct bindings *bindings;
	struct list closing;
	struct shard *shards;
	bool wait;
};

static bool any_pending(const struct closer *c)
{
	bool pending = false;

	list_for_each(it, &c->closing)
		pending |= binding_is_pending(list_entry(it, struct binding, link));
	return pending;
}

/* At least one pause: the kernel does not tell of handshakes that it answered by SYN cookies. */
static void wait_for_handshakes(const struct closer *c)
{
	int64_t most = np_deadline_after(ROUND_TRIP_MOST);

	do
		np_sleep(ROUND_TRIP_POLL);
	while (np_nanotime() < most && np_nanotime() < c->bindings->close_by && any_pending(c));
}

static bool empty_all(struct closer *c)
{
	bool empty = true;

	list_for_each(it, &c->closing)
		empty &= binding_empty(list_entry(it, struct binding, link), c->shards);
	return empty;
}

/* Without descriptors nobody can be accepted: those who wait are not reset for that at once, since
 * connections end all the time. */
static void close_all(struct closer *c)
{
	int64_t patience = np_deadline_after(EMPTY_PATIENCE);

	if (c->wait)
		wait_for_handshakes(c);
	while (!empty_all(c) && np_nanotime() < patience && np_nanotime() < c->bindings->close_by)
		np_sleep(EMPTY_AGAIN);
	list_for_each_safe(it, &c->closing) {
		struct binding *b = list_entry(it, struct binding, link);

		binding_stop(b, c->shards);
		binding_free(b);
	}
}

static void closer_main(void *arg)
{
	struct closer *c = arg;

	close_all(c);
	c->bindings->closers--;
	free(c);
}

static void closer_init(struct closer *c, struct bindings *bindings, struct shard *shards)
{
	*c = (struct closer){.bindings = bindings, .shards = shards};
	list_init(&c->closing);
}

/* No client is reset to whom the kernel has said yes: no new handshake begins from here on, those
 * under way get a round trip to end, and then the queues are served until they are empty. The
 * acceptors hold their snapshot meanwhile. */
static void refuse_new_all(struct closer *c)
{
	list_for_each(it, &c->closing) {
		struct binding *b = list_entry(it, struct binding, link);

		fd_store_remove(&c->bindings->store, b);
		c->wait |= binding_refuse_new(b, c->shards);
	}
}

/* In a coroutine of its own, or, without memory for one, here. */
static void close_later(struct closer *now)
{
	struct closer *c = malloc(sizeof(*c));

	if (list_empty(&now->closing)) {
		free(c);
		return;
	}
	refuse_new_all(now);
	if (c == NULL) {
		close_all(now);
		return;
	}
	closer_init(c, now->bindings, now->shards);
	c->wait = now->wait;
	list_for_each_safe(it, &now->closing) {
		list_remove(it);
		list_push_back(&c->closing, it);
	}
	c->bindings->closers++;
	if (np_go("close", closer_main, c) != 0)
		closer_main(c);
}

int bindings_serve(struct bindings *bindings, const struct snapshot *snap, struct shard *shards)
{
	struct closer closer;
	int err = 0;

	closer_init(&closer, bindings, shards);
	list_for_each_safe(it, &bindings->open) {
		struct binding *b = list_entry(it, struct binding, link);
		bool is_new = b->running == 0;

		b->listener = b->lost ? NULL : listener_at(snap, &b->addr);
		if (b->listener != NULL && binding_serve(b, shards) == 0) {
			log_served(b, is_new);
			settle_file(b);
			continue;
		}
		/* A socket that not every worker accepts from would swallow its clients. */
		if (b->listener != NULL)
			err = -NP_ENOMEM;
		log_msg(LVL_NOTICE, "listener_closed", "no longer listening on %s", b->text);
		list_remove(&b->link);
		list_push_back(&closer.closing, &b->link);
	}
	close_later(&closer);
	return err;
}

void bindings_stop(struct bindings *bindings, struct shard *shards, int64_t by)
{
	int64_t most = np_deadline_after(ROUND_TRIP_STOP);
	struct closer closer;

	bindings->close_by = by < most ? by : most;
	closer_init(&closer, bindings, shards);
	list_for_each_safe(it, &bindings->open) {
		list_remove(it);
		list_push_back(&closer.closing, it);
	}
	refuse_new_all(&closer);
	close_all(&closer);
	wait_for_closers(bindings);
}
