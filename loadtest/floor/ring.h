/* ring: an io_uring by its system calls, and the memory its receives fill. Private to loadtest/floor/.
 *
 * By hand, because Debian 12's liburing is older than incremental buffers (Linux 6.12), and because a floor should show
 * what there is to pay for. One thread owns a ring and its pool. */
#ifndef LOADTEST_FLOOR_RING_H
#define LOADTEST_FLOOR_RING_H

#include <linux/io_uring.h>

#include "netpoll/base.h"

struct ring {
	int                  fd;
	uint32_t             sq_mask, cq_mask;
	uint32_t             tail, given; /* SQEs filled in; of them, submitted */
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	uint32_t            *sq_tail, *sq_flags, *cq_head, *cq_tail; /* shared with the kernel */
};

void ring_open(struct ring *r);
/* A cleared SQE to fill in. A full queue is submitted first, so an earlier SQE may be out of reach afterwards:
 * compare `given`. */
struct io_uring_sqe *ring_sqe(struct ring *r, uint8_t op, int fd, uint64_t user_data);
/* Submits everything and waits for at least `wait` completions. */
void ring_enter(struct ring *r, uint32_t wait);
/* More completions than there was room for: the rest comes with the next ring_enter. */
bool ring_overflowed(const struct ring *r);

/* The next completion or NULL; valid until ring_seen. */
static inline const struct io_uring_cqe *ring_peek(const struct ring *r)
{
	uint32_t head = *r->cq_head;

	return head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) ? NULL : &r->cqes[head & r->cq_mask];
}

static inline void ring_seen(struct ring *r)
{
	__atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
}

/* Buffers the kernel fills one after the other and gets back in the same order, each shared by several receives: small
 * messages lie side by side in a few cache lines, and what one socket receives in a row is one piece of memory. With a
 * buffer a message, the cycle through all of them costs 256 connections half as much again.
 *
 * What a turn receives, the next ring_enter sends; only after it may the bytes be overwritten: two turns a buffer. */
#define POOL_GROUP 0

struct pool {
	struct io_uring_buf_ring *ring;
	char    *memory, *next; /* next: where the next received byte is */
	uint16_t filled, spent; /* buffers used up in this turn; in the one before */
	uint16_t returned;      /* given to the kernel, ever */
};

void pool_open(struct pool *p, const struct ring *r);
/* The bytes of a completion with a positive result; each is to be asked once, in order. */
char *pool_take(struct pool *p, const struct io_uring_cqe *e);
/* A turn's completions are dealt with. */
void pool_turn(struct pool *p);

#endif
