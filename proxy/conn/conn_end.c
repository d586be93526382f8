/* The one end of a connection: log, close, give back, free. All reasons come here, from the stages'
 * coroutine or from the relay's task, so what must happen at an end is written once. */
#include "proxy/conn/conn.h"

#include <stdlib.h>

#include "proxy/base/probe.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_source.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/stages.h"
#include "proxy/conn/tally.h"
#include "proxy/conn/walk.h"

/* ---- closing ---- */

/* A stream that we cut short is closed without close_notify: that would sign for bytes that were
 * never sent. */
static void close_side(struct conn *c, struct stream *s, const struct relay_dir *towards,
	bool reset)
{
	if (reset)
		stream_close_reset(s);
	else if (c->phase == CONN_RELAYING && !towards->done)
		stream_close_cut(s);
	else
		stream_close(s);
}

/* By the lists of its listener, or the limits of its source, before TLS: it learns nothing, not even that somebody has
 * read. */
static bool was_kept_out(const struct conn *c, enum close_reason why)
{
	if (why == CLOSE_RATE_LIMITED)
		return conn_source_resets(c);
	return why == CLOSE_DENIED && !conn_relays(c) && c->setup < SETUP_HELLO;
}

/* A reset by one side becomes a reset of the other. So does broken TLS, and so do bytes that were
 * lost for want of memory: an orderly end would tell the other side that it has everything. What an
 * operator ends is reset at both sides, whatever it was doing, and so is what a server's end may have
 * cut short. Every other end is an orderly close. */
static void conn_close(struct conn *c, enum close_reason why)
{
	bool relaying = c->phase == CONN_RELAYING;
	bool lost = (relaying && why == CLOSE_OVERLOAD) || why == CLOSE_ADMIN || why == CLOSE_SERVER_DOWN;
	bool client_reset = why == CLOSE_CLIENT_RST || why == CLOSE_TLS_BROKEN;
	bool broken = relaying && why == CLOSE_UPSTREAM_TLS_FAILED;

	close_side(c, &c->upstream, &c->dir[0], lost || client_reset);
	close_side(c, &c->client, &c->dir[1], lost || broken || why == CLOSE_SERVER_RST || was_kept_out(c, why));
}

/* ---- counting ---- */

/* Here, in one place: nothing is counted while bytes pass. Before the slot and the snapshot are given
 * back, since who then finds both unused reads the last numbers. */
static void conn_count(struct conn *c, enum close_reason why)
{
	struct listener_stats *l = conn_listener_stats(c);
	uint64_t in = tally_rest(c, 0), out = tally_rest(c, 1);

	DCHECK(why > CLOSE_NONE && why < CLOSE_REASONS, "a reason of close_tbl.h");
	STAT_ADD(l, bytes_in, in);
	STAT_ADD(l, bytes_out, out);
	histogram_add(&l->lifetime, &histogram_lifetime, np_now() - c->accepted);
	STAT_ADD(l, closed[why], 1);
	if (c->server != NULL) {
		struct server_stats *s = conn_server_stats(c);

		STAT_ADD(s, bytes_in, in);
		STAT_ADD(s, bytes_out, out);
	}
}

/* ---- the end ---- */

void conn_give_places(struct shard *s, const struct listener *listener)
{
	DCHECK_SHARD(s);
	limit_give(&listener->counts->limit);
	limit_give(s->limit);
}

void conn_end(struct conn *c, enum close_reason why)
{
	struct shard *s = c->shard;
	struct snapshot *snap = c->listener->snap;

	DCHECK_CONN(c);
	DCHECK(why != CLOSE_NONE, "an end has a reason");
	DCHECK(c->phase != CONN_FROZEN, "hand_over_forget ends what another process has");
	DCHECK(c->phase != CONN_RELAYING || c->server != NULL, "a relayed connection has a server");
	PROBE(conn_end, c, why, c->dir[0].bytes, c->dir[1].bytes);
	if (unlikely(c->traced))
		trace_mark(c, TRACE_END, NULL, 0, why);
	if (s->log != NULL)
		conn_log(c, why); /* before the streams go: they know what was agreed */
	if (unlikely(c->trial && c->server != NULL))
		judge_report(c, REPORT_NOTHING);
	conn_close(c, why);
	conn_count(c, why);
	if (c->server != NULL)
		server_release(c->server);
	if (c->phase != CONN_NEW)
		conn_give_places(s, c->listener);
	walk_leave(s, &c->link);
	list_remove(&c->link);
	/* a drain that sees 0 sees all of this done */
	__atomic_sub_fetch(&s->nconns, 1, __ATOMIC_RELEASE);
	if (unlikely(c->extra != NULL))
		conn_extra_free(c);
	c->magic = 0;
	free(c);
	snapshot_drop(snap, s->id); /* last: the listener is the snapshot's */
}

void conn_kill(struct conn *c, enum close_reason why)
{
	DCHECK_CONN(c);
	if (c->kill != CLOSE_NONE)
		return;
	c->kill = (uint8_t)why;
	if (c->phase == CONN_FROZEN)
		return; /* hand_over_thaw's first turn finds it */
	if (c->phase == CONN_RELAYING)
		np_ready(&c->task);
	else if (why == CLOSE_ADMIN || why == CLOSE_SERVER_DOWN)
		np_fd_close_reset(&c->client.fd);
	else
		/* a stage that waits for it gives up; the connect stage watches it */
		np_fd_close(&c->client.fd);
}
