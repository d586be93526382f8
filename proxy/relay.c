/* The relay: a stackless task that moves bytes both ways between two sockets until both directions
 * have ended.
 *
 *   turn:  watch -> pump dir 0 -> pump dir 1 -> watch -> ... until nothing can move, then return
 *
 * One read goes into the worker's scratch and straight out again; a connection owns a buffer only
 * while its reader is slower than its writer (struct rest), and then nothing more is read:
 * back-pressure. The task stands at both readers all the time, so that a reset, a deadline or a
 * kill finds it even while it waits for room.
 *
 * How a direction ends:
 *   FIN from src      the rest is written, then shutdown(dst): the other direction goes on as long
 *                     as it likes
 *   RST from src      the rest is written, and once dst has acknowledged everything, dst is reset:
 *                     no received byte is lost, and the reset is not turned into a clean end
 *   dst gone (EPIPE)  it had sent FIN and now refuses bytes: src's bytes are read and thrown away
 *                     for `linger`, so that our close does not destroy what dst said last and src
 *                     has not yet read
 *   dst reset         what dst said before is still delivered, then src is reset
 *
 * What a short connection never needs is done when one proves not to be short: the server's
 * TCP_NODELAY before its second write, its keepalive after half a minute, a pipe after several
 * large reads (relay_splice.c). */
#include "proxy/relay.h"

#include <stdlib.h>
#include <string.h>

#define READ_SMALL      (16 * 1024) /* chat: stays in the L1 cache */
#define MOVES_A_TURN    8           /* reads per turn: others on this worker want to live too */
#define KEEPALIVE_AFTER (30 * NP_S) /* the first probe is due 2 minutes after the last byte */
#define NAGLE_HARMLESS  1200        /* a first write of one segment is never held back */
#define NEVER           INT64_MAX
/* How often to ask whether dst has everything, when a reset must wait: half of the time already
 * waited, between these two. */
#define POLL_MIN (2 * NP_MS)
#define POLL_MAX (100 * NP_MS)

static struct relay_dir *other(struct conn *c, const struct relay_dir *d)
{
	return d == &c->dir[0] ? &c->dir[1] : &c->dir[0];
}

/* Bytes were read that dst has not taken. */
static bool has_rest(const struct relay_dir *d)
{
	return d->spliced ? np_pipe_held(d->pipe) > 0 : d->rest != NULL;
}

static void rest_drop(struct relay_dir *d)
{
	relay_splice_end(d);
	free(d->rest);
	d->rest = NULL;
	d->blocked = false;
}

/* ---- deadlines ------------------------------------------------------------------------------- */

static int64_t after(int64_t now, int64_t timeout)
{
	return timeout > NEVER - now ? NEVER : now + timeout;
}

static bool half_closed(const struct conn *c)
{
	return c->dir[0].eof || c->dir[1].eof;
}

/* When it will have been silent for too long, if nothing more moves. */
static int64_t silence_ends(const struct conn *c)
{
	return after(c->active, half_closed(c) ? c->route->half_close : c->route->idle);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When there is something to judge (expired). The client's read deadline serves the whole relay: the task always
 * stands there. Bytes that move only note when (relay_active): the deadline stays where it is, too early, and is moved
 * once it has passed. */
static void arm(struct conn *c)
{
	int64_t when = earlier(earlier(silence_ends(c), c->hard_deadline), c->look_again);

	if (c->keepalive_due)
		when = earlier(when, c->accepted + KEEPALIVE_AFTER);
	np_fd_set_read_deadline(&c->client, when == NEVER ? 0 : when);
}

void relay_active(struct conn *c)
{
	c->active = np_now();
}

/* ---- ends ------------------------------------------------------------------------------------ */

static bool lingering(const struct conn *c)
{
	return (c->dir[0].discard && c->dir[1].eof) || (c->dir[1].discard && c->dir[0].eof);
}

/* One side is gone for good; the other is drained for a moment, no longer. */
static void start_lingering(struct conn *c)
{
	int64_t end = after(np_now(), c->route->linger == NEVER ? 0 : c->route->linger);

	c->hard_deadline = earlier(c->hard_deadline, end);
	arm(c);
}

static void note_error(struct conn *c, int err)
{
	if (c->err == 0)
		c->err = -err;
}

/* dst takes no more bytes. Its own direction is still read to its end: what it said before is
 * delivered. */
void relay_dst_gone(struct conn *c, struct relay_dir *d, int err)
{
	struct relay_dir *back = other(c, d);

	rest_drop(d);
	d->discard = true;
	/* EPIPE: its FIN came first. Anything else is a reset, told by the kernel only once: kept
	 * for back's end. */
	if (err != -NP_EPIPE && !back->eof) {
		note_error(c, err);
		back->reset = true;
	}
	if (back->eof)
		start_lingering(c);
}

/* Something happened to src although it had sent its FIN: if it takes no more either, reading will
 * never tell. */
static void after_its_end(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = other(c, d);

	if (!back->done && !back->discard && np_fd_failed(src_of(c, d)))
		relay_dst_gone(c, back, -NP_EPIPE);
}

/* src will send no more, by FIN or by reset. */
static void src_ended(struct conn *c, struct relay_dir *d, bool reset)
{
	struct relay_dir *back = other(c, d);

	d->eof = true;
	d->readable = false;
	d->reset = reset;
	if (c->first_end == CLOSE_NONE)
		c->first_end = d == &c->dir[0] ? CLOSE_CLIENT_FIN : CLOSE_SERVER_FIN;
	if (reset) {
		/* What was meant for it has nowhere to go. */
		rest_drop(back);
		back->done = true;
		c->reset_since = np_now();
	} else if (back->discard) {
		start_lingering(c);
	} else {
		after_its_end(c, d); /* the event may have come before we read this far */
	}
	relay_active(c);
	arm(c); /* half a connection may be silent for less long */
}

static enum close_why reset_reason(const struct conn *c)
{
	return c->dir[0].eof && c->dir[0].reset ? CLOSE_CLIENT_RST : CLOSE_SERVER_RST;
}

/* The direction whose reset waits until dst has everything; NULL if there is none. */
static struct relay_dir *waiting_reset(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++)
		if (c->dir[i].eof && c->dir[i].reset)
			return &c->dir[i];
	return NULL;
}

static bool reset_overdue(const struct conn *c)
{
	return np_now() >= after(c->reset_since, c->route->half_close);
}

/* A reset destroys what dst has not acknowledged. No event tells when it has: ask now and then. A
 * dst that was reset itself never will: its count stands still, but it refuses an empty write. */
static bool all_arrived(struct np_fd *dst)
{
	return np_fd_unsent(dst) <= 0 || np_fd_try_write(dst, "", 0) < 0;
}

static int64_t reset_pause(const struct conn *c)
{
	int64_t half = (np_now() - c->reset_since) / 2;

	if (half < POLL_MIN)
		return POLL_MIN;
	return half < POLL_MAX ? half : POLL_MAX;
}

/* d's source has ended and all of it is written: pass the end on. */
static enum close_why pass_end(struct conn *c, struct relay_dir *d)
{
	struct np_fd *dst = dst_of(c, d);

	if (!d->reset) {
		/* The last end of the two needs no shutdown: the close that follows says it.
		 * ENOTCONN: dst is gone, and its own direction will say so. */
		if (!d->discard && !other(c, d)->done)
			(void)!np_fd_close_write(dst);
		d->done = true;
		return CLOSE_NONE;
	}
	if (d->discard || all_arrived(dst) || reset_overdue(c))
		return reset_reason(c);
	d->blocked = true;
	c->look_again = after(np_now(), reset_pause(c));
	arm(c);
	return CLOSE_NONE;
}

/* Half a minute old: not a short connection. */
static void grow_old(struct conn *c)
{
	c->keepalive_due = false;
	/* Where it is refused, the idle timeout still ends a dead peer. */
	(void)!np_fd_set_keepalive(&c->upstream);
}

/* A deadline has passed: which one was it? CLOSE_NONE: it was only the time to do something, and
 * that is done. By the clock itself: np_now() may be a turn old, and would take a deadline that
 * passed meanwhile for another one. */
static enum close_why expired(struct conn *c)
{
	struct relay_dir *d = waiting_reset(c);
	int64_t now = np_nanotime();

	if (c->keepalive_due && now >= c->accepted + KEEPALIVE_AFTER)
		grow_old(c);
	if (now < earlier(silence_ends(c), c->look_again) && now < c->hard_deadline) {
		arm(c);
		return CLOSE_NONE;
	}
	if (now >= c->hard_deadline)
		return lingering(c) ? c->first_end : CLOSE_LIFETIME;
	if (d == NULL)
		return half_closed(c) ? CLOSE_HALF_CLOSE_TIMEOUT : CLOSE_IDLE_TIMEOUT;
	if (has_rest(d) || reset_overdue(c))
		return reset_reason(c);
	c->look_again = NEVER;
	d->blocked = false;
	return pass_end(c, d);
}

/* ---- moving bytes ---------------------------------------------------------------------------- */

void relay_took(struct conn *c, struct relay_dir *d, size_t n)
{
	struct shard *s = c->shard;

	d->bytes += n;
	if (d == &c->dir[0]) {
		STAT_ADD(&s->stats, bytes_in, n);
		return;
	}
	STAT_ADD(&s->stats, bytes_out, n);
	if (c->first_byte < 0)
		c->first_byte = np_now() - c->accepted;
}

/* Nagle's algorithm holds back what follows unacknowledged bytes: nothing does, before the second write. */
static void set_nodelay(struct conn *c, size_t n)
{
	if (c->dir[0].bytes == 0 && n <= NAGLE_HARMLESS)
		return;
	c->nodelay_due = false;
	(void)!np_fd_set_nodelay(&c->upstream); /* a socket that refuses is slower, not wrong */
}

/* `last`: src's end follows, so the kernel may hold the bytes back until the end goes with them.
 *   Returns  how many bytes need no more care: dst took them, or it is gone and nobody ever will. */
static size_t put(struct conn *c, struct relay_dir *d, const char *buf, size_t n, bool last)
{
	ssize_t sent;

	if (d->discard)
		return n;
	if (c->nodelay_due && d == &c->dir[0])
		set_nodelay(c, n);
	sent = last ? np_fd_try_write_more(dst_of(c, d), buf, n) : np_fd_try_write(dst_of(c, d), buf, n);
	if (sent >= 0) {
		relay_took(c, d, (size_t)sent);
		return (size_t)sent;
	}
	if (sent == -NP_EAGAIN)
		return 0;
	relay_dst_gone(c, d, (int)sent);
	return n;
}

/* What dst would not take is kept, and src is not read until it has. */
static enum close_why keep_rest(struct relay_dir *d, const char *buf, size_t n)
{
	d->rest = malloc(sizeof(*d->rest) + n);
	if (d->rest == NULL)
		return CLOSE_OVERLOAD;
	d->rest->from = 0;
	d->rest->to = (uint32_t)n;
	memcpy(d->rest->bytes, buf, n);
	d->blocked = true;
	return CLOSE_NONE;
}

static void flush_rest(struct conn *c, struct relay_dir *d)
{
	struct rest *r = d->rest;
	size_t sent = put(c, d, r->bytes + r->from, r->to - r->from, d->eof && !d->reset);

	if (d->rest == NULL)
		return; /* dst is gone, and the rest with it */
	relay_active(c);
	r->from += (uint32_t)sent;
	d->blocked = r->from < r->to;
	if (!d->blocked)
		rest_drop(d);
}

/* Small reads for chat, all of the scratch for bulk. */
static size_t read_size(const struct relay_dir *d)
{
	return d->full >= FULL_TO_GROW ? SHARD_SCRATCH : READ_SMALL;
}

enum close_why relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n)
{
	if (n == -NP_EAGAIN) {
		d->readable = false;
		return CLOSE_NONE;
	}
	if (n == -NP_EDEADLINE)
		return expired(c);
	if (n < 0)
		note_error(c, (int)n);
	src_ended(c, d, n < 0 || d->reset);
	return CLOSE_NONE;
}

/* Scratch holds n bytes of src's. */
static enum close_why pass_on(struct conn *c, struct relay_dir *d, size_t n, bool last)
{
	const char *scratch = c->shard->scratch;
	size_t sent;

	relay_active(c);
	sent = put(c, d, scratch, n, last);
	return sent < n ? keep_rest(d, scratch + sent, n - sent) : CLOSE_NONE;
}

static void note_read(struct relay_dir *d, bool full)
{
	if (!full)
		d->full = 0;
	else if (d->full < FULL_TO_SPLICE)
		d->full++;
}

/* One read, one write. But a src that hung up is read on until its end, which then leaves in one segment with the last
 * bytes: a packet less, and one wake-up less for the reader. */
static enum close_why move(struct conn *c, struct relay_dir *d)
{
	struct np_fd *src = src_of(c, d);
	size_t want = read_size(d), got = 0;
	enum close_why why = CLOSE_NONE;
	ssize_t n;

	do {
		n = np_fd_try_read(src, c->shard->scratch + got, want - got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got < want && np_fd_hung_up(src));
	note_read(d, got == want);
	if (got > 0)
		why = pass_on(c, d, got, n == 0);
	if (why != CLOSE_NONE)
		return why;
	if (n <= 0)
		return relay_no_bytes(c, d, n);
	d->readable = got == want; /* short: src is empty */
	return CLOSE_NONE;
}

static bool is_bulk(const struct relay_dir *d)
{
	return d->full >= FULL_TO_SPLICE && !d->discard;
}

/* There is something to do for d that needs no event first. */
static inline bool can_step(const struct relay_dir *d)
{
	return !d->done && !d->blocked && (d->readable || d->eof || d->spliced || d->rest != NULL);
}

static enum close_why step(struct conn *c, struct relay_dir *d)
{
	if (d->spliced)
		return relay_splice_step(c, d);
	if (d->rest != NULL) {
		flush_rest(c, d);
		return CLOSE_NONE;
	}
	if (d->eof)
		return pass_end(c, d);
	if (is_bulk(d) && relay_splice_begin(d))
		return relay_splice_step(c, d);
	return move(c, d);
}

/* ---- the task -------------------------------------------------------------------------------- */

static bool can_move(const struct conn *c)
{
	return can_step(&c->dir[0]) || can_step(&c->dir[1]);
}

/* Stand at both readers, and at the writers that are full; learn what happened there. */
static enum close_why watch_dir(struct conn *c, struct relay_dir *d)
{
	int r = np_fd_watch(src_of(c, d), NP_READ, &c->task);
	enum close_why why;

	if (r > 0)
		d->readable = !d->eof;
	if (r > 0 && d->eof)
		after_its_end(c, d);
	if (r >= 0 && d->blocked) {
		r = np_fd_watch(dst_of(c, d), NP_WRITE, &c->task);
		if (r > 0)
			d->blocked = false;
	}
	if (r >= 0)
		return CLOSE_NONE;
	if (r != -NP_EDEADLINE) {
		note_error(c, r);
		return CLOSE_OVERLOAD; /* the poller would not take it */
	}
	why = expired(c);
	/* np_fd_watch left at the old deadline: the task must stand there again for the new one. */
	if (why == CLOSE_NONE)
		np_ready(&c->task);
	return why;
}

static enum close_why watch(struct conn *c)
{
	enum close_why why = watch_dir(c, &c->dir[0]);

	return why != CLOSE_NONE ? why : watch_dir(c, &c->dir[1]);
}

/* One step each way. *more: there is another one to make. */
static enum close_why move_both(struct conn *c, bool *more)
{
	enum close_why why = can_step(&c->dir[0]) ? step(c, &c->dir[0]) : CLOSE_NONE;

	if (why == CLOSE_NONE && can_step(&c->dir[1]))
		why = step(c, &c->dir[1]);
	if (why == CLOSE_NONE && c->dir[0].done && c->dir[1].done)
		why = c->first_end;
	*more = can_move(c);
	return why;
}

static enum close_why turn(struct conn *c)
{
	enum close_why why = c->kill;
	bool fresh = c->fresh, more = true;

	/* On the first turn the descriptors are not yet with the poller: try before asking it. */
	if (why == CLOSE_NONE && !fresh)
		why = watch(c);
	c->fresh = false;
	for (int i = 0; i < MOVES_A_TURN && why == CLOSE_NONE && more; i++)
		why = move_both(c, &more);
	/* The task stands at both readers already, and no event comes before the next poll. */
	if (why == CLOSE_NONE && (fresh || c->dir[0].blocked || c->dir[1].blocked)) {
		why = watch(c);
		more = can_move(c);
	}
	if (why == CLOSE_NONE && more)
		np_ready(&c->task);
	return why;
}

static void relay_turn(struct np_g *g)
{
	struct conn *c = OBJ_CAST(container_of(g, struct conn, task), conn, CONN_MAGIC);
	enum close_why why = turn(c);

	if (why != CLOSE_NONE)
		conn_end(c, why);
}

static const struct np_task_type relay_type = {.name = "relay", .fn = relay_turn};

void relay_start(struct conn *c)
{
	c->phase = CONN_RELAYING;
	c->fresh = true;
	c->nodelay_due = c->keepalive_due = !np_addr_is_unix(&c->server->addr);
	c->dir[0].readable = true; /* clients mostly speak first: worth one try */
	c->hard_deadline = after(c->accepted, c->route->lifetime);
	c->look_again = NEVER;
	np_task_init(&c->task, &relay_type);
	relay_active(c);
	arm(c);
	np_ready(&c->task);
}

void relay_fini(struct conn *c)
{
	np_fd_unwatch(&c->client, &c->task);
	np_fd_unwatch(&c->upstream, &c->task);
	rest_drop(&c->dir[0]);
	rest_drop(&c->dir[1]);
	np_task_fini(&c->task);
}
