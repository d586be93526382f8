/* The accept loop, one coroutine per worker and binding. After Go's net/http.Server.Serve: an error
 * that will pass (no descriptors, no memory) is waited out by timer, since the edge that announced
 * the connection is spent.
 *
 *   accept -> admit (conn.h) -> hand off or keep -> ... ACCEPT_BATCH of them -> yield -> accept
 *               '-- at a limit that is waited out: hold it, accept no other until there is room
 *
 * The coroutine owns the acceptor until it posts `stopped`; then the control thread frees it. */
#include "proxy/listen/acceptor.h"

#include <stdlib.h>

#include "proxy/conn/conn_handshakes.h"
#include "proxy/listen/handoff.h"
#include "proxy/policy/limit_watch.h"

#define ACCEPT_BATCH 4              /* HAProxy measured 168k/s with 4, 106k/s with 64 */
#define PAUSE_MIN    (5 * NP_MS)    /* Go's, doubling ... */
#define PAUSE_MAX    (500 * NP_MS)  /* ... to half of Go's: recovery takes a second at most */
#define ERRORS_PATIENT 16           /* errors in a row that may be many clients' */
#define DROPPED_EVERY NP_S
#define ROOM_POLL    (10 * NP_MS)   /* any worker frees places: polling is cheaper than messages */

#define ACCEPTOR_MAGIC 0xacce9703u

/* Owner worker, but for `stopped`. */
struct acceptor {
	uint32_t magic;
	struct np_fd fd;
	struct shard *shard; /* const */
	struct listener *listener; /* of the shard's current snapshot; NULL: stopped */
	struct binding *binding; /* const */
	struct np_worker *control; /* const */
	struct np_msg stopped; /* to the control worker, which frees the acceptor */
	struct snapshot *held_snap; /* while it closes: of listener; NULL: none */
	bool suspended; /* it ends, and whoever it still accepts is served */
	bool closing; /* new handshakes are filtered out; accepted sockets inherit the filter */
	unsigned errors; /* of accept, in a row */
	int64_t pause; /* of the episode under way; 0: none */
	int64_t paused_since;
	bool logged; /* the episode's begin has a line, so its end gets one */
	int64_t looked; /* at what the kernel has dropped */
	uint32_t dropped; /* then */
	int held; /* accepted, waits for room; -1: none, or acceptor_stop served it */
	struct np_addr held_peer;
};

/* ---- episodes: one line at the begin, one at the end ---- */

/* An error may pass and come back at once: then a second's episodes share one pair of lines. err: 0:
 * a limit acts, which has lines of its own (limit_watch.h). */
static void pause_begin(struct acceptor *a, int err)
{
	DCHECK(a->pause == 0, "an episode begins within another");
	a->pause = PAUSE_MIN;
	a->paused_since = np_nanotime();
	STAT_ADD(&a->shard->stats, accept_pauses, 1);
	a->logged = err != 0 && log_limited(LVL_WARNING, "accept_paused", a->binding->text, err,
					    "%s (worker %u): %s; clients wait in the backlog",
					    a->binding->text, a->shard->id, np_err_text(err));
}

static void pause_end(struct acceptor *a)
{
	if (a->pause != 0 && a->logged)
		log_msg(LVL_NOTICE, "accept_resumed",
			"%s (worker %u): accepting again after %lld ms", a->binding->text,
			a->shard->id, (long long)((np_nanotime() - a->paused_since) / NP_MS));
	a->pause = 0;
}

static void on_accept_error(struct acceptor *a, int err)
{
	STAT_ADD(&a->shard->stats, accept_errors, 1);
	/* The client's, the network's or a firewall's doing: the next one may be fine. But the
	 * others run first, and an error that persists is waited out like one of ours. */
	a->errors++;
	if ((np_err_class(err) == NP_CLASS_PEER || err == -NP_EPERM) && a->errors < ERRORS_PATIENT) {
		np_yield();
		return;
	}
	if (err == -NP_EMFILE)
		limit_no_descriptor(a->shard->watch, a->pause == 0);
	if (a->pause == 0)
		pause_begin(a, err == -NP_EMFILE ? 0 : err);
	np_sleep(a->pause);
	a->pause = a->pause * 2 < PAUSE_MAX ? a->pause * 2 : PAUSE_MAX;
}

/* ---- the loop ---- */

/* The process's own limit is always waited out; a listener's only with at_limit: wait. */
static bool must_wait(const struct acceptor *a, const struct limit *full)
{
	return full == a->shard->limit || a->listener->wait_at_limit;
}

static void wait_a_moment(struct acceptor *a, struct limit *full)
{
	if (a->pause == 0)
		pause_begin(a, 0);
	limit_acted(a->shard->watch, full, false);
	np_sleep(ROOM_POLL);
}

/* A handshake that never ends must not keep clients out, so one is asked to yield before the held
 * client is refused or waits.
 *   Returns  the limit that still is full when waiting is over; NULL: it was let in, or the acceptor
 *            was stopped. */
static struct limit *wait_for_room(struct acceptor *a, struct limit *full)
{
	DCHECK(a->held >= 0, "nothing waits for room");
	while (full != NULL) {
		bool waits = must_wait(a, full);
		bool yields = handshake_yield(a->shard, a->listener, full, &a->held_peer, waits);

		if (waits)
			wait_a_moment(a, full);
		else if (yields)
			np_yield();
		else
			break;
		if (a->held < 0)
			return NULL;
		full = conn_admit(a->shard, a->listener);
	}
	pause_end(a);
	return full;
}

/* ---- before any limit: lists, and the listener's rate ---- */

/* Takes a token of the listener's rate. GCRA, as of a source (proxy/policy/source.h), but on one word that all workers
 * move. With `waits` the token is taken in any case.
 *   Returns  ns until it may go on; 0: now. */
static int64_t take_listener_rate(const struct listener *l, bool waits)
{
	int64_t *word = &l->counts->rate_tat, tat = __atomic_load_n(word, __ATOMIC_RELAXED), next, late;

	do {
		int64_t now = np_now();

		next = (tat > now ? tat : now) + l->rate_interval;
		late = next - now - l->rate_burst;
		if (late > 0 && !waits)
			return late;
	} while (!__atomic_compare_exchange_n(word, &tat, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return late > 0 ? late : 0;
}

static void tell_rate(const struct listener *l)
{
	log_limited(LVL_NOTICE, "rate_reached", l->name, 0, "listener %s: its rate of %lld/m is reached: %s", l->name,
		    (long long)l->rate, l->wait_at_limit ? "clients wait in the backlog" : "clients are refused");
}

/* Out of the loop of who waits: an acceptor that is stopped meanwhile has served the socket it held.
 *   Returns  whether it is gone. */
static bool wait_for_rate(struct acceptor *a, int sysfd, const struct np_addr *peer, int64_t ns)
{
	a->held = sysfd;
	a->held_peer = *peer;
	np_sleep(ns);
	if (a->held < 0)
		return true;
	a->held = -1;
	return false;
}

/* last: the acceptor goes, and nobody waits at it.   Returns  whether the socket is gone. */
static no_inline bool guard(struct acceptor *a, int sysfd, const struct np_addr *peer, bool last)
{
	const struct listener *l = a->listener;
	int64_t late = 0;

	if (l->gate != NULL && acl_denies(l->gate, &peer->u.sa)) {
		conn_accepted(a->shard, a->listener, sysfd, peer, CLOSE_DENIED);
		return true;
	}
	if (l->rate_interval > 0)
		late = take_listener_rate(l, l->wait_at_limit);
	if (late == 0)
		return false;
	tell_rate(l);
	if (!l->wait_at_limit) {
		conn_accepted(a->shard, a->listener, sysfd, peer, CLOSE_RATE_LIMITED);
		return true;
	}
	return !last && wait_for_rate(a, sysfd, peer, late);
}

/* Who is kept out takes no place of any limit.   Returns  whether the socket is gone. */
static bool turn_away(struct acceptor *a, int sysfd, const struct np_addr *peer, bool last)
{
	return unlikely(a->listener->guarded) && guard(a, sysfd, peer, last);
}

static void acceptor_take(struct acceptor *a, int sysfd, const struct np_addr *peer)
{
	struct limit *full;

	if (a->closing)
		np_sock_lift_filter(sysfd);
	if (turn_away(a, sysfd, peer, false))
		return;
	full = conn_admit(a->shard, a->listener);
	if (full != NULL) {
		limit_acted(a->shard->watch, full, true);
		a->held = sysfd;
		a->held_peer = *peer;
		full = wait_for_room(a, full);
		if (a->held < 0)
			return;
		a->held = -1;
	}
	if (full == NULL && handoff_try(a->shard, a->listener, sysfd, peer))
		return;
	conn_accepted(a->shard, a->listener, sysfd, peer,
		      full == NULL ? CLOSE_NONE : CLOSE_MAX_CONNECTIONS);
}

/* Without a hand-off, and without waiting here: the acceptor goes. Where another process takes over, who may wait does
 * so by himself, and moves there. */
static void acceptor_take_last(struct acceptor *a, int sysfd, const struct np_addr *peer)
{
	struct limit *full;

	if (a->closing)
		np_sock_lift_filter(sysfd);
	if (turn_away(a, sysfd, peer, true))
		return;
	full = conn_admit(a->shard, a->listener);
	if (full != NULL)
		limit_acted(a->shard->watch, full, true);
	if (full != NULL && a->suspended && must_wait(a, full)) {
		conn_accepted_held(a->shard, a->listener, sysfd, peer);
		return;
	}
	conn_accepted(a->shard, a->listener, sysfd, peer,
		      full == NULL ? CLOSE_NONE : CLOSE_MAX_CONNECTIONS);
}

static void on_stopped(struct np_msg *m)
{
	struct acceptor *a =
		OBJ_CAST(container_of(m, struct acceptor, stopped), acceptor, ACCEPTOR_MAGIC);

	DCHECK(np_self() == a->control, "an acceptor ends on the control worker");
	DCHECK(a->binding->running > 0, "an acceptor ends twice");
	if (--a->binding->running == 0)
		np_event_set(&a->binding->stopped);
	a->magic = 0;
	free(a);
}

/* Where a queue runs over somebody is accepted, so that is when the kernel is asked; once a second at most. */
static void note_dropped(struct acceptor *a)
{
	uint32_t n;

	if (np_now() - a->looked < DROPPED_EVERY)
		return;
	a->looked = np_now();
	if (np_fd_dropped(&a->fd, &n) != 0)
		return;
	STAT_ADD(&a->listener->counts->stats[a->shard->id], overflows, n - a->dropped);
	a->dropped = n;
}

static void acceptor_main(void *arg)
{
	struct acceptor *a = OBJ_CAST(arg, acceptor, ACCEPTOR_MAGIC);
	unsigned batch = 0;

	DCHECK_SHARD(a->shard);
	for (;;) {
		struct np_addr peer;
		int sysfd = np_fd_accept(&a->fd, &peer);

		if (sysfd == -NP_ECLOSING)
			break;
		if (sysfd < 0) {
			on_accept_error(a, sysfd);
			continue;
		}
		if (a->listener == NULL) {
			/* Stopped between the wake-up and the accept: this one came too late, by
			 * that much. */
			accepted_drop(sysfd);
			break;
		}
		a->errors = 0;
		note_dropped(a);
		pause_end(a);
		if (a->suspended)
			acceptor_take_last(a, sysfd, &peer);
		else
			acceptor_take(a, sysfd, &peer);
		if (++batch % ACCEPT_BATCH == 0)
			np_yield();
	}
	DCHECK(a->held < 0 && (a->listener == NULL || a->suspended), "an acceptor ends only when it is stopped");
	if (a->suspended)
		snapshot_drop(a->held_snap, a->shard->id);
	a->stopped.fn = on_stopped;
	np_post(a->control, &a->stopped);
}

/* ---- orders of the control thread ---- */

void acceptor_start(struct shard *s, void *arg)
{
	struct acceptor_order *order = arg;
	struct binding *b = order->binding;
	struct acceptor *a = calloc(1, sizeof(*a));

	DCHECK_SHARD(s);
	DCHECK(b->on[s->id] == NULL, "a worker has one acceptor at a binding");
	order->err = a != NULL ? np_fd_init(&a->fd, b->sysfd[s->id]) : -NP_ENOMEM;
	if (order->err != 0) {
		free(a);
		return;
	}
	b->sysfd[s->id] = -1;
	if (b->shared)
		np_fd_mark_shared(&a->fd);
	a->magic = ACCEPTOR_MAGIC;
	a->shard = s;
	a->binding = b;
	a->control = order->control;
	a->listener = b->listener;
	a->held = -1;
	order->err = np_go("accept", acceptor_main, a);
	if (order->err != 0) {
		np_fd_close(&a->fd);
		free(a);
		return;
	}
	b->on[s->id] = a;
}

int acceptor_sysfd(const struct acceptor *a)
{
	return a->fd.sysfd;
}

void acceptor_switch(struct shard *s, void *arg)
{
	const struct acceptor_order *order = arg;
	struct acceptor *a = order->binding->on[s->id];

	DCHECK_SHARD(s);
	DCHECK(a->binding == order->binding && a->listener != NULL,
	       "only a running acceptor switches");
	a->listener = order->binding->listener;
}

void acceptor_refuse_new(struct shard *s, void *arg)
{
	const struct acceptor_order *order = arg;
	struct acceptor *a = order->binding->on[s->id];

	DCHECK_SHARD(s);
	snapshot_hold(a->listener->snap, s->id); /* acceptor_stop drops it: a newer one may come meanwhile */
	a->held_snap = a->listener->snap;
	a->closing = !order->binding->shared && np_fd_refuse_syn(&a->fd) == 0;
}

/* The kernel has completed the handshakes of all that wait in the accept queue: each of them gets
 * its connection, or the log line that says why not, before the socket goes. */
void acceptor_empty(struct shard *s, void *arg)
{
	struct acceptor_order *order = arg;
	struct acceptor *a = order->binding->on[s->id];
	struct np_addr peer;
	int sysfd;

	DCHECK_SHARD(s);
	if (a->held >= 0)
		acceptor_take_last(a, a->held, &a->held_peer);
	a->held = -1;
	while ((sysfd = np_fd_try_accept(&a->fd, &peer)) >= 0)
		acceptor_take_last(a, sysfd, &peer);
	if (sysfd != -NP_EAGAIN)
		order->err = sysfd;
}

/* A Unix socket's file is gone, but who had looked it up before may connect until the socket says no. From
 * then on the queue has an end. */
static void refuse_finders(struct acceptor *a)
{
	if (np_fd_close_read(&a->fd) != 0)
		STAT_ADD(&a->shard->stats, accept_errors, 1);
}

void acceptor_stop(struct shard *s, void *arg)
{
	struct acceptor_order *order = arg;
	struct binding *b = order->binding;
	struct acceptor *a = b->on[s->id];

	DCHECK(a->binding == b, "the acceptor is another binding's");
	if (b->shared && !b->kept)
		refuse_finders(a);
	acceptor_empty(s, order);
	a->listener = NULL; /* its snapshot may go now */
	if (a->held_snap != NULL)
		snapshot_drop(a->held_snap, s->id);
	b->on[s->id] = NULL;
	np_fd_close(&a->fd); /* wakes acceptor_main, which posts `stopped` */
}

/* Whoever was accepted and waits for room goes on to wait without the acceptor: the kernel has no place for him. One
 * more may be accepted if the event that tells of him is here already, and has his connection like any other. A
 * registration with a poller belongs to the open socket and not to this descriptor, so it must go explicitly. */
void acceptor_suspend(struct shard *s, void *arg)
{
	struct acceptor_order *order = arg;
	struct binding *b = order->binding;
	struct acceptor *a = b->on[s->id];
	int sysfd = np_sock_dup(a->fd.sysfd);

	DCHECK(a->binding == b, "the acceptor is another binding's");
	if (sysfd < 0) {
		order->err = sysfd;
		return;
	}
	a->suspended = true;
	if (a->held >= 0)
		acceptor_take_last(a, a->held, &a->held_peer);
	a->held = -1;
	snapshot_hold(a->listener->snap, s->id);
	a->held_snap = a->listener->snap;
	b->on[s->id] = NULL;
	b->sysfd[s->id] = sysfd;
	np_fd_mark_shared(&a->fd);
	np_fd_close(&a->fd); /* wakes acceptor_main, which posts `stopped` */
}
