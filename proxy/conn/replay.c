/* From one server to the next, with all that the client has sent. */
#include "proxy/conn/replay.h"

#include <stdlib.h>
#include <string.h>

#include "proxy/base/deadline.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_hash.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/conn_trace.h"
#include "proxy/conn/relay.h"
#include "proxy/conn/relay_age.h"
#include "proxy/conn/stages.h"

#define TIDIES_AFTER NP_S /* a server that has heard nothing for so long and ends tidies up: conn_judge.c */

/* Of a connection whose upstream replays, until its server's first byte. */
struct replay {
	bool over;      /* the client has sent more than is kept, or there is no memory for it: nothing is kept */
	bool reset;     /* the server before ended by a reset */
	unsigned times; /* so many servers ended early */
	int64_t left;   /* ns that attempts may still take */
	unsigned ntried;
	/* in vain, one more than retries at most; compared and never read, for a server may be gone */
	const struct server *tried[];
};

/* For the metric, on the worker's own cell of the upstream. */
static void count_replay(const struct conn *c, enum replay_result r)
{
	STAT_ADD(&conn_target(c)->upstream->live->stats[c->shard->id], replays[r], 1);
}

bool replay_under_way(const struct conn *c)
{
	return c->extra != NULL && c->extra->replay != NULL && c->extra->replay->times > 0;
}

/* ---- connect ---- */

void replay_resume(struct conn *c, struct attempt *a)
{
	const struct replay *r = c->extra != NULL ? c->extra->replay : NULL;

	DCHECK_CONN(c);
	if (r == NULL)
		return;
	a->ntried = r->ntried;
	memcpy(a->tried, r->tried, r->ntried * sizeof(r->tried[0]));
	a->budget_ends = deadline_at(a->began, r->left);
	a->why = r->reset ? CLOSE_SERVER_RST : CLOSE_SERVER_FIN;
}

void replay_arm(struct conn *c, const struct attempt *a)
{
	const struct target *t = conn_target(c);
	struct preread *o = conn_preread(c);
	struct conn_extra *x = c->extra;
	struct replay *r;

	DCHECK_CONN(c);
	DCHECK(a->ntried <= t->upstream->retries, "the first try is none of the retries");
	if (o == NULL)
		return;
	if (x->replay == NULL)
		x->replay = calloc(1, sizeof(*r) + (t->upstream->retries + 1) * sizeof(r->tried[0]));
	r = x->replay;
	if (r == NULL)
		return;
	r->over = chunk_held(o->rest) > t->replay;
	r->ntried = a->ntried;
	memcpy(r->tried, a->tried, a->ntried * sizeof(r->tried[0]));
	r->left = a->budget_ends - np_nanotime();
	c->dir[0].kept = true;
}

/* ---- relay ---- */

bool replay_lend(struct conn *c)
{
	const struct replay *r = c->extra->replay;
	const struct preread *o = c->extra->preread;

	DCHECK(c->dir[0].kept && r != NULL && o != NULL, "what is armed has its blocks");
	c->dir[0].bytes = 0; /* those were of the server before */
	c->nodelay_due = true;
	if (r->over)
		return false;
	if (chunk_held(o->rest) == 0)
		return true;
	c->dir[0].rest = chunk_of(o->rest->bytes + o->rest->from, chunk_held(o->rest));
	if (c->dir[0].rest != NULL)
		return true;
	c->extra->replay->over = true;
	return false;
}

/* Bytes that are offered again, since the server did not take them at once, stand in the rest: they are kept
 * already. */
bool replay_keep(struct conn *c, const char *buf, size_t n)
{
	struct replay *r = c->extra->replay;
	struct preread *o = c->extra->preread;

	DCHECK_RELAY(c);
	DCHECK(c->dir[0].kept && c->first_byte == SINCE_NEVER, "bytes are kept until the first byte");
	if (r->over || c->dir[0].rest != NULL)
		return !r->over;
	if (chunk_held(o->rest) + n <= conn_target(c)->replay && conn_preread_put(o, buf, n))
		return true;
	r->over = true;
	conn_preread_free(c->extra);
	return false;
}

void replay_forget(struct conn *c)
{
	struct conn_extra *x = c->extra;

	DCHECK_CONN(c);
	c->dir[0].kept = false;
	conn_preread_free(x);
	free(x->replay);
	x->replay = NULL;
	conn_extra_trim(c);
}

/* ---- the decision ---- */

static int64_t connected_for(const struct conn *c)
{
	return np_nanotime() - c->accepted - since_ns(c->connected);
}

/* The server alone has ended, and not a byte of its own was read. Its bytes that the client has not taken are its rest.
 * A client that has reset, was told to end, or takes nothing any more has no use for another server. */
static bool is_early(const struct conn *c)
{
	const struct relay_dir *in = &c->dir[0], *out = &c->dir[1];
	bool client_stays = c->first_end == CLOSE_NONE || c->first_end == CLOSE_CLIENT_FIN;

	return client_stays && c->kill == CLOSE_NONE && !in->reset && !out->discard && out->bytes == 0 &&
	       !out->spliced && out->rest == NULL;
}

/* There is nothing to send again: the client has ended without a byte, or the server closes what is idle. */
static bool has_asked_nothing(const struct conn *c, bool reset)
{
	if (c->extra->replay->over || chunk_held(c->extra->preread->rest) > 0)
		return false;
	return c->dir[0].eof || (!reset && connected_for(c) > TIDIES_AFTER);
}

/* Beside those tried, c->server among them. One that is only full may be waited for. */
static bool has_other_server(const struct conn *c, struct replay *r)
{
	struct upstream *u = conn_target(c)->upstream;
	struct pick_args args = {
		.hash = conn_hash(c),
		.random = shard_random(c->shard),
		.now = np_nanotime(),
		.tried = r->tried,
		.ntried = r->ntried + 1,
	};
	int err;

	r->tried[r->ntried] = c->server;
	err = upstream_has_other(u, &args);
	return err == 0 || (err == -NP_EAGAIN && u->queue_max > 0);
}

/* An attempt that ends so has taken the time of its connect, which is out of `left` already, and that in which the
 * client has waited since its last byte: a client that was silent for long has waited for nothing. */
static int64_t time_left(const struct conn *c)
{
	return c->extra->replay->left - (np_nanotime() - c->dir[0].active);
}

static bool may_replay(const struct conn *c, struct replay *r)
{
	r->left = time_left(c);
	return r->ntried < conn_target(c)->upstream->retries && r->left > 0 && has_other_server(c, r);
}

/* The coroutine of a connection that has left its relay. It was killed before this runs, or else the stage that it
 * parks in is told. */
static void replay_main(void *arg)
{
	struct conn *c = OBJ_CAST(arg, conn, CONN_MAGIC);
	enum close_reason why = (enum close_reason)c->kill;

	DCHECK(c->phase == CONN_CONNECTING, "the relay was left before");
	if (why == CLOSE_NONE)
		why = connect_run(c);
	count_replay(c, why == CLOSE_NONE ? REPLAY_SENT : REPLAY_FAILED);
	if (why != CLOSE_NONE) {
		conn_end(c, why);
		return;
	}
	relay_start(c);
	if (c->listener->lifetime_spread != 0)
		relay_draw_lifetime(c);
}

bool replay_takes(struct conn *c, bool reset)
{
	struct replay *r = c->extra->replay;
	enum replay_result result = REPLAY_LIMITED;

	DCHECK_RELAY(c);
	if (!is_early(c) || has_asked_nothing(c, reset)) {
		replay_forget(c);
		return false;
	}
	if (r->over) {
		result = REPLAY_TOO_LONG;
	} else if (may_replay(c, r)) {
		result = REPLAY_FAILED; /* no stack for it */
		r->reset = reset;
		if (np_go("replay", replay_main, c) == 0)
			return true;
	}
	count_replay(c, result);
	replay_forget(c);
	return false;
}

/* ---- the end of a relay ---- */

/* As an end that is passed on: it is a fault unless the client had ended first. Who was the server's trial is it no
 * longer. */
static void tell_early_end(struct conn *c)
{
	bool reset = c->extra->replay->reset;
	const struct access_try one = {
		.took = connected_for(c),
		.err = c->err,
		.result = reset ? "early_reset" : "early_end",
	};

	/* The client does not notice, so the operator is told: as of a connect that did not work. */
	STAT_ADD(conn_server_stats(c), replayed, 1);
	server_note_failure(c->server, &(struct server_failure){
		.why = reset ? CLOSE_SERVER_RST : CLOSE_SERVER_FIN, .err = -c->err, .at = np_nanotime()});
	if (!c->dir[0].eof)
		judge_early_end(c, reset);
	if (c->trial)
		judge_report(c, REPORT_NOTHING);
	if (unlikely(c->traced))
		trace_mark(c, TRACE_FAILED, c->server, c->err, reset ? CLOSE_SERVER_RST : CLOSE_SERVER_FIN);
	conn_note_try(c, c->server, &one);
}

/* Its bytes are its own: the listener and the next server count them once more as theirs, when they are sent. A reset,
 * so that it does not take what it has of them for the whole. */
static void give_up_server(struct conn *c)
{
	STAT_ADD(conn_server_stats(c), bytes_in, c->dir[0].bytes);
	stream_close_reset(&c->upstream);
	server_release(c->server);
	c->server = NULL;
	c->connected = SINCE_NEVER;
}

/* As it was before its first relay: nothing of either direction is left but what the client said at its end, and how
 * many bytes were taken, for the log if there is no other server. */
static void rewind_client(struct conn *c)
{
	bool muted = c->dir[0].muted;

	c->phase = CONN_CONNECTING;
	c->setup = SETUP_CONNECT;
	c->judged = false;
	c->dir[0] = (struct relay_dir){.bytes = c->dir[0].bytes, .unclean = c->dir[0].unclean};
	c->dir[1] = (struct relay_dir){.bytes = 0};
	np_fd_set_read_deadline(&c->client.fd, 0); /* the dial watches the client: it must not find the relay's */
	if (muted && np_fd_mute(&c->client.fd, false) != 0)
		c->kill = CLOSE_OVERLOAD; /* its bytes would wake nobody any more */
}

void replay_leave(struct conn *c)
{
	struct replay *r = c->extra->replay;

	DCHECK_RELAY(c);
	DCHECK(!r->over && c->first_byte == SINCE_NEVER && !c->tallied, "a server that answered is not replaced");
	r->tried[r->ntried++] = c->server;
	r->times++;
	tell_early_end(c);
	give_up_server(c);
	rewind_client(c);
}
