/* How a relayed connection ends, and the deadlines that may end it.
 *
 *   FIN from src      the rest is written, then shutdown(dst): the other direction goes on as long
 *                     as it likes
 *   RST from src      the rest is written, and once dst has acknowledged everything, dst is reset:
 *                     no received byte is lost, and the reset is not turned into a clean end
 *   dst gone (EPIPE)  it had sent FIN and now refuses bytes: src's bytes are read and thrown away
 *                     for `linger`, so that our close does not destroy what dst said last and src
 *                     has not yet read
 *   dst reset         what dst said before is still delivered, then src is reset */
#include "proxy/conn/relay.h"

#define KEEPALIVE_AFTER (30 * NP_S) /* the first probe is due 2 minutes after the last byte */
#define NEVER           INT64_MAX
/* How often to ask whether dst has everything, when a reset must wait: the pauses double. */
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

void relay_rest_drop(struct relay_dir *d)
{
	relay_splice_end(d);
	chunk_drop(&d->rest);
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
	return after(c->active, half_closed(c) ? c->listener->half_close : c->listener->idle);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When there is something to judge (expired). The client's read deadline serves the whole relay: the task always
 * stands there. Bytes that move only note when (relay_active): the deadline stays where it is, too early, and is moved
 * once it has passed. */
void relay_arm(struct conn *c)
{
	int64_t when = earlier(earlier(silence_ends(c), c->hard_deadline), c->look_again);

	if (c->keepalive_due)
		when = earlier(when, c->accepted + KEEPALIVE_AFTER);
	np_fd_set_read_deadline(&c->client.fd, when == NEVER ? 0 : when);
}

void relay_active(struct conn *c)
{
	c->active = np_now();
}

void relay_deadlines(struct conn *c)
{
	c->hard_deadline = after(c->accepted, c->listener->lifetime);
	c->look_again = NEVER;
	relay_active(c);
	relay_arm(c);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static bool lingering(const struct conn *c)
{
	return (c->dir[0].discard && c->dir[1].eof) || (c->dir[1].discard && c->dir[0].eof);
}

/* One side is gone for good; the other is drained for a moment, no longer. */
static void start_lingering(struct conn *c)
{
	int64_t end = after(np_now(), c->listener->linger == NEVER ? 0 : c->listener->linger);

	c->hard_deadline = earlier(c->hard_deadline, end);
	relay_arm(c);
}

void relay_note_error(struct conn *c, int err)
{
	if (c->err == 0)
		c->err = (int16_t)-err;
}

/* dst takes no more bytes. Its own direction is still read to its end: what it said before is
 * delivered. */
void relay_dst_gone(struct conn *c, struct relay_dir *d, int err)
{
	struct relay_dir *back = other(c, d);

	relay_rest_drop(d);
	d->discard = true;
	/* EPIPE: its FIN came first. Anything else is a reset, told by the kernel only once: kept
	 * for back's end. */
	if (err != -NP_EPIPE && !back->eof) {
		relay_note_error(c, err);
		back->reset = true;
	}
	if (back->eof)
		start_lingering(c);
}

/* Something happened to src although it had sent its FIN: if it takes no more either, reading will
 * never tell. */
void relay_after_its_end(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = other(c, d);

	if (!back->done && !back->discard && stream_failed(src_of(c, d)))
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
		relay_rest_drop(back);
		back->done = true;
		c->hard_deadline = earlier(c->hard_deadline, after(np_now(), c->listener->half_close));
		c->reset_pause = POLL_MIN;
	} else if (back->discard) {
		start_lingering(c);
	} else {
		relay_after_its_end(c, d); /* the event may have come before we read this far */
	}
	relay_active(c);
	relay_arm(c); /* half a connection may be silent for less long */
}

static enum close_reason reset_reason(const struct conn *c)
{
	bool broken = c->secure && c->err == NP_EPROTO; /* of TLS: no reset, but no end one may trust either */

	if (c->dir[0].eof && c->dir[0].reset)
		return broken ? CLOSE_TLS_BROKEN : CLOSE_CLIENT_RST;
	return broken ? CLOSE_UPSTREAM_TLS_FAILED : CLOSE_SERVER_RST;
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
	return np_now() >= c->hard_deadline;
}

/* A reset destroys what dst has not acknowledged. No event tells when it has: ask now and then. A
 * dst that was reset itself never will: its count stands still, but it refuses an empty write. */
static bool all_arrived(struct stream *dst)
{
	return stream_unsent(dst) <= 0 || stream_try_write(dst, "", 0) < 0;
}

static int64_t reset_pause(struct conn *c)
{
	int64_t pause = c->reset_pause;

	c->reset_pause = (uint32_t)earlier(pause * 2, POLL_MAX);
	return pause;
}

/* The last end of the two needs no shutdown of a plain stream: the close that follows says it. An end that was not said
 * (stream.h) is passed on as it came, so that a TLS peer of ours can tell it too. */
static enum close_reason pass_fin(struct conn *c, struct relay_dir *d)
{
	struct stream *dst = dst_of(c, d);
	int err = 0;

	if (d->unclean)
		err = np_fd_close_write(&dst->fd);
	else if (!d->discard && (!other(c, d)->done || !stream_is_plain(dst)))
		err = stream_close_write(dst);
	if (err == -NP_EAGAIN) {
		d->blocked = true; /* its close_notify waits for room */
		return CLOSE_NONE;
	}
	/* ENOTCONN: dst is gone, and its own direction will say so. */
	d->done = true;
	return other(c, d)->done ? c->first_end : CLOSE_NONE;
}

/* d's source has ended and all of it is written: pass the end on. */
enum close_reason relay_pass_end(struct conn *c, struct relay_dir *d)
{
	if (!d->reset)
		return pass_fin(c, d);
	if (d->discard || all_arrived(dst_of(c, d)) || reset_overdue(c))
		return reset_reason(c);
	d->blocked = true;
	c->look_again = after(np_now(), reset_pause(c));
	relay_arm(c);
	return CLOSE_NONE;
}

/* Half a minute old: not a short connection. */
static void grow_old(struct conn *c)
{
	c->keepalive_due = false;
	/* Where it is refused, the idle timeout still ends a dead peer. */
	(void)!np_fd_set_keepalive(&c->upstream.fd);
}

/* A deadline has passed: which one was it? CLOSE_NONE: it was only the time to do something, and
 * that is done. By the clock itself: np_now() may be a turn old, and would take a deadline that
 * passed meanwhile for another one. */
enum close_reason relay_expired(struct conn *c)
{
	struct relay_dir *d = waiting_reset(c);
	int64_t now = np_nanotime();

	if (c->keepalive_due && now >= c->accepted + KEEPALIVE_AFTER)
		grow_old(c);
	if (now < earlier(silence_ends(c), c->look_again) && now < c->hard_deadline) {
		relay_arm(c);
		return CLOSE_NONE;
	}
	if (now >= c->hard_deadline && d == NULL)
		return lingering(c) ? c->first_end : CLOSE_LIFETIME;
	if (d == NULL)
		return half_closed(c) ? CLOSE_HALF_CLOSE_TIMEOUT : CLOSE_IDLE_TIMEOUT;
	if (has_rest(d) || reset_overdue(c))
		return reset_reason(c);
	c->look_again = NEVER;
	d->blocked = false;
	return relay_pass_end(c, d);
}

enum close_reason relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n)
{
	if (n == -NP_EAGAIN) {
		/* TLS may have stopped in the middle, to let others have their turn. */
		if (unlikely(!stream_is_plain(src_of(c, d)) && stream_buffered(src_of(c, d))))
			d->readable = true;
		else
			relay_src_empty(c, d);
		return CLOSE_NONE;
	}
	if (n == -NP_EDEADLINE)
		return relay_expired(c);
	if (n < 0)
		relay_note_error(c, (int)n);
	d->unclean = stream_truncated(src_of(c, d));
	if (d->unclean)
		STAT_ADD(&c->shard->stats, truncated, 1);
	if (n == -NP_EPROTO && stream_cause(src_of(c, d)) != NULL)
		conn_detail(c, stream_cause(src_of(c, d)));
	src_ended(c, d, n < 0 || d->reset);
	return CLOSE_NONE;
}
