/* The accept loop, one coroutine per worker and binding. After Go's net/http.Server.Serve: an error that will pass
 * (no descriptors, no memory) is waited out by timer, since the edge that announced the connection is spent.
 *
 *   accept -> take a connection (conn_main.c) -> ... ACCEPT_BATCH of them -> let the others run -> accept
 *               '-- at the limit, and the listener waits there: hold it, and accept nobody else, until there is room */
#include "proxy/listen/acceptor.h"

#include <stdlib.h>

#define ACCEPT_BATCH 4              /* HAProxy measured 168k/s with 4, 106k/s with 64 */
#define PAUSE_MIN    (5 * NP_MS)    /* Go's, doubling ... */
#define PAUSE_MAX    (500 * NP_MS)  /* ... to half of Go's: recovery within a second includes the last pause */
#define ROOM_POLL    (10 * NP_MS)   /* places are freed by any worker; asking is cheaper than telling everybody */

struct acceptor {
	struct np_fd fd;
	struct shard *shard;
	struct listener *listener;  /* of the shard's current snapshot; NULL: stopped */
	struct binding *binding;
	struct np_worker *control;
	struct np_msg stopped; /* to the control worker, which frees */
	int64_t pause;        /* of the episode under way; 0: none */
	int64_t paused_since;
	bool logged;            /* its begin has a line, and so its end gets one */
	struct log_site site;
	int held;             /* accepted, waits for room; -1: none, or acceptor_stop took it over */
	struct np_addr held_peer;
};

/* ---- episodes: one line at the begin, one at the end ----------------------------------------- */

/* A listener at its limit may pause for every connection: then a second's episodes share one pair of lines. */
static void pause_begin(struct acceptor *l, const char *cause)
{
	uint64_t suppressed;

	l->pause = PAUSE_MIN;
	l->paused_since = np_nanotime();
	STAT_ADD(&l->shard->stats, accept_pauses, 1);
	l->logged = log_site_admit(&l->site, l->paused_since, &suppressed);
	if (l->logged)
		log_msg(LVL_WARNING, "accept_paused",
			"%s (worker %u): %s; clients wait in the backlog (%llu pauses untold)", l->binding->text,
			l->shard->id, cause, (unsigned long long)suppressed);
}

static void pause_end(struct acceptor *l)
{
	if (l->pause != 0 && l->logged)
		log_msg(LVL_NOTICE, "accept_resumed", "%s (worker %u): accepting again after %lld ms", l->binding->text,
			l->shard->id, (long long)((np_nanotime() - l->paused_since) / NP_MS));
	l->pause = 0;
}

static void on_accept_error(struct acceptor *l, int err)
{
	STAT_ADD(&l->shard->stats, accept_errors, 1);
	/* The client's or the network's doing: the next one may be fine. */
	if (np_err_class(err) == NP_CLASS_PEER || err == -NP_EPERM)
		return;
	if (l->pause == 0)
		pause_begin(l, np_err_text(err));
	np_sleep(l->pause);
	l->pause = l->pause * 2 < PAUSE_MAX ? l->pause * 2 : PAUSE_MAX;
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* The process's own limit is always waited out; a listener's only if it is told to. */
static bool must_wait(const struct acceptor *l, const struct limit *at)
{
	return at == l->shard->limit || l->listener->wait_at_limit;
}

/* The limit it stands at when waiting is over; NULL: it was let in, or the listener was stopped. */
static const struct limit *wait_for_room(struct acceptor *l)
{
	const struct limit *at;

	pause_begin(l, "the connection limit is reached");
	do {
		np_sleep(ROOM_POLL);
		if (l->held < 0)
			return NULL;
		at = conn_admit(l->shard, l->listener);
	} while (at != NULL && must_wait(l, at));
	pause_end(l);
	return at;
}

static void take(struct acceptor *l, int sysfd, const struct np_addr *peer)
{
	const struct limit *at = conn_admit(l->shard, l->listener);

	if (at != NULL && must_wait(l, at)) {
		l->held = sysfd;
		l->held_peer = *peer;
		at = wait_for_room(l);
		if (l->held < 0)
			return;
		l->held = -1;
	}
	if (at == NULL && handoff_try(l->shard, l->listener, sysfd, peer))
		return;
	conn_accepted(l->shard, l->listener, sysfd, peer, at == NULL ? CLOSE_NONE : CLOSE_MAX_CONNECTIONS);
}

static void on_stopped(struct np_msg *m)
{
	struct acceptor *l = container_of(m, struct acceptor, stopped);

	if (--l->binding->running == 0)
		np_event_set(&l->binding->stopped);
	free(l);
}

static void acceptor_main(void *arg)
{
	struct acceptor *l = arg;
	unsigned batch = 0;

	for (;;) {
		struct np_addr peer;
		int sysfd = np_fd_accept(&l->fd, &peer);

		if (sysfd == -NP_ECLOSING)
			break;
		if (sysfd < 0) {
			on_accept_error(l, sysfd);
			continue;
		}
		if (l->listener == NULL) {
			/* Stopped between the wake-up and the accept. It came too late, by that much. */
			accepted_drop(sysfd);
			break;
		}
		pause_end(l);
		take(l, sysfd, &peer);
		if (++batch % ACCEPT_BATCH == 0)
			np_yield();
	}
	l->stopped.fn = on_stopped;
	np_post(l->control, &l->stopped);
}

/* ---- on the worker --------------------------------------------------------------------------- */

struct starting {
	struct binding *binding;
	struct np_worker *control;
	int err;
};

static void acceptor_start(struct shard *s, void *arg)
{
	struct starting *st = arg;
	struct binding *g = st->binding;
	struct acceptor *l = calloc(1, sizeof(*l));

	st->err = l != NULL ? np_fd_init(&l->fd, g->sysfd[s->id]) : -NP_ENOMEM;
	if (st->err != 0) {
		free(l);
		return;
	}
	g->sysfd[s->id] = -1;
	if (g->shared)
		np_fd_mark_shared(&l->fd);
	l->shard = s;
	l->binding = g;
	l->control = st->control;
	l->listener = g->listener;
	l->held = -1;
	st->err = np_go("accept", acceptor_main, l);
	if (st->err != 0) {
		np_fd_close(&l->fd);
		free(l);
		return;
	}
	g->on[s->id] = l;
}

static void acceptor_switch(struct shard *s, void *arg)
{
	struct binding *g = ((struct starting *)arg)->binding;

	g->on[s->id]->listener = g->listener;
}

static void take_now(struct acceptor *l, int sysfd, const struct np_addr *peer)
{
	bool admitted = conn_admit(l->shard, l->listener) == NULL;

	conn_accepted(l->shard, l->listener, sysfd, peer, admitted ? CLOSE_NONE : CLOSE_MAX_CONNECTIONS);
}

/* What the kernel has queued here was promised a connection: it gets one, or the line that says why not, before the
 * socket goes. */
static void acceptor_stop(struct shard *s, void *arg)
{
	struct binding *g = arg;
	struct acceptor *l = g->on[s->id];
	struct np_addr peer;
	int sysfd;

	if (l->held >= 0)
		take_now(l, l->held, &l->held_peer);
	l->held = -1;
	while ((sysfd = np_fd_try_accept(&l->fd, &peer)) >= 0)
		take_now(l, sysfd, &peer);
	l->listener = NULL; /* its snapshot may go now */
	g->on[s->id] = NULL;
	np_fd_close(&l->fd); /* evicts acceptor_main, which says when it has ended */
}

/* ---- bindings ----------------------------------------------------------------------------------- */

static int listen_one(const struct binding *g, const struct np_addr *a)
{
	struct np_listen_opts o = {
		.backlog = g->backlog,
		.reuseport = g->n > 1 && !g->shared,
		.nodelay = true,
		.keepalive = true,
	};

	return np_listen(a, &o);
}

static int binding_listen(struct binding *g)
{
	int err = np_listen_check(&g->addr);

	if (err != 0)
		return err;
	g->sysfd[0] = listen_one(g, &g->addr);
	if (g->sysfd[0] < 0)
		return g->sysfd[0];
	err = np_unix_file_of(&g->addr, &g->file); /* first: from here on binding_free removes it */
	if (err == 0)
		err = np_sock_addr(g->sysfd[0], &g->bound);
	for (unsigned i = 1; err == 0 && i < g->n; i++) {
		g->sysfd[i] = g->shared ? np_sock_dup(g->sysfd[0]) : listen_one(g, &g->bound);
		if (g->sysfd[i] < 0)
			err = g->sysfd[i];
	}
	return err;
}

int binding_open(const struct np_addr *addr, struct listener *listener, unsigned n, struct binding **out)
{
	struct binding *g = calloc(1, sizeof(*g));
	int err = -NP_ENOMEM;

	if (g == NULL)
		return err;
	g->addr = *addr;
	g->listener = listener;
	g->backlog = listener->backlog;
	g->n = n;
	g->shared = np_addr_is_unix(addr);
	list_init(&g->link);
	g->on = calloc(n, sizeof(struct acceptor *));
	g->sysfd = calloc(n, sizeof(int));
	if (g->on != NULL && g->sysfd != NULL) {
		for (unsigned i = 0; i < n; i++)
			g->sysfd[i] = -1;
		err = binding_listen(g);
	}
	if (err != 0) {
		binding_free(g);
		return err;
	}
	np_addr_format(&g->bound.u.sa, g->bound.len, g->text, sizeof(g->text));
	*out = g;
	return 0;
}

int binding_serve(struct binding *g, struct shard *shards)
{
	struct starting st = {.binding = g, .control = np_self()};

	for (unsigned i = 0; i < g->n && st.err == 0; i++) {
		bool runs = g->on[i] != NULL;

		shard_call(&shards[i], runs ? acceptor_switch : acceptor_start, &st);
		if (!runs && st.err == 0)
			g->running++;
	}
	return st.err;
}

void binding_stop(struct binding *g, struct shard *shards)
{
	for (unsigned i = 0; i < g->n; i++)
		if (g->on[i] != NULL)
			shard_call(&shards[i], acceptor_stop, g);
	if (g->running > 0)
		np_event_wait(&g->stopped);
}

struct binding *binding_free(struct binding *g)
{
	for (unsigned i = 0; g->sysfd != NULL && i < g->n; i++)
		if (g->sysfd[i] >= 0)
			np_sock_close(g->sysfd[i]);
	np_unix_file_remove(&g->addr, &g->file);
	list_remove(&g->link);
	free(g->on);
	free(g->sysfd);
	free(g);
	return NULL;
}
