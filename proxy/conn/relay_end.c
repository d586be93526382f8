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

#include "proxy/base/deadline.h"

#define KEEPALIVE_AFTER (30 * NP_S) /* the first probe is due 2 minutes after the last byte */
/* How often to poll whether dst has everything, when a reset must wait: the pauses double. */
#define POLL_MIN (2 * NP_MS)
#define POLL_MAX (100 * NP_MS)

static struct relay_dir *opposite(struct conn *c, const struct relay_dir *d)
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

/* ---- deadlines ---- */

static bool half_closed(const struct conn *c)
{
	return c->dir[0].eof || c->dir[1].eof;
}

/* When the silence will have lasted too long, if no byte moves. */
static int64_t silence_ends(const struct conn *c)
{
	return deadline_at(c->active, half_closed(c) ? c->listener->half_close : c->listener->idle);
}

/* The client's read deadline serves the whole relay, since the task always stands there: it is set
 * to the time at which something is due (relay_expired). Bytes that move only note when
 * (relay_active): the deadline stays where it is, too early, and is moved once it has passed. So
 * moving a byte costs no timer. */
void relay_arm(struct conn *c)
{
	int64_t when = deadline_earlier(silence_ends(c), c->hard_deadline);

	when = deadline_earlier(when, c->look_again);
	if (c->keepalive_due)
		when = deadline_earlier(when, c->accepted + KEEPALIVE_AFTER);
	np_fd_set_read_deadline(&c->client.fd, when == DEADLINE_NEVER ? 0 : when);
}

void relay_active(struct conn *c)
{
	c->active = np_now();
}

void relay_deadlines(struct conn *c)
{
	c->hard_deadline = deadline_at(c->accepted, c->listener->lifetime);
	c->look_again = DEADLINE_NEVER;
	relay_active(c);
	relay_arm(c);
}

/* ---- ends ---- */

static bool lingering(const struct conn *c)
{
	return (c->dir[0].discard && c->dir[1].eof) || (c->dir[1].discard && c->dir[0].eof);
}

/* One side is gone for good; the other is read to its end for `linger`, no longer. */
static void start_lingering(struct conn *c)
{
	int64_t linger = c->listener->linger;
	int64_t end = deadline_at(np_now(), linger == DEADLINE_NEVER ? 0 : linger);

	c->hard_deadline = deadline_earlier(c->hard_deadline, end);
	relay_arm(c);
}

void relay_note_error(struct conn *c, int err)
{
	if (c->err == 0)
		c->err = (int16_t)-err;
}

/* dst takes no more bytes. Its own direction is still read to its end: bytes that it sent before
 * are delivered. */
void relay_dst_gone(struct conn *c, struct relay_dir *d, int err)
{
	struct relay_dir *back = opposite(c, d);

	DCHECK_RELAY(c);
	relay_rest_drop(d);
	d->discard = true;
	/* EPIPE: its FIN came first. Any other error is a reset. The kernel reports it only once,
	 * and this was it: back's end must know. */
	if (err != -NP_EPIPE && !back->eof) {
		relay_note_error(c, err);
		back->reset = true;
	}
	if (back->eof)
		start_lingering(c);
}

/* Something happened to src although it had sent its FIN: if it takes no more bytes either, no read
 * will tell. */
void relay_after_its_end(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = opposite(c, d);

	if (!back->done && !back->discard && stream_failed(src_of(c, d)))
		relay_dst_gone(c, back, -NP_EPIPE);
}

/* src will send no more, by FIN or by reset. */
static void src_ended(struct conn *c, struct relay_dir *d, bool reset)
{
	struct relay_dir *back = opposite(c, d);

	DCHECK(!d->eof, "a source ends once");
	d->eof = true;
	d->readable = false;
	d->reset = reset;
	if (c->first_end == CLOSE_NONE)
		c->first_end = d == &c->dir[0] ? CLOSE_CLIENT_FIN : CLOSE_SERVER_FIN;
	if (reset) {
		/* A reset socket takes no bytes: those that wait for it are dropped. */
		relay_rest_drop(back);
		back->done = true;
		c->hard_deadline = deadline_earlier(c->hard_deadline,
			deadline_at(np_now(), c->listener->half_close));
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
	/* Broken TLS: the peer did not reset, but its end proves nothing either, so it is passed on
	 * as a reset. */
	bool broken = c->secure && c->err == NP_EPROTO;

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

/* A reset destroys bytes that dst has not acknowledged. No event tells when it has acknowledged
 * all: poll. A dst that was reset itself never will: its count stands still, but it refuses an
 * empty write. */
static bool all_arrived(struct stream *dst)
{
	return stream_unsent(dst) <= 0 || stream_try_write(dst, "", 0) < 0;
}

static int64_t reset_pause(struct conn *c)
{
	int64_t pause = c->reset_pause;

	c->reset_pause = (uint32_t)(pause * 2 < POLL_MAX ? pause * 2 : POLL_MAX);
	return pause;
}

/* The last end of the two needs no shutdown of a plain stream: the close that follows sends the
 * FIN. An end without close_notify (stream_truncated) is passed on without one, so that a TLS peer
 * of ours can tell it too. */
static enum close_reason pass_fin(struct conn *c, struct relay_dir *d)
{
	struct stream *dst = dst_of(c, d);
	int err = 0;

	if (d->unclean)
		err = np_fd_close_write(&dst->fd);
	else if (!d->discard && (!opposite(c, d)->done || !stream_is_plain(dst)))
		err = stream_close_write(dst);
	if (err == -NP_EAGAIN) {
		d->blocked = true; /* its close_notify waits for room */
		return CLOSE_NONE;
	}
	/* ENOTCONN: dst is gone, and its own direction will say so. */
	d->done = true;
	return opposite(c, d)->done ? c->first_end : CLOSE_NONE;
}

enum close_reason relay_pass_end(struct conn *c, struct relay_dir *d)
{
	DCHECK(d->eof && !d->done && !has_rest(d), "an end is passed on once, after the last byte");
	if (!d->reset)
		return pass_fin(c, d);
	if (d->discard || all_arrived(dst_of(c, d)) || reset_overdue(c))
		return reset_reason(c);
	d->blocked = true;
	c->look_again = deadline_at(np_now(), reset_pause(c));
	relay_arm(c);
	return CLOSE_NONE;
}

/* Half a minute old: this is not a short connection, so a dead server is worth looking for. */
static void grow_old(struct conn *c)
{
	c->keepalive_due = false;
	/* Where it is refused, the idle timeout still ends a dead peer. */
	(void)!np_fd_set_keepalive(&c->upstream.fd);
}

/* Finds out which deadline has passed. CLOSE_NONE: it was only the time to do something, and that
 * is done. Reads the clock itself: np_now() may be a turn old, and the deadline that passed
 * meanwhile would be taken for another one. */
enum close_reason relay_expired(struct conn *c)
{
	struct relay_dir *d = waiting_reset(c);
	int64_t now = np_nanotime();

	DCHECK_RELAY(c);
	if (c->keepalive_due && now >= c->accepted + KEEPALIVE_AFTER)
		grow_old(c);
	if (now < deadline_earlier(silence_ends(c), c->look_again) && now < c->hard_deadline) {
		relay_arm(c);
		return CLOSE_NONE;
	}
	if (now >= c->hard_deadline && d == NULL)
		return lingering(c) ? c->first_end : CLOSE_LIFETIME;
	if (d == NULL)
		return half_closed(c) ? CLOSE_HALF_CLOSE_TIMEOUT : CLOSE_IDLE_TIMEOUT;
	if (has_rest(d) || reset_overdue(c))
		return reset_reason(c);
	c->look_again = DEADLINE_NEVER;
	d->blocked = false;
	return relay_pass_end(c, d);
}

enum close_reason relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n)
{
	DCHECK_RELAY(c);
	DCHECK(n <= 0, "a read that brought bytes");
	if (n == -NP_EAGAIN) {
		/* TLS may have stopped in the middle, so that the other Gs of this worker run. */
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
	src_ended(c, d, n < 0 || d->reset);
	return CLOSE_NONE;
}
