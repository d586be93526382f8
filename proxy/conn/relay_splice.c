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

#include <errno.h>

#include "proxy/base/probe.h"

#define SPLICE_MOST  (1 << 20)   /* bytes a drain; the pipe's size */
#define SPLICE_SHORT (16 * 1024) /* below this a copy is no dearer */

/* Splice is forbidden here, by a seccomp profile or by a kernel without it: then this worker
 * copies, and the first that notices says so. */
static bool is_machines(int err)
{
	return err == -ENOSYS || err == -NP_EPERM || err == -NP_EACCES || err == -EOPNOTSUPP;
}

static void note_refusal(struct conn *c, int err)
{
	struct shard *s = c->shard;

	if (!is_machines(err) || s->splice_off)
		return;
	s->splice_off = true;
	log_msg(LVL_WARNING, "splice_unavailable",
		"worker %u copies bulk data, which costs more: splice is refused: %s (%s)", s->id,
		np_err_text(err), np_err_name(err));
}

bool relay_splice_begin(struct conn *c, struct relay_dir *d)
{
	struct np_pipe *p;
	int err;

	CHECK(d->rest == NULL && !d->spliced, "a direction with a rest is not spliced");
	if (d->unspliceable || c->shard->splice_off)
		return false;
	err = np_pipe_get(&p);
	if (err != 0) {
		note_refusal(c, err);
		return false;
	}
	d->pipe = p;
	d->spliced = true;
	PROBE(splice_on, c, d != &c->dir[0]);
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
		relay_moved(d);
		return CLOSE_NONE;
	}
	relay_splice_end(d);
	if (n < 0 && n != -NP_EAGAIN && n != -NP_EDEADLINE &&
		relay_blame(RELAY_SPLICE, (int)n) == BLAME_COPY) {
		d->unspliceable = true; /* not one byte has moved */
		note_refusal(c, (int)n);
		return CLOSE_NONE;
	}
	/* At an urgent mark a splice stops with EAGAIN or even with 0: only a read knows whether
	 * src has ended. */
	if (n == 0 || (n == -NP_EAGAIN && np_fd_may_have_more(&src_of(c, d)->fd))) {
		d->full = 0;
		return CLOSE_NONE;
	}
	return relay_no_bytes(c, d, n);
}

int relay_splice_unload(struct relay_dir *d)
{
	struct chunk *rest;
	ssize_t n = 0;

	if (!d->spliced || np_pipe_held(d->pipe) == 0) {
		relay_splice_end(d);
		return 0;
	}
	rest = chunk_new(np_pipe_held(d->pipe));
	if (rest == NULL)
		return -NP_ENOMEM;
	while (n >= 0 && np_pipe_held(d->pipe) > 0) {
		n = np_pipe_read(d->pipe, rest->bytes + rest->to, np_pipe_held(d->pipe));
		if (n == 0)
			/* the pipe has no other writer: it cannot end with bytes in it */
			n = -NP_EINVAL;
		rest->to += n > 0 ? (uint32_t)n : 0;
	}
	if (n < 0) {
		chunk_drop(&rest);
		return (int)n;
	}
	relay_splice_end(d);
	d->rest = rest;
	return 0;
}

/* dst does not take a splice, but src gave one: the bytes in the pipe become the rest, and are
 * copied like all that follow. */
static no_inline enum close_reason copy_from_pipe(struct conn *c, struct relay_dir *d, int err)
{
	int unloaded = relay_splice_unload(d);

	note_refusal(c, err);
	if (unloaded != 0)
		return relay_failed(c, RELAY_SPLICE, unloaded);
	d->unspliceable = true;
	return CLOSE_NONE;
}

static enum close_reason empty_pipe(struct conn *c, struct relay_dir *d)
{
	ssize_t n = np_fd_try_pump(&dst_of(c, d)->fd, d->pipe);

	if (n > 0) {
		relay_took(c, d, (size_t)n);
		STAT_ADD(conn_listener_stats(c), spliced, (uint64_t)n);
		relay_moved(d);
		if (np_pipe_held(d->pipe) == 0 && (d->full < FULL_TO_SPLICE || d->eof))
			relay_splice_end(d);
		return CLOSE_NONE;
	}
	if (n == -NP_EAGAIN) {
		d->blocked = true;
		return CLOSE_NONE;
	}
	/* A splice of nothing from a pipe that holds bytes is as good as a refusal. */
	if (n == 0 || relay_blame(RELAY_SPLICE, (int)n) == BLAME_COPY)
		return copy_from_pipe(c, d, n == 0 ? -NP_EINVAL : (int)n);
	return relay_dst_gone(c, d, (int)n);
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
	return empty_pipe(c, d);
}
