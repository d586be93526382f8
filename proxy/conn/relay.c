/* The relay: a stackless task that moves bytes both ways between two sockets until both directions
 * have ended.
 *
 *   turn:  watch -> step dir 0 -> step dir 1 -> ... until nothing can move, then return
 *
 * One read goes into the worker's scratch and straight out again. A connection owns a buffer only
 * while its reader is slower than its writer (struct chunk), and then nothing more is read:
 * back-pressure. The task stands at both readers all the time, so that a reset, a deadline or a
 * kill finds it even while it waits for room.
 *
 * The turn itself is in relay_turn.h, since a connection with a rate has one of its own (relay_paced.c).
 *
 * Work that a short connection never needs is done when a connection proves not to be short: the
 * server's TCP_NODELAY before its second write, its keepalive after half a minute (relay_end.c), a
 * pipe after several large reads (relay_splice.c). */
#include "proxy/conn/relay.h"

#include "proxy/base/probe.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/relay_paced.h"
#include "proxy/conn/replay.h"
#include "proxy/conn/stages.h"

/* The turn moves what there is. */
#define TURN_WAITS(c, d)    false
#define TURN_READ(c, d)     next_read_size(d)
#define TURN_SPLICES(c, d)  true
#define TURN_MOVED(c, d, n) ((void)(n))
#include "proxy/conn/relay_turn.h"

_Static_assert(FULL_TO_GROW * READ_SMALL + (FULL_TO_SPLICE - FULL_TO_GROW) * SHARD_SCRATCH > REPLAY_MOST,
	       "bytes that are kept are copied");

/* ---- moving bytes ---- */

/* To those who wait for it. */
static no_inline void tell_first_byte(struct conn *c)
{
	trace_at(c, TRACE_FIRST_BYTE, NULL);
	if (c->dir[0].kept)
		replay_forget(c);
}

/* Once a connection. By the clock as the loop read it with the event that brought the byte. A server
 * that speaks at once does so in the turn of its connect, which read the clock later. */
static no_inline void note_first_byte(struct conn *c)
{
	int64_t ns = np_now() - c->accepted, connected = since_ns(c->connected);
	struct server_stats *st = conn_server_stats(c);

	ns = ns > connected ? ns : connected;
	PROBE(first_byte, c, ns);
	c->first_byte = since_pack(ns);
	histogram_add(&st->first_byte, &histogram_latency, ns - connected);
	judge_answered(c, st);
	if (unlikely(c->traced || c->dir[0].kept))
		tell_first_byte(c);
}

void relay_took(struct conn *c, struct relay_dir *d, size_t n)
{
	DCHECK_RELAY(c);
	d->bytes += n;
	if (d == &c->dir[1] && unlikely(c->first_byte == SINCE_NEVER))
		note_first_byte(c);
}

/* The writes to the server until Nagle's algorithm is off, and those whose bytes are kept for another server, also when
 * this one is gone. */
void relay_early_write(struct conn *c, const char *buf, size_t n)
{
	c->nodelay_due = unlikely(c->dir[0].kept) && replay_keep(c, buf, n);
	(void)!np_fd_set_nodelay(&c->upstream.fd); /* a socket that refuses is slower, not wrong */
}

/* Its read events are switched on again: without them nothing would tell of its next bytes. */
static no_inline enum close_reason unmute_src(struct conn *c, struct relay_dir *d)
{
	int err = np_fd_mute(&src_of(c, d)->fd, false);

	if (err != 0)
		return relay_failed(c, RELAY_POLLER, err);
	d->muted = false;
	return CLOSE_NONE;
}

enum close_reason relay_src_empty(struct conn *c, struct relay_dir *d)
{
	d->readable = false;
	return likely(!d->muted) ? CLOSE_NONE : unmute_src(c, d);
}

/* ---- the task ---- */

static void relay_turn(struct np_g *g)
{
	struct conn *c = OBJ_CAST(container_of(g, struct conn, task), conn, CONN_MAGIC);

	DCHECK_RELAY(c);
	turn_over(c, relay_run(c));
}

static const struct np_task_type relay_type = {.name = "relay", .fn = relay_turn};

/* What waits stays: bytes of dst's are the connection's. */
void relay_stop(struct conn *c)
{
	DCHECK_RELAY(c);
	stream_unwatch(&c->client, &c->task);
	stream_unwatch(&c->upstream, &c->task);
	np_task_fini(&c->task);
}

/* As after its begin: nothing is known of either socket, so each side that has not ended is tried, and so is each that
 * has something to take. */
void relay_resume(struct conn *c)
{
	c->phase = CONN_RELAYING;
	c->fresh = true;
	for (unsigned i = 0; i < 2; i++) {
		struct relay_dir *d = &c->dir[i];

		d->readable = !d->eof;
		d->muted = d->blocked = false;
		d->backlog = !d->done && !d->discard && stream_backlog(dst_of(c, d)) > 0;
		d->looks = 0;
		if (d->reset)
			d->reset_pause = RELAY_RESET_PAUSE;
	}
	np_task_init(&c->task, c->extra != NULL && c->extra->paced != NULL ? &relay_paced_type : &relay_type);
	relay_arm(c);
	np_ready(&c->task);
}

/* Bytes that were read to choose the server and belong to the client's payload become dir[0]'s
 * rest. */
static void adopt_preread(struct conn *c)
{
	struct preread *o = c->extra->preread;
	struct chunk *r = o != NULL ? o->rest : NULL;

	if (unlikely(c->dir[0].kept) && replay_lend(c))
		return;
	if (r != NULL && r->from < r->to) {
		c->dir[0].rest = r;
		o->rest = NULL;
	}
	conn_preread_free(c->extra);
}

/* What only some connections have. Not inlined: others need not save registers for it. */
static no_inline void begin_with_extra(struct conn *c)
{
	if (c->extra->paced != NULL)
		np_task_init(&c->task, &relay_paced_type);
	adopt_preread(c);
}

void relay_start(struct conn *c)
{
	DCHECK_CONN(c);
	DCHECK(c->phase == CONN_CONNECTING, "a relay begins once");
	DCHECK(c->server != NULL, "a relay begins with a server");
	c->phase = CONN_RELAYING;
	c->first_end = CLOSE_NONE;
	c->fresh = true;
	c->nodelay_due = c->keepalive_due = !np_addr_is_unix(&c->server->addr);
	np_task_init(&c->task, &relay_type);
	if (c->extra != NULL)
		begin_with_extra(c);
	c->dir[0].readable = true; /* clients mostly speak first: one read is worth it */
	c->secure = !stream_is_plain(&c->client) || !stream_is_plain(&c->upstream);
	if (c->secure) {
		/* A handshake may have read bytes behind it, and no event tells of those. */
		c->dir[1].readable = true;
		c->dir[0].unspliceable = c->dir[1].unspliceable = true;
	}
	relay_deadlines(c);
	np_ready(&c->task);
}
