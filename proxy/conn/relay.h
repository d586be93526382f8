/* relay: what the three files of the relay share. Private to them. Every function: owner worker,
 * from the relay's task. */
#ifndef PROXY_CONN_RELAY_H
#define PROXY_CONN_RELAY_H

#include "proxy/conn/conn.h"

/* Reads in a row that filled the buffer: after so many the buffer grows, after so many more the direction is bulk. */
#define FULL_TO_GROW   2
#define FULL_TO_SPLICE 4
#define FULL_MOST      8 /* how sure it can be that this is bulk: so many short splices, less four, end it */

static inline struct stream *src_of(struct conn *c, const struct relay_dir *d)
{
	return d == &c->dir[0] ? &c->client : &c->upstream;
}

static inline struct stream *dst_of(struct conn *c, const struct relay_dir *d)
{
	return d == &c->dir[0] ? &c->upstream : &c->client;
}

/* ---- relay.c --------------------------------------------------------------------------------- */

void relay_src_empty(struct conn *c, struct relay_dir *d);      /* an event must tell of its next bytes */
void relay_took(struct conn *c, struct relay_dir *d, size_t n); /* dst took n bytes */

/* What few turns need is not for link-time optimisation to pull into all of them: no_inline. */

/* ---- relay_end.c ----------------------------------------------------------------------------- */

void relay_deadlines(struct conn *c); /* the relay begins */
void relay_active(struct conn *c);    /* bytes moved: silence begins anew */
void relay_arm(struct conn *c);       /* something may be due earlier than the deadline that is set */
/* A deadline has passed.   Returns  as a stage does; CLOSE_NONE: nothing ends, and the next one is set. */
must_use no_inline enum close_reason relay_expired(struct conn *c);

/* A read that brought no bytes: src's end, its failure, nothing there, or a deadline.   Returns  as a stage does. */
must_use no_inline enum close_reason relay_no_bytes(struct conn *c, struct relay_dir *d, ssize_t n);
/* src has ended and all of it is written: pass the end on.   Returns  as a stage does. */
must_use no_inline enum close_reason relay_pass_end(struct conn *c, struct relay_dir *d);
no_inline void relay_dst_gone(struct conn *c, struct relay_dir *d, int err); /* dst takes no more bytes */
void relay_after_its_end(struct conn *c, struct relay_dir *d);     /* an event of src, which had sent its FIN */
void relay_note_error(struct conn *c, int err);
void relay_rest_drop(struct relay_dir *d);

/* ---- relay_splice.c -------------------------------------------------------------------------- */

/* relay_splice_begin: from here on d goes through a pipe, if one is to be had.   Returns  whether it does. */
must_use no_inline bool relay_splice_begin(struct relay_dir *d);
/* One step of a spliced direction: fill the empty pipe, then empty it.   Returns  as a stage does. */
must_use no_inline enum close_reason relay_splice_step(struct conn *c, struct relay_dir *d);
/* The pipe goes back, or is closed with what it holds; d is copied again. Harmless on one that is. */
void relay_splice_end(struct relay_dir *d);

#endif
