/* ring: sets up an io_uring and its pool of buffers, and submits to it. */
#include "loadtest/floor/ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loadtest/floor/floor.h"

/* Debian 12's header lacks IORING_SETUP_NO_SQARRAY, IORING_CQE_F_BUF_MORE and IOU_PBUF_RING_INC. */
#define SETUP_NO_SQARRAY (1U << 16)
#define CQE_F_BUF_MORE   (1U << 4)
#define POOL_INCREMENTAL 2

#define SUBMISSIONS 1024
#define COMPLETIONS 4096
#define BUFFER      (32 * 1024)
#define BUFFERS     16 /* of BUFFER bytes: 512 KiB in all, which stay in the cache; a power of two */

static char *map(int fd, size_t size, off_t what)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	if (at == MAP_FAILED)
		floor_die("mmap");
	return at;
}

static uint32_t *ring_word(char *rings, uint32_t offset)
{
	return (uint32_t *)(void *)(rings + offset);
}

/* Without DEFER_TASKRUN every arriving segment interrupts the thread, which costs 1.5 times the CPU
 * time. */
void ring_open(struct ring *r)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			SETUP_NO_SQARRAY | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};
	char *rings;

	r->fd = (int)syscall(__NR_io_uring_setup, SUBMISSIONS, &p);
	if (r->fd < 0)
		floor_die("io_uring_setup");
	rings = map(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes), IORING_OFF_SQ_RING);
	r->sqes = (void *)map(r->fd, p.sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
	r->cqes = (void *)(rings + p.cq_off.cqes);
	r->sq_tail = ring_word(rings, p.sq_off.tail);
	r->sq_flags = ring_word(rings, p.sq_off.flags);
	r->cq_head = ring_word(rings, p.cq_off.head);
	r->cq_tail = ring_word(rings, p.cq_off.tail);
	r->sq_mask = p.sq_entries - 1;
	r->cq_mask = p.cq_entries - 1;
	r->tail = r->given = 0;
}

/* EBUSY: the completion queue is full; the caller takes some completions and calls again. */
static void enter(struct ring *r, uint32_t wait, uint32_t flags)
{
	int n;

	__atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
	n = (int)syscall(__NR_io_uring_enter, r->fd, r->tail - r->given, wait, flags, NULL, 0);
	if (n < 0 && errno != EINTR && errno != EBUSY)
		floor_die("io_uring_enter");
	if (n > 0)
		r->given += (uint32_t)n;
}

void ring_enter(struct ring *r, uint32_t wait)
{
	enter(r, wait, IORING_ENTER_GETEVENTS);
}

struct io_uring_sqe *ring_sqe(struct ring *r, uint8_t op, int fd, uint64_t user_data)
{
	struct io_uring_sqe *e = &r->sqes[r->tail & r->sq_mask];

	while (r->tail - r->given > r->sq_mask)
		enter(r, 0, 0);
	r->tail++;
	memset(e, 0, sizeof(*e));
	e->opcode = op;
	e->fd = fd;
	e->user_data = user_data;
	return e;
}

bool ring_overflowed(const struct ring *r)
{
	return __atomic_load_n(r->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW;
}

static char *buffer(const struct pool *p, uint32_t id)
{
	return p->memory + (size_t)(id % BUFFERS) * BUFFER;
}

static void give_back(struct pool *p, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		uint16_t id = p->returned++ % BUFFERS;
		struct io_uring_buf *b = &p->ring->bufs[id];

		/* The kernel changes both while it fills the buffer, so set them again. */
		b->addr = (uintptr_t)buffer(p, id);
		b->len = BUFFER;
		b->bid = id;
	}
	__atomic_store_n(&p->ring->tail, p->returned, __ATOMIC_RELEASE);
}

static void *memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		floor_die("mmap");
	return at;
}

void pool_open(struct pool *p, const struct ring *r)
{
	struct { /* io_uring_buf_reg, in which Debian's header has no flags yet */
		uint64_t ring;
		uint32_t entries;
		uint16_t group, flags;
		uint64_t reserved[3];
	} what = {.entries = BUFFERS, .group = POOL_GROUP, .flags = POOL_INCREMENTAL};

	*p = (struct pool){
		.ring = memory(BUFFERS * sizeof(struct io_uring_buf)),
		.memory = memory((size_t)BUFFERS * BUFFER),
	};
	p->next = p->memory;
	what.ring = (uintptr_t)p->ring;
	if (syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_PBUF_RING, &what, 1) != 0)
		floor_die("IORING_REGISTER_PBUF_RING");
	give_back(p, BUFFERS);
}

char *pool_take(struct pool *p, const struct io_uring_cqe *e)
{
	char *data = p->next;

	p->next += e->res;
	if (!(e->flags & CQE_F_BUF_MORE)) {
		p->next = buffer(p, (e->flags >> IORING_CQE_BUFFER_SHIFT) + 1);
		p->filled++;
	}
	return data;
}

void pool_turn(struct pool *p)
{
	if (p->spent > 0)
		give_back(p, p->spent);
	p->spent = p->filled;
	p->filled = 0;
}
