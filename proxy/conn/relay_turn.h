/* relay_turn: the turn of the relay's task, for each type of task that has one: relay.c, whose turn moves what there
 * is, and relay_paced.c, whose turn lets a direction wait. Each compiles it for itself, so that the plain one has no
 * test and no call for what the others do. Included by these files alone, which define before:
 *
 *   relay_run    watch_both -> move_both, up to MOVES_A_TURN times -> watch_both, where a side has no room
 *                  at each side: anything new?     |
 *                                 relay_step of each direction that can_step, the first of these that applies:
 *                                   a pipe is lent to it       fill it, empty it (relay_splice.c)
 *                                   ciphertext waits for room  send that
 *                                   a rest waits for room      send that
 *                                   src has ended              pass the end on (relay_end.c)
 *                                   it is bulk                 ask for a pipe
 *                                   else                       read once, and write what came
 *
 *   TURN_WAITS(c, d)     src is not read now, although it may have something, and dst has room
 *   TURN_READ(c, d)      the most that one read may bring, up to SHARD_SCRATCH
 *   TURN_SPLICES(c, d)   a direction that is bulk may go through a pipe
 *   TURN_MOVED(c, d, n)  a step is over, in which dst took n bytes */
#ifndef PROXY_CONN_RELAY_TURN_H
#define PROXY_CONN_RELAY_TURN_H

#include "proxy/conn/relay.h"

#define READ_SMALL     (16 * 1024) /* chat: stays in the L1 cache */
#define MOVES_A_TURN   8           /* reads per turn: then the other Gs of this worker run */
#define NAGLE_HARMLESS 1200        /* a first write of one segment is never held back */
#define WRITE_FAILED   SIZE_MAX    /* write_to_dst */

/* ---- writing ---- */

/* Nagle's algorithm holds back bytes that follow unacknowledged ones: before the second write there are none. */
static inline bool nagle_is_harmless(const struct conn *c, size_t n)
{
	return c->dir[0].bytes == 0 && n <= NAGLE_HARMLESS && !c->dir[0].kept;
}

/* `last`: src's end follows, so the kernel may hold the bytes back until the end goes with them.
 *   Returns  how many bytes need no more care: dst took them, or it is gone and they are thrown
 *            away. WRITE_FAILED: this machine failed, and the connection ends. */
static size_t write_to_dst(struct conn *c, struct relay_dir *d, const char *buf, size_t n,
	bool last)
{
	struct stream *dst = dst_of(c, d);
	ssize_t sent;

	if (c->nodelay_due && d == &c->dir[0] && !nagle_is_harmless(c, n))
		relay_early_write(c, buf, n);
	if (d->discard)
		return n;
	if (last && stream_is_plain(dst))
		sent = np_fd_try_write_more(&dst->fd, buf, n);
	else
		sent = stream_try_write(dst, buf, n);
	if (sent >= 0) {
		relay_took(c, d, (size_t)sent);
		return (size_t)sent;
	}
	if (sent == -NP_EAGAIN)
		return 0;
	return relay_dst_gone(c, d, (int)sent) == CLOSE_NONE ? n : WRITE_FAILED;
}

/* dst took only a part: the rest is kept, and src is not read until dst has taken it. */
static no_inline enum close_reason keep_rest(struct relay_dir *d, const char *buf, size_t n)
{
	DCHECK(!d->spliced && d->rest == NULL, "bytes are kept while others wait");
	d->rest = chunk_of(buf, n);
	if (d->rest == NULL)
		return CLOSE_OVERLOAD;
	d->blocked = true;
	return CLOSE_NONE;
}

static no_inline enum close_reason flush_rest(struct conn *c, struct relay_dir *d)
{
	struct chunk *r = d->rest;
	size_t sent = write_to_dst(c, d, r->bytes + r->from, chunk_held(r), d->eof && !d->reset);

	if (sent == WRITE_FAILED)
		return CLOSE_OVERLOAD;
	if (d->rest == NULL)
		return CLOSE_NONE; /* dst is gone, and the rest was dropped with it */
	if (sent > 0)
		relay_moved(d);
	r->from += (uint32_t)sent;
	d->blocked = r->from < r->to;
	if (!d->blocked)
		relay_rest_drop(d);
	return CLOSE_NONE;
}

/* ---- reading ---- */

/* Small reads for chat, all of the scratch for bulk. */
static size_t next_read_size(const struct relay_dir *d)
{
	return d->full >= FULL_TO_GROW ? SHARD_SCRATCH : READ_SMALL;
}

/* Scratch holds n bytes of src's: they leave, or are kept. After it scratch is empty again. */
static enum close_reason forward_scratch(struct conn *c, struct relay_dir *d, size_t n, bool last)
{
	const char *scratch = c->shard->scratch;
	size_t sent;

	relay_moved(d);
	sent = write_to_dst(c, d, scratch, n, last);
	if (likely(sent == n))
		return CLOSE_NONE;
	return sent < n ? keep_rest(d, scratch + sent, n - sent) : CLOSE_OVERLOAD;
}

/* A src that hung up is read on until its end, which then leaves in one segment with the last
 * bytes: a packet less, and one wake-up less for the reader. Scratch holds `got` bytes of `want`.
 * */
static no_inline enum close_reason read_to_end(struct conn *c, struct relay_dir *d, size_t got,
	size_t want)
{
	enum close_reason why;
	ssize_t n;

	DCHECK(got < want && want <= SHARD_SCRATCH, "there is room for more");
	do {
		n = stream_try_read(src_of(c, d), c->shard->scratch + got, want - got);
		if (n > 0)
			got += (size_t)n;
	} while (n > 0 && got < want);
	d->full = 0;
	why = forward_scratch(c, d, got, n == 0);
	return why == CLOSE_NONE && n <= 0 ? relay_no_bytes(c, d, n) : why;
}

/* A short read that may not have emptied src. A plain one is read to its end; TLS may have stopped
 * in the middle, and goes on in its next turn. */
static no_inline enum close_reason copy_more(struct conn *c, struct relay_dir *d, size_t n, size_t want)
{
	if (stream_is_plain(src_of(c, d)))
		return read_to_end(c, d, n, want);
	return forward_scratch(c, d, n, false);
}

/* One read, and what came goes on at once. A read that was filled says that there is more; a short one of a plain
 * socket has emptied it, so that the read that would tell so is saved. */
static enum close_reason copy_once(struct conn *c, struct relay_dir *d)
{
	struct stream *src = src_of(c, d);
	size_t want = TURN_READ(c, d);
	ssize_t n = stream_try_read(src, c->shard->scratch, want);
	enum close_reason why;

	if (n <= 0)
		return relay_no_bytes(c, d, n);
	if ((size_t)n == want) {
		if (d->full < FULL_TO_SPLICE)
			d->full++;
		return forward_scratch(c, d, want, false);
	}
	if (stream_buffered(src))
		return copy_more(c, d, (size_t)n, want);
	d->full = 0;
	why = relay_src_empty(c, d);
	return likely(why == CLOSE_NONE) ? forward_scratch(c, d, (size_t)n, false) : why;
}

/* Sure enough to be worth a pipe; but what is thrown away is only read. */
static bool is_bulk(const struct relay_dir *d)
{
	return d->full >= FULL_TO_SPLICE && !d->discard;
}

/* After a step: ciphertext that is still here goes out before anything else is read for that side.
 * Reading can make some too: the answer to a KeyUpdate. */
static void note_backlogs(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		struct relay_dir *d = &c->dir[i];

		d->backlog = !d->done && !d->discard && stream_backlog(dst_of(c, d)) > 0;
		if (d->backlog)
			d->blocked = true;
	}
}

/* Whatever became of it is a sign of life; that a peer is gone is told by the error. */
static no_inline enum close_reason flush_backlog(struct conn *c, struct relay_dir *d)
{
	int err = stream_flush(dst_of(c, d));

	relay_active(c);
	return err < 0 && err != -NP_EAGAIN ? relay_dst_gone(c, d, err) : CLOSE_NONE;
}

/* There is something to do for d that needs no event first. */
static inline bool can_step(const struct conn *c, const struct relay_dir *d)
{
	(void)c; /* where the turn never waits */
	return !d->done && !d->blocked && !TURN_WAITS(c, d) &&
		(d->readable || d->eof || d->spliced || d->backlog || d->rest != NULL);
}

/* ---- a step ---- */

/* The first that applies; the order is that of the bytes: what was read first leaves first. */
static enum close_reason relay_step(struct conn *c, struct relay_dir *d)
{
	if (d->spliced)
		return relay_splice_step(c, d);
	if (unlikely(d->backlog))
		return flush_backlog(c, d);
	if (d->rest != NULL)
		return flush_rest(c, d);
	if (d->eof)
		return relay_pass_end(c, d);
	if (is_bulk(d) && TURN_SPLICES(c, d) && relay_splice_begin(c, d))
		return relay_splice_step(c, d);
	return copy_once(c, d);
}

/* ---- the task ---- */

/* Is there anything to do before an event? */
static bool can_move(const struct conn *c)
{
	return can_step(c, &c->dir[0]) || can_step(c, &c->dir[1]);
}

/* The rare answers of a watch of src: all but "nothing" and "bytes for a dst that has room". */
static no_inline enum close_reason watch_more(struct conn *c, struct relay_dir *d, int r)
{
	enum close_reason why;

	/* A src that goes on sending while dst has no room would wake us for every segment. */
	if (r > 0 && d->readable && (d->blocked || TURN_WAITS(c, d))) {
		/* Refused by the poller: then it wakes us, which costs time and loses nothing. */
		d->muted = np_fd_mute(&src_of(c, d)->fd, true) == 0;
	}
	if (r > 0)
		d->readable = !d->eof;
	if (r > 0 && d->eof)
		relay_after_its_end(c, d);
	if (r >= 0 && d->blocked) {
		r = stream_watch(dst_of(c, d), NP_WRITE, &c->task);
		if (r > 0)
			d->blocked = false;
	}
	if (r >= 0)
		return CLOSE_NONE;
	if (r != -NP_EDEADLINE)
		return relay_failed(c, RELAY_POLLER, r); /* the poller did not take it */
	why = relay_expired(c);
	/* np_fd_watch left at the old deadline: the task must stand there again for the new one. */
	if (why == CLOSE_NONE)
		np_ready(&c->task);
	return why;
}

/* Stand at src, and at dst if it is full; note what happened there since the last turn. */
static inline enum close_reason watch_dir(struct conn *c, struct relay_dir *d)
{
	int r = stream_watch(src_of(c, d), NP_READ, &c->task);

	if (unlikely(r < 0 || d->blocked || d->eof || TURN_WAITS(c, d)))
		return watch_more(c, d, r);
	if (r > 0)
		d->readable = true;
	return CLOSE_NONE;
}

/* The client's side first: its deadline is the relay's, and ends what it ends before anything moves. */
static enum close_reason watch_both(struct conn *c)
{
	enum close_reason why = watch_dir(c, &c->dir[0]);

	return why != CLOSE_NONE ? why : watch_dir(c, &c->dir[1]);
}

/* One step, and what it moved. */
static inline enum close_reason turn_step(struct conn *c, struct relay_dir *d)
{
	uint64_t before = d->bytes;
	enum close_reason why = relay_step(c, d);

	TURN_MOVED(c, d, d->bytes - before);
	return why;
}

/* A step each way, where there is something to do.
 *   *idle  there was nothing. */
static inline enum close_reason move_both(struct conn *c, bool *idle)
{
	enum close_reason why = CLOSE_NONE;

	*idle = true;
	if (can_step(c, &c->dir[0])) {
		*idle = false;
		why = turn_step(c, &c->dir[0]);
	}
	if (why == CLOSE_NONE && can_step(c, &c->dir[1])) {
		*idle = false;
		why = turn_step(c, &c->dir[1]);
	}
	if (unlikely(c->secure))
		note_backlogs(c);
	return why;
}

/* A turn, but for its end (turn_over). One that could go on lets the other Gs of the worker run first.
 *   Returns  CLOSE_NONE: it stands at both sides, or is ready to run again; else why the relay is over. */
static enum close_reason relay_run(struct conn *c)
{
	enum close_reason why = unlikely(c->kill != CLOSE_NONE) ? relay_told(c) : CLOSE_NONE;
	bool fresh = c->fresh, idle = false;

	/* On the first turn the descriptors are not yet with the poller: try before asking it. */
	if (why == CLOSE_NONE && !fresh)
		why = watch_both(c);
	c->fresh = false;
	for (int i = 0; i < MOVES_A_TURN && why == CLOSE_NONE && !idle; i++)
		why = move_both(c, &idle);
	if (why != CLOSE_NONE)
		return why;
	/* The task stands at both readers already, and no event comes before the next poll. */
	if (unlikely(fresh || c->dir[0].blocked || c->dir[1].blocked)) {
		why = watch_both(c);
		idle = !can_move(c);
	}
	if (why == CLOSE_NONE && !idle)
		np_ready(&c->task);
	return why;
}

/* Gives back all that the relay holds: a task may end itself, so c may be freed after it. */
static void relay_fini(struct conn *c)
{
	stream_unwatch(&c->client, &c->task);
	stream_unwatch(&c->upstream, &c->task);
	relay_rest_drop(&c->dir[0]);
	relay_rest_drop(&c->dir[1]);
	np_task_fini(&c->task);
}

/* The end of a turn: of its task, too, unless why is CLOSE_NONE. */
static inline void turn_over(struct conn *c, enum close_reason why)
{
	if (why == CLOSE_NONE)
		return;
	relay_fini(c);
	if (unlikely(why == RELAY_REPLAYS))
		replay_leave(c);
	else
		conn_end(c, why);
}

#endif
