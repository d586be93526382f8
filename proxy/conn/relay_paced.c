/* The turn of a connection that has a rate: a bucket each way, in the form of the time at which it is level again. */
#include "proxy/conn/relay_paced.h"

#include <stdlib.h>

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/replay.h"

#define READ_LEAST 4096          /* a read costs the same for fewer */
#define AHEAD      40            /* one read may bring what the rate allows in a 40th of a second */
#define BEHIND     (50 * NP_MS)  /* who was silent, or woke late, may catch up so much */
#define PIPE_FULL  (1 << 20)     /* a splice brings up to so many (relay_splice.c) */

static bool paced_waits(const struct conn *c, const struct relay_dir *d);
static size_t paced_read(struct conn *c, struct relay_dir *d);
static bool paced_splices(const struct conn *c, const struct relay_dir *d);
static void paced_moved(struct conn *c, const struct relay_dir *d, uint64_t n);

#define TURN_WAITS(c, d)    paced_waits(c, d)
#define TURN_READ(c, d)     paced_read(c, d)
#define TURN_SPLICES(c, d)  paced_splices(c, d)
#define TURN_MOVED(c, d, n) paced_moved(c, d, n)
#include "proxy/conn/relay_turn.h"

/* ---- the bucket ---- */

static struct paced *paced_of(const struct conn *c)
{
	DCHECK(c->extra != NULL && c->extra->paced != NULL, "a paced relay has its buckets");
	return c->extra->paced;
}

static unsigned dir_index(const struct conn *c, const struct relay_dir *d)
{
	return d != &c->dir[0];
}

/* Bytes that one read may bring. */
static uint64_t paced_portion(const struct conn *c, const struct relay_dir *d)
{
	uint64_t rate = paced_of(c)->rate[dir_index(c, d)], n = rate / AHEAD;

	if (rate == 0)
		return UINT64_MAX;
	return n > READ_LEAST ? n : READ_LEAST;
}

/* Bytes that are here already go on, and so does the end: only what would be read waits. */
static bool paced_waits(const struct conn *c, const struct relay_dir *d)
{
	const struct paced *p = paced_of(c);
	unsigned i = dir_index(c, d);

	if (p->rate[i] == 0 || p->due[i] <= np_now() || d->eof || d->discard || d->backlog)
		return false;
	return d->spliced ? np_pipe_held(d->pipe) == 0 : d->rest == NULL;
}

/* Reads that are full because they are small say nothing of bulk. */
static size_t paced_read(struct conn *c, struct relay_dir *d)
{
	uint64_t portion = paced_portion(c, d);

	if (portion < SHARD_SCRATCH)
		d->full = 0;
	return portion < next_read_size(d) ? (size_t)portion : next_read_size(d);
}

/* Below, a pipe would bring more at once than it may. */
static bool paced_splices(const struct conn *c, const struct relay_dir *d)
{
	return paced_portion(c, d) >= PIPE_FULL;
}

static void paced_moved(struct conn *c, const struct relay_dir *d, uint64_t n)
{
	struct paced *p = paced_of(c);
	unsigned i = dir_index(c, d);
	int64_t floor = np_now() - BEHIND;

	if (p->rate[i] == 0 || n == 0)
		return;
	DCHECK(n <= INT64_MAX / NP_S, "a step moves a few megabytes at most");
	p->due[i] = (p->due[i] > floor ? p->due[i] : floor) + (int64_t)(n * NP_S / p->rate[i]);
}

/* ---- the task ---- */

/* When the first direction that waits for nothing but its rate is level; 0: there is none. */
static int64_t paced_until(const struct conn *c)
{
	int64_t when = 0;

	for (unsigned i = 0; i < 2; i++) {
		const struct relay_dir *d = &c->dir[i];

		if (!d->done && (d->readable || d->spliced) && paced_waits(c, d))
			when = when == 0 ? paced_of(c)->due[i] : deadline_earlier(when, paced_of(c)->due[i]);
	}
	return when;
}

/* The client's read deadline is the relay's (relay_end.c), so this is the server's: it only wakes the task, and is
 * taken away before the task looks at that side. */
static void paced_turn(struct np_g *g)
{
	struct conn *c = OBJ_CAST(container_of(g, struct conn, task), conn, CONN_MAGIC);
	enum close_reason why;

	DCHECK_RELAY(c);
	np_fd_set_read_deadline(&c->upstream.fd, 0);
	why = relay_run(c);
	if (why == CLOSE_NONE)
		np_fd_set_read_deadline(&c->upstream.fd, paced_until(c));
	turn_over(c, why);
}

const struct np_task_type relay_paced_type = {.name = "relay_paced", .fn = paced_turn};

enum close_reason paced_want(struct conn *c)
{
	struct conn_extra *x = conn_extra(c);

	if (x == NULL)
		return CLOSE_OVERLOAD;
	if (x->paced == NULL)
		x->paced = calloc(1, sizeof(*x->paced));
	if (x->paced == NULL)
		return CLOSE_OVERLOAD;
	x->paced->rate[0] = c->listener->upload;
	x->paced->rate[1] = c->listener->download;
	return CLOSE_NONE;
}
