/* relay: what the files of the relay share. Private to them; relay_start, for others, is in
 * stages.h. Every function: owner worker, from the relay's task, after relay_start and before its
 * end.
 *
 *   relay.c         the plain task, its begin, and what a hand-over asks of it
 *   relay_turn.h    the turns of the task: watch, read, write, keep what dst does not take
 *   relay_paced.c   the task of a connection that has a rate, with turns that wait
 *   relay_end.c     FIN, reset and deadlines
 *   relay_age.c     a lifetime that is drawn, and who is silent and still there
 *   relay_splice.c  bulk through a pipe
 *   relay_err.c     whose fault a failed call is */
#ifndef PROXY_CONN_RELAY_H
#define PROXY_CONN_RELAY_H

#include "proxy/conn/conn.h"

/* Reads in a row that filled the buffer: after so many the buffer grows, after so many more the
 * direction is bulk. */
#define FULL_TO_GROW   2
#define FULL_TO_SPLICE 4
/* The most that relay_dir.full counts: FULL_MOST - FULL_TO_SPLICE + 1 short splices in a row end
 * it. */
#define FULL_MOST 8

/* ms until the first look whether dst has everything, when a reset must wait (relay_end.c). */
#define RELAY_RESET_PAUSE 2

/* First line of each function that is called from outside its file. */
#define DCHECK_RELAY(c)                                                                \
	do {                                                                           \
		DCHECK_CONN(c);                                                        \
		DCHECK((c)->phase == CONN_RELAYING, "the relay has not begun");        \
	} while (0)

/* As a stage's result, beside the reasons: the connection does not end, but leaves the relay for another server
 * (replay.h). */
#define RELAY_REPLAYS CLOSE_REASONS

static inline struct stream *src_of(struct conn *c, const struct relay_dir *d)
{
	return d == &c->dir[0] ? &c->client : &c->upstream;
}

static inline struct stream *dst_of(struct conn *c, const struct relay_dir *d)
{
	return d == &c->dir[0] ? &c->upstream : &c->client;
}

/* ---- relay_err.c ---- */

/* The calls that relay_err_tbl.h tells apart. */
enum relay_call { RELAY_SOCKET, RELAY_SPLICE, RELAY_POLLER, RELAY_CALLS };
enum relay_blame { BLAME_PEER, BLAME_OURS, BLAME_NEVER, BLAME_COPY };

/* Whose fault it is that a call returned err, a negative code. */
enum relay_blame relay_blame(enum relay_call call, int err);
/* This machine failed, and no peer: the log says which call and why.
 *   Returns  the reason with which both sides end at once. */
must_use no_inline enum close_reason relay_failed(struct conn *c, enum relay_call call, int err);

/* ---- relay.c ---- */

/* src has nothing more: an event will tell of its next bytes.
 *   Returns  as a stage does. */
must_use enum close_reason relay_src_empty(struct conn *c, struct relay_dir *d);
/* The writes to the server until its TCP_NODELAY is on, n bytes at buf the next (relay_turn.h). */
no_inline void relay_early_write(struct conn *c, const char *buf, size_t n);
/* dst took n bytes: counted for the log, the metrics and the first byte's time. */
void relay_took(struct conn *c, struct relay_dir *d, size_t n);

/* relay_stop, relay_resume: for a hand-over (hand_over.h). The task is gone, with what it holds; it begins again, and
 * its first turn tries both ways. What is derived is made anew. */
no_inline void relay_stop(struct conn *c);
no_inline void relay_resume(struct conn *c);

/* no_inline: few turns need these, and link-time optimisation would pull them into all. */

/* ---- relay_end.c ---- */

void relay_deadlines(struct conn *c); /* sets the first deadline, when the relay begins */
/* Bytes of d moved: the time of silence begins anew. */
static inline void relay_moved(struct relay_dir *d)
{
	d->active = np_now();
}
/* The same without bytes, so that nothing is said of who spoke last. */
void relay_active(struct conn *c);
/* call it when something may be due before the deadline that is set */
void relay_arm(struct conn *c);
/* A deadline has passed.
 *   Returns  as a stage does; CLOSE_NONE: nothing ends, and the next deadline is set. */
must_use no_inline enum close_reason relay_expired(struct conn *c);

/* n is the result of a read that brought no bytes: 0 for src's end, or -NP_Exxx.
 *   Returns  as a stage does. */
must_use no_inline enum close_reason relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n);
/* c was told to end: with CLOSE_DRAIN in order, both sides get what was read and then their end.
 *   Returns  as a stage does. */
must_use no_inline enum close_reason relay_told(struct conn *c);
/* src has ended and all its bytes are written: pass the end on.
 *   Returns  as a stage does; CLOSE_NONE: the other direction goes on, or dst must take something
 *            first. */
must_use no_inline enum close_reason relay_pass_end(struct conn *c, struct relay_dir *d);
/* A write to dst failed with err. If that is the peer's end, dst takes no more bytes.
 *   Returns  as a stage does. */
must_use no_inline enum close_reason relay_dst_gone(struct conn *c, struct relay_dir *d, int err);
/* There was an event of src, which has sent its FIN before. */
void relay_after_its_end(struct conn *c, struct relay_dir *d);
/* For the log: the first error of a connection counts. */
static inline void relay_note_error(struct conn *c, int err)
{
	if (c->err == 0)
		c->err = (int16_t)-err;
}
/* The bytes that wait for dst are thrown away, and the pipe is given back. */
void relay_rest_drop(struct relay_dir *d);

/* ---- relay_splice.c ---- */

/* relay_splice_begin: from here on d goes through a pipe, if the worker's pool has one. d has no
 * rest (CHECK).
 *   Returns  whether it does. */
must_use no_inline bool relay_splice_begin(struct conn *c, struct relay_dir *d);
/* One step of a spliced direction: fill the pipe if it is empty, then empty it.
 *   Returns  as a stage does. */
must_use no_inline enum close_reason relay_splice_step(struct conn *c, struct relay_dir *d);
/* relay_splice_unload: d is copied again, and bytes that its pipe holds are its rest.
 *   Returns  0; -NP_ENOMEM: nothing has changed; or why the pipe could not be read: bytes are lost. */
must_use no_inline int relay_splice_unload(struct relay_dir *d);
/* The pipe goes back to the pool, or is closed with the bytes in it; d is copied again. Harmless if
 * d is not spliced. */
void relay_splice_end(struct relay_dir *d);

#endif
