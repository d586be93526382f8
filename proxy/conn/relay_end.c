/* How a relayed connection ends, and the deadlines that may end it.
 *
 *   FIN from src      the rest is written, then shutdown(dst): the other direction goes on as long
 *                     as it likes
 *   RST from src      the rest is written, and once dst has acknowledged everything, dst is reset:
 *                     no received byte is lost, and the reset is not turned into a clean end
 *   dst gone (EPIPE)  it had sent FIN and now refuses bytes: src's bytes are read and thrown away
 *                     for `linger`, so that our close does not destroy what dst said last and src
 *                     has not yet read
 *   dst reset         bytes that dst sent before are still delivered, then src is reset
 *   FIN, on_fin: end  as if both had sent it: what has arrived is written, both get their end, and
 *                     the one that has not ended is lingered for
 *   told to (drain)   as if both had sent it, and both are lingered for: what either says now is thrown away
 *   our own failure   both sides are reset at once: bytes are lost, and both must know (relay_err.c)
 *
 * Patience: an end waits for a reader as long as that reader takes or acknowledges something, and
 * for `half_close` (`linger`, where the other side is gone) after the last time it did. */
#include "proxy/conn/relay.h"

#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/relay_age.h"
#include "proxy/conn/replay.h"
#include "proxy/base/deadline.h"

#define KEEPALIVE_AFTER (30 * NP_S) /* the first probe is due 2 minutes after the last byte */
/* How often to poll whether dst has everything, when a reset must wait: the pauses, in ms,
 * double. */
#define POLL_MAX 100
#define LOOKS_MOST 7 /* others_bytes_first; the most that relay_dir.looks counts */

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

/* ---- delivery ---- */

/* Bytes of d that were read and that dst has not acknowledged. A dst that cannot be asked has none
 * left that an error would not tell of. */
static uint32_t undelivered(struct conn *c, struct relay_dir *d)
{
	ssize_t unsent = stream_unsent(dst_of(c, d));
	size_t n = unsent > 0 ? (size_t)unsent : 0;

	if (d->spliced)
		n += np_pipe_held(d->pipe);
	else
		n += chunk_held(d->rest);
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Whether dst has taken or acknowledged bytes since the last look. The first look only notes. */
static bool is_delivering(struct conn *c, struct relay_dir *d)
{
	uint32_t before = d->undelivered;

	d->undelivered = undelivered(c, d);
	return d->undelivered < before;
}

/* A write event comes when a third of a socket's buffer is free: a slow reader may take longer for
 * that than the patience lasts, and still takes bytes all the time. */
static bool any_delivering(struct conn *c)
{
	bool delivering = false;

	for (unsigned i = 0; i < 2; i++)
		if (has_rest(&c->dir[i]) || (c->dir[i].eof && !c->dir[i].discard && c->dir[i].undelivered > 0))
			delivering |= is_delivering(c, &c->dir[i]);
	return delivering;
}

/* ---- deadlines ---- */

/* The direction whose reset waits until dst has everything; NULL if there is none. */
static struct relay_dir *waiting_reset(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++)
		if (c->dir[i].eof && c->dir[i].reset)
			return &c->dir[i];
	return NULL;
}

static bool half_closed(const struct conn *c)
{
	return c->dir[0].eof || c->dir[1].eof;
}

/* When the silence will have lasted too long, if no byte moves. */
static int64_t silence_ends(const struct conn *c)
{
	return deadline_at(conn_active(c), half_closed(c) ? c->listener->half_close : c->listener->idle);
}

/* No event tells when dst has everything that came before a reset: when to look. */
static no_inline int64_t reset_looks(struct conn *c)
{
	const struct relay_dir *d = waiting_reset(c);

	if (d == NULL || !d->blocked || has_rest(d))
		return DEADLINE_NEVER;
	return deadline_at(np_now(), d->reset_pause * NP_MS);
}

/* The client's read deadline serves the whole relay, since the task always stands there: it is set
 * to the time at which something is due (relay_expired). Bytes that move only note when
 * (relay_moved): the deadline stays where it is, too early, and is moved once it has passed. So
 * moving a byte costs no timer. */
static inline void arm_until(struct conn *c, int64_t silence)
{
	int64_t when = deadline_earlier(silence, c->hard_deadline);

	if (c->keepalive_due)
		when = deadline_earlier(when, c->accepted + KEEPALIVE_AFTER);
	if (c->judged)
		when = deadline_earlier(when, judge_answer_due(c));
	np_fd_set_read_deadline(&c->client.fd, when == DEADLINE_NEVER ? 0 : when);
}

void relay_arm(struct conn *c)
{
	int64_t silence = silence_ends(c);

	if (unlikely(c->dir[0].reset || c->dir[1].reset))
		silence = deadline_earlier(silence, reset_looks(c));
	arm_until(c, silence);
}

void relay_active(struct conn *c)
{
	struct relay_dir *later = c->dir[1].active > c->dir[0].active ? &c->dir[1] : &c->dir[0];

	later->active = np_now();
}

void relay_deadlines(struct conn *c)
{
	int64_t now = np_now();

	c->hard_deadline = deadline_at(c->accepted, c->listener->lifetime);
	c->dir[0].active = c->dir[1].active = now;
	if (unlikely(judge_expects(c)))
		c->judged = true;
	arm_until(c, deadline_at(now, c->listener->idle));
}

/* ---- ends ---- */

/* Both have their end from us, and neither had sent its own. */
static bool both_discard(const struct conn *c)
{
	return c->dir[0].discard && c->dir[1].discard;
}

static bool lingering(const struct conn *c)
{
	return both_discard(c) || (c->dir[0].discard && c->dir[1].eof) || (c->dir[1].discard && c->dir[0].eof);
}

/* One side is gone for good; the other is read to its end, until it has been silent for
 * `linger`. */
static void start_lingering(struct conn *c)
{
	int64_t linger = c->listener->linger;
	int64_t end = deadline_at(np_now(), linger == DEADLINE_NEVER ? 0 : linger);

	for (unsigned i = 0; i < 2; i++)
		if (!c->dir[i].discard)
			(void)is_delivering(c, &c->dir[i]);
	c->hard_deadline = deadline_earlier(relay_lifetime_end(c), end);
	relay_arm(c);
}

/* dst takes no more bytes. Its own direction is still read to its end: bytes that it sent before
 * are delivered. */
static void dst_gone(struct conn *c, struct relay_dir *d, int err)
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

enum close_reason relay_dst_gone(struct conn *c, struct relay_dir *d, int err)
{
	if (relay_blame(RELAY_SOCKET, err) != BLAME_PEER)
		return relay_failed(c, RELAY_SOCKET, err);
	dst_gone(c, d, err);
	return CLOSE_NONE;
}

/* Something happened to src although it had sent its FIN: if it takes no more bytes either, no read
 * will tell. */
void relay_after_its_end(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = opposite(c, d);

	if (!back->done && !back->discard && stream_failed(src_of(c, d)))
		dst_gone(c, back, -NP_EPIPE);
}

/* The other side's FIN ends this direction too, after the bytes that were read. */
static void cut_short(struct conn *c, struct relay_dir *d)
{
	if (d->eof || d->discard)
		return;
	d->eof = d->cut = true;
	d->readable = false;
	if (has_rest(d))
		(void)is_delivering(c, d);
	else
		relay_splice_end(d); /* an empty pipe would be filled again */
}

/* Where a FIN ends both directions: bytes of the other side that are here already came before it.
 * They are read first, a few turns long, since a side that sends without a pause would never let it
 * end. A source that has ended says so at each read. */
static bool others_bytes_first(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = opposite(c, d);

	if (!c->listener->ends_at_fin || !back->readable || back->blocked || d->looks == LOOKS_MOST)
		return false;
	d->looks++;
	return true;
}

/* Both have their end, but one has not said its own, or neither has: our close would reset it if it has sent
 * anything since, and the reset would destroy what it has not yet read. */
static void linger_after_cut(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		struct relay_dir *d = &c->dir[i];

		if (!d->cut)
			continue;
		d->cut = d->eof = d->done = false;
		d->discard = true;
		d->readable = true;
	}
	start_lingering(c);
}

/* A reset that waits is on its way already. */
static void end_in_order(struct conn *c)
{
	c->first_end = c->kill;
	c->kill = CLOSE_NONE;
	if (waiting_reset(c) != NULL)
		return;
	cut_short(c, &c->dir[0]);
	cut_short(c, &c->dir[1]);
	if (lingering(c))
		start_lingering(c); /* for who was gone before */
	relay_active(c);
	relay_arm(c);
}

enum close_reason relay_told(struct conn *c)
{
	DCHECK_RELAY(c);
	if (c->kill != CLOSE_DRAIN)
		return (enum close_reason)c->kill;
	end_in_order(c);
	return CLOSE_NONE;
}

/* src will send no more, by FIN or by reset. */
static void src_ended(struct conn *c, struct relay_dir *d, bool reset)
{
	struct relay_dir *back = opposite(c, d);
	bool second = back->eof;

	DCHECK(!d->eof, "a source ends once");
	/* A client that has ended, or was told to, or takes nothing any more, ends the server's part, too. A server
	 * that a write finds gone has ended by itself. */
	if (d == &c->dir[1] && c->first_byte == SINCE_NEVER && !back->eof && !back->reset && !d->discard)
		judge_early_end(c, reset);
	if (d == &c->dir[0] && reset && c->judged)
		judge_gave_up(c);
	d->eof = true;
	d->readable = false;
	d->reset = reset;
	if (c->first_end == CLOSE_NONE)
		c->first_end = d == &c->dir[0] ? CLOSE_CLIENT_FIN : CLOSE_SERVER_FIN;
	if (reset) {
		/* A reset socket takes no bytes: those that wait for it are dropped. */
		relay_rest_drop(back);
		back->done = true;
		d->reset_pause = RELAY_RESET_PAUSE;
	} else if (back->discard) {
		start_lingering(c);
	} else {
		relay_after_its_end(c, d); /* the event may have come before we read this far */
	}
	if (reset || has_rest(d))
		(void)is_delivering(c, d);
	if (!reset && c->listener->ends_at_fin)
		cut_short(c, back);
	relay_active(c);
	/* Half a connection may be silent for less long: so since the first end. */
	if (!second || reset)
		relay_arm(c);
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

/* A reset destroys bytes that dst has not acknowledged. No event tells when it has acknowledged
 * all: poll. A dst that was reset itself never will: its count stands still, but it refuses an
 * empty write.
 *   *arrived  dst has everything, or will never have it.   Returns  as a stage does. */
static enum close_reason poll_arrived(struct conn *c, struct relay_dir *d, bool *arrived)
{
	struct stream *dst = dst_of(c, d);
	ssize_t unsent = stream_unsent(dst);
	ssize_t err = 0;

	if (unsent < 0)
		return relay_failed(c, RELAY_SOCKET, (int)unsent);
	if (is_delivering(c, d))
		relay_active(c); /* a slow reader, but one that reads: the patience begins anew */
	if (unsent > 0)
		err = stream_try_write(dst, "", 0);
	*arrived = unsent == 0 || (err < 0 && err != -NP_EAGAIN);
	return CLOSE_NONE;
}

/* The last end of the two needs no shutdown of a plain stream: the close that follows sends the
 * FIN. An end without close_notify (stream_truncated) is passed on without one, so that a TLS peer
 * of ours can tell it too. */
static enum close_reason pass_fin(struct conn *c, struct relay_dir *d)
{
	struct relay_dir *back = opposite(c, d);
	struct stream *dst = dst_of(c, d);
	bool close_follows = back->done && !d->cut && !back->cut;
	int err = 0;

	if (d->unclean)
		err = np_fd_close_write(&dst->fd);
	else if (!d->discard && (!close_follows || !stream_is_plain(dst)))
		err = stream_close_write(dst);
	if (err == -NP_EAGAIN) {
		d->blocked = true; /* its close_notify waits for room */
		return CLOSE_NONE;
	}
	if (err < 0 && relay_blame(RELAY_SOCKET, err) != BLAME_PEER)
		return relay_failed(c, RELAY_SOCKET, err); /* dst would wait for the end for ever */
	/* ENOTCONN: dst is gone, and its own direction will say so. */
	d->done = true;
	if (!back->done)
		return CLOSE_NONE;
	if (!d->cut && !back->cut)
		return c->first_end;
	linger_after_cut(c);
	return CLOSE_NONE;
}

enum close_reason relay_pass_end(struct conn *c, struct relay_dir *d)
{
	bool arrived = d->discard;
	enum close_reason why;

	DCHECK(d->eof && !d->done && !has_rest(d), "an end is passed on once, after the last byte");
	if (!d->reset)
		return pass_fin(c, d);
	why = arrived ? CLOSE_NONE : poll_arrived(c, d, &arrived);
	if (why != CLOSE_NONE || arrived)
		return why != CLOSE_NONE ? why : reset_reason(c);
	d->blocked = true;
	relay_arm(c);
	d->reset_pause = (uint8_t)(d->reset_pause * 2 < POLL_MAX ? d->reset_pause * 2 : POLL_MAX);
	return CLOSE_NONE;
}

/* The hard deadline has passed: the lifetime, or lingering. */
static enum close_reason hard_deadline_passed(struct conn *c, int64_t now)
{
	if (lingering(c) && now < relay_lifetime_end(c) && any_delivering(c)) {
		start_lingering(c);
		return CLOSE_NONE;
	}
	if (waiting_reset(c) != NULL)
		return reset_reason(c);
	return lingering(c) ? c->first_end : CLOSE_LIFETIME;
}

/* No byte moved for too long. */
static enum close_reason silent_too_long(struct conn *c)
{
	if (any_delivering(c)) {
		relay_active(c);
		relay_arm(c);
		return CLOSE_NONE;
	}
	if (waiting_reset(c) != NULL)
		return reset_reason(c);
	if (c->first_end == CLOSE_DRAIN)
		return CLOSE_DRAIN;
	if (c->listener->idle_alive && !half_closed(c) && relay_is_alive(c)) {
		relay_active(c);
		relay_arm(c);
		return CLOSE_NONE;
	}
	return half_closed(c) ? CLOSE_HALF_CLOSE_TIMEOUT : CLOSE_IDLE_TIMEOUT;
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
		relay_grow_old(c);
	if (c->judged)
		judge_look(c, now, undelivered(c, &c->dir[0]) > 0);
	if (now >= c->hard_deadline)
		return hard_deadline_passed(c, now);
	if (now >= silence_ends(c))
		return silent_too_long(c);
	if (d != NULL && d->blocked && !has_rest(d)) {
		d->blocked = false;
		return relay_pass_end(c, d);
	}
	/* what is left now is compared when the silence has lasted too long */
	(void)any_delivering(c);
	relay_arm(c);
	return CLOSE_NONE;
}

enum close_reason relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n)
{
	bool cut, reset;

	DCHECK_RELAY(c);
	DCHECK(n <= 0, "a read that brought bytes");
	if (n == -NP_EAGAIN) {
		/* TLS may have stopped in the middle, so that the other Gs of this worker run. */
		d->readable = !stream_is_plain(src_of(c, d)) && stream_buffered(src_of(c, d));
		return d->readable ? CLOSE_NONE : relay_src_empty(c, d);
	}
	if (n == -NP_EDEADLINE)
		return relay_expired(c);
	if (n < 0 && relay_blame(RELAY_SOCKET, (int)n) != BLAME_PEER)
		return relay_failed(c, RELAY_SOCKET, (int)n);
	if (n == 0 && others_bytes_first(c, d))
		return CLOSE_NONE;
	if (n < 0)
		relay_note_error(c, (int)n);
	cut = stream_truncated(src_of(c, d));
	if (cut && !d->unclean) /* a client's end that is found once more, for another server, is no other one */
		STAT_ADD(&c->shard->stats, truncated, 1);
	d->unclean = cut;
	if (n == -NP_EPROTO && stream_cause(src_of(c, d)) != NULL)
		conn_detail(c, stream_cause(src_of(c, d)));
	/* A reset by who has all that there was, and his end, is his own end. */
	reset = (n < 0 || d->reset) && !both_discard(c);
	if (unlikely(c->dir[0].kept) && d == &c->dir[1] && replay_takes(c, reset))
		return RELAY_REPLAYS;
	src_ended(c, d, reset);
	return CLOSE_NONE;
}
