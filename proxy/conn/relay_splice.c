/* One direction through a pipe: the bytes stay in the kernel. It pays from some 16 KiB a turn, and
 * is twice as cheap as a copy at 256 KiB; so only a direction that filled several large reads in a
 * row is spliced, and a few short splices in a row end it again. The pipe is lent for as long as
 * bytes are there: a direction that runs dry gives it back and gets one again, from the top of the
 * worker's pool, with the next bytes.
 *
 * Invariant before a drain: the pipe is empty. So -NP_EAGAIN from it means that the socket has
 * nothing, and never that the pipe is full. A drain's 0 is never taken for the end of src: a splice
 * returns 0 at an urgent mark too. */
#include "proxy/conn/relay.h"

#define SPLICE_MOST  (1 << 20)   /* bytes a drain; the pipe's size */
#define SPLICE_SHORT (16 * 1024) /* below this a copy is no dearer */

bool relay_splice_begin(struct relay_dir *d)
{
	struct np_pipe *p;

	CHECK(d->rest == NULL && !d->spliced, "a direction with a rest is not spliced");
	if (d->unspliceable)
		return false;
	p = np_pipe_get();
	if (p == NULL)
		return false;
	d->pipe = p;
	d->spliced = true;
	return true;
}

void relay_splice_end(struct relay_dir *d)
{
	if (!d->spliced)
		return;
	np_pipe_put(d->pipe);
	d->pipe = NULL;
	d->spliced = false;
}

static void note_drained(struct relay_dir *d, size_t n)
{
	if (n >= SPLICE_SHORT)
		d->full = FULL_MOST;
	else
		d->full--; /* it is at least FULL_TO_SPLICE while spliced, so never below zero */
}

static enum close_reason fill_pipe(struct conn *c, struct relay_dir *d)
{
	ssize_t n = np_fd_try_drain(&src_of(c, d)->fd, d->pipe, SPLICE_MOST);

	if (n > 0) {
		note_drained(d, (size_t)n);
		relay_active(c);
		return CLOSE_NONE;
	}
	relay_splice_end(d);
	if (n == -NP_EINVAL) {
		d->unspliceable = true; /* a kind of socket that cannot: not one byte has moved */
		return CLOSE_NONE;
	}
	/* At an urgent mark a splice stops with EAGAIN or even with 0: only a read knows whether
	 * src has ended. */
	if (n == 0 || (n == -NP_EAGAIN && np_fd_hung_up(&src_of(c, d)->fd))) {
		d->full = 0;
		return CLOSE_NONE;
	}
	return relay_no_bytes(c, d, n);
}

static void empty_pipe(struct conn *c, struct relay_dir *d)
{
	ssize_t n = np_fd_try_pump(&dst_of(c, d)->fd, d->pipe);

	if (n > 0) {
		relay_took(c, d, (size_t)n);
		relay_active(c);
		if (np_pipe_held(d->pipe) == 0 && d->full < FULL_TO_SPLICE)
			relay_splice_end(d);
		return;
	}
	if (n == -NP_EAGAIN)
		d->blocked = true;
	else
		relay_dst_gone(c, d, (int)n);
}

enum close_reason relay_splice_step(struct conn *c, struct relay_dir *d)
{
	DCHECK_RELAY(c);
	DCHECK(d->spliced, "a step of a direction that is copied");
	if (np_pipe_held(d->pipe) == 0) {
		enum close_reason why = fill_pipe(c, d);

		if (why != CLOSE_NONE || !d->spliced)
			return why;
	}
	empty_pipe(c, d);
	return CLOSE_NONE;
}
