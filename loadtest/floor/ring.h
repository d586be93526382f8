/* ring: an io_uring by its system calls, and the pool of memory that its receives fill. Private to
 * loadtest/floor/.
 *
 * It uses no liburing: Debian 12's is older than incremental buffers (Linux 6.12), and a floor
 * should show each call it pays for. One thread owns a ring and its pool. */
#ifndef LOADTEST_FLOOR_RING_H
#define LOADTEST_FLOOR_RING_H

#include <linux/io_uring.h>

#include "netpoll/base.h"

struct ring {
	int                  fd;
	uint32_t             sq_mask, cq_mask;
	uint32_t             tail, given; /* SQEs filled in; SQEs submitted */
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	uint32_t            *sq_tail, *sq_flags, *cq_head, *cq_tail; /* shared with the kernel */
};

void ring_open(struct ring *r);
/* Submits a full queue first, so an earlier SQE may be the kernel's afterwards: compare `given`.
 *   Returns  a cleared SQE to fill in. */
struct io_uring_sqe *ring_sqe(struct ring *r, uint8_t op, int fd, uint64_t user_data);
/* Submits everything and waits for at least `wait` completions. */
void ring_enter(struct ring *r, uint32_t wait);
/* Returns  true when the completion queue had no room for all: the next ring_enter brings the
 * others. */
bool ring_overflowed(const struct ring *r);

/* Returns  the next completion, valid until ring_seen, or NULL. */
static inline const struct io_uring_cqe *ring_peek(const struct ring *r)
{
	uint32_t head = *r->cq_head, tail = __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE);

	return head == tail ? NULL : &r->cqes[head & r->cq_mask];
}

static inline void ring_seen(struct ring *r)
{
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
}

/* The pool's buffers, which the kernel fills one after the other and gets back in the same order.
 * Several receives share a buffer: small messages lie side by side in a few cache lines, and
 * successive receives of one socket are one piece of memory. Rejected: a buffer per message; with
 * 256 connections the cycle through all buffers costs half as much again.
 *
 * The next ring_enter sends the bytes that a turn receives, and only then may the kernel overwrite
 * them: a used buffer goes back after two turns. */
#define POOL_GROUP 0

struct pool {
	struct io_uring_buf_ring *ring;
	char    *memory, *next; /* next: address of the next received byte */
	uint16_t filled, spent; /* buffers used up in this turn; in the one before */
	uint16_t returned;      /* given to the kernel, ever */
};

void pool_open(struct pool *p, const struct ring *r);
/* Call it once for each completion with a positive result, in order.
 *   Returns  the received bytes. */
char *pool_take(struct pool *p, const struct io_uring_cqe *e);
/* Ends a turn, after all its completions are handled. */
void pool_turn(struct pool *p);

#endif
