/* Bytes from one socket to another inside the kernel, through a pipe. Port of
 * src/internal/poll/splice_linux.go, Go 1.19: newPipe, getPipe, putPipe, spliceDrain, splicePump.
 * Departures: one attempt each and no parking, since the relay is a task; the pool is the worker's
 * own list, bounded, instead of a sync.Pool that the collector empties.
 *
 * A pipe is full by slots as well as by bytes (a small segment takes a whole slot), so -NP_EAGAIN
 * from drain has two meanings: nothing to read, or no room. The pipe's own count tells: with bytes
 * in it, empty it first and try again. */
#include "netpoll/fd.h"

#include <fcntl.h>
#include <stdlib.h>

#include "netpoll/hook.h"

#define PIPE_SIZE     (1 << 20)
#define PIPE_WORTH    (256 << 10) /* past the user's share of pipe pages new ones are tiny: then copying is better */
#define PIPE_RETRY    NP_S        /* how long to copy after none could be had */
#define PIPE_TRIM     NP_S
#define PIPE_MAGIC    0x919e919eu

struct np_pipe {
	uint32_t magic;
	int r, w;
	size_t held;          /* bytes in it */
	struct np_pipe *next; /* the pool */
};

static struct pipe_pool *pool_of(void)
{
	return &np_self()->pipes;
}

static struct np_pipe *pipe_free(struct np_pipe *p)
{
	sys_close(p->r);
	sys_close(p->w);
	p->magic = 0;
	free(p);
	pool_of()->made--;
	return NULL;
}

/* By now every connection has given its pipe back, so all are in the pool. */
static void pipe_pool_fini(struct pipe_pool *pool)
{
	while (pool->idle != NULL) {
		struct np_pipe *p = pool->idle;

		pool->idle = p->next;
		sys_close(p->r);
		sys_close(p->w);
		free(p);
		pool->made--;
	}
	CHECK(pool->made == 0, "a pipe outlived its worker");
}

/* Descriptors and memory come back: it is worth trying again. A sandbox does not change its mind. */
static int pipe_error(int err)
{
	bool passes = err == -NP_EMFILE || err == -NP_ENFILE || err == -NP_ENOMEM;

	return passes ? -NP_EAGAIN : err;
}

static int pipe_new(struct pipe_pool *pool, struct np_pipe **out)
{
	struct np_pipe *p = malloc(sizeof(*p));
	int fds[2], err;

	if (p == NULL)
		return -NP_EAGAIN;
	if (sys_pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		err = err_from_errno();
		free(p);
		return pipe_error(err);
	}
	*p = (struct np_pipe){.magic = PIPE_MAGIC, .r = fds[0], .w = fds[1]};
	pool->made++;
	pool->fini = pipe_pool_fini;
	/* Whatever the error: a pipe too small to be worth it is no error of the connection's. */
	if (fcntl(p->w, F_SETPIPE_SZ, PIPE_SIZE) < PIPE_WORTH) {
		pipe_free(p);
		return -NP_EAGAIN;
	}
	*out = p;
	return 0;
}

int np_pipe_get(struct np_pipe **out)
{
	struct pipe_pool *pool = pool_of();
	struct np_pipe *p = pool->idle;
	int err;

	if (p != NULL) {
		pool->idle = p->next;
		if (--pool->nidle < pool->low)
			pool->low = pool->nidle;
		*out = p;
		return 0;
	}
	if (pool->made >= pool->most || np_now() < pool->retry)
		return -NP_EAGAIN;
	err = pipe_new(pool, out);
	if (err != 0)
		pool->retry = np_now() + PIPE_RETRY;
	return err;
}

/* So many lay idle throughout the last second: no relay needed them. So the descriptors of a peak
 * are back soon after it. */
static void trim(struct np_timer *t)
{
	struct pipe_pool *pool = container_of(t, struct pipe_pool, trim);

	for (; pool->low > 0; pool->low--) {
		struct np_pipe *p = pool->idle;

		pool->idle = p->next;
		pool->nidle--;
		pipe_free(p);
	}
	pool->low = pool->nidle;
	if (pool->nidle > 0)
		np_timer_set(t, np_now() + PIPE_TRIM);
}

/* A pipe that holds bytes is never pooled: another connection would get them. */
void np_pipe_put(struct np_pipe *p)
{
	struct pipe_pool *pool = pool_of();

	OBJ_CHECK(p, PIPE_MAGIC);
	if (p->held > 0) {
		pipe_free(p);
		return;
	}
	p->next = pool->idle;
	pool->idle = p;
	if (pool->nidle++ > 0)
		return;
	pool->low = 0;
	pool->trim.fn = trim;
	np_timer_set(&pool->trim, np_now() + PIPE_TRIM);
}

void np_pipe_bound(unsigned most)
{
	pool_of()->most = most;
}

size_t np_pipe_held(const struct np_pipe *p)
{
	return p->held;
}

ssize_t np_pipe_read(struct np_pipe *p, void *buf, size_t n)
{
	ssize_t got;

	OBJ_CHECK(p, PIPE_MAGIC);
	CHECK(p->held > 0, "a read of an empty pipe");
	do {
		got = sys_read(p->r, buf, n < FD_MAX_RW ? n : FD_MAX_RW);
		if (got < 0)
			got = err_from_errno();
	} while (got == -NP_EINTR);
	if (got > 0)
		p->held -= (size_t)got;
	return got;
}

static ssize_t splice_once(int from, int to, size_t n)
{
	ssize_t moved;

	do {
		moved = sys_splice(from, NULL, to, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (moved < 0)
			moved = err_from_errno();
	} while (moved == -NP_EINTR);
	return moved;
}

ssize_t np_fd_try_drain(struct np_fd *fd, struct np_pipe *p, size_t n)
{
	ssize_t moved = fd_try_check(fd, NP_READ);

	OBJ_CHECK(p, PIPE_MAGIC);
	if (moved != 0)
		return moved;
	moved = splice_once(fd->sysfd, p->w, n < FD_MAX_RW ? n : FD_MAX_RW);
	if (moved > 0)
		p->held += (size_t)moved;
	return moved;
}

/* The pipe must hold something: an empty one would answer EAGAIN, as a full socket does. */
ssize_t np_fd_try_pump(struct np_fd *fd, struct np_pipe *p)
{
	ssize_t moved = fd_try_check(fd, NP_WRITE);

	OBJ_CHECK(p, PIPE_MAGIC);
	CHECK(p->held > 0, "pump of an empty pipe");
	if (moved != 0)
		return moved;
	moved = splice_once(p->r, fd->sysfd, p->held);
	if (moved > 0)
		p->held -= (size_t)moved;
	return moved;
}
