/* One connection that goes to another process: stopped, written down, and started again or forgotten.
 *
 * Who may do what with its sockets: until freeze the relay; between freeze and thaw or forget nobody; after forget the
 * other process. So no byte is read twice, no record is sealed twice with one nonce, and an end that was passed on is
 * passed on once. Neither function here calls shutdown or sets SO_LINGER: the open file description is shared with the
 * other process, so that the close of the descriptor here says nothing to the peer. */
#include "proxy/conn/hand_over.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_aside.h"
#include "proxy/conn/conn_extra.h"
#include "proxy/conn/conn_judge.h"
#include "proxy/conn/relay.h"
#include "proxy/conn/tally.h"
#include "proxy/conn/walk.h"

/* ---- when ---- */

/* A plain side always moves; of a TLS side its records decide. */
static enum hand_over_when when_tls(const struct stream *s)
{
	static const enum hand_over_when by_end[] = {
		[TLS_MOVES] = HAND_OVER_NOW, [TLS_MOVES_SOON] = HAND_OVER_LATER, [TLS_STAYS] = HAND_OVER_NEVER};

	return stream_is_plain(s) ? HAND_OVER_NOW : by_end[tls_movable(s->tls)];
}

/* One that was told to end does so here. What begins has its deadlines, after which it relays or is gone. */
enum hand_over_when hand_over_when(const struct conn *c)
{
	enum hand_over_when client, upstream;

	DCHECK_CONN(c);
	if (conn_stands_aside(c))
		return HAND_OVER_NOW;
	if (c->phase != CONN_RELAYING || c->kill != CLOSE_NONE)
		return HAND_OVER_LATER;
	client = when_tls(&c->client);
	upstream = when_tls(&c->upstream);
	return client > upstream ? client : upstream;
}

/* ---- stop and start ---- */

/* What a pipe holds becomes the rest: two descriptors less to pass, and bytes that wait are seldom many. A pipe that
 * cannot be read has lost them, and then both sides must know: the connection ends by resets. */
static int take_out_of_pipes(struct conn *c)
{
	for (unsigned i = 0; i < 2; i++) {
		int err = relay_splice_unload(&c->dir[i]);

		if (err == 0)
			continue;
		if (err != -NP_ENOMEM)
			conn_kill(c, CLOSE_OVERLOAD);
		return err;
	}
	return 0;
}

int hand_over_freeze(struct conn *c)
{
	int err;

	DCHECK_CONN(c);
	CHECK(hand_over_when(c) == HAND_OVER_NOW, "only a relay that can move is stopped");
	if (conn_stands_aside(c))
		return 0;
	err = take_out_of_pipes(c);
	if (err != 0)
		return err;
	relay_stop(c);
	np_fd_deregister(&c->client.fd);
	np_fd_deregister(&c->upstream.fd);
	c->phase = CONN_FROZEN;
	return 0;
}

void hand_over_thaw(struct conn *c)
{
	DCHECK_CONN(c);
	CHECK(c->phase == CONN_FROZEN, "only what was stopped goes on");
	if (conn_stands_aside(c))
		conn_go_on(c);
	else
		relay_resume(c);
}

/* ---- writing ---- */

/* Of fixed size, so that its length says whether the other process means the same by it. */
static void put_inet(struct handover_writer *w, enum handover_tag tag, const union np_inet *a)
{
	handover_put(w, tag, a, sizeof(*a));
}

/* What the first turn finds out by itself is left out: whether there is something to read, and whether there is
 * room. */
static void put_dir(struct handover_writer *w, const struct relay_dir *d)
{
	uint32_t at = handover_group(w, HANDOVER_TAG_CONN_DIR);

	handover_put_number(w, HANDOVER_TAG_DIR_BYTES, d->bytes);
	handover_put_number(w, HANDOVER_TAG_DIR_ACTIVE, (uint64_t)d->active);
	handover_put_number(w, HANDOVER_TAG_DIR_FLAGS,
			    (d->eof ? HANDOVER_DIR_EOF : 0u) | (d->reset ? HANDOVER_DIR_RESET : 0u) |
				    (d->discard ? HANDOVER_DIR_DISCARD : 0u) | (d->done ? HANDOVER_DIR_DONE : 0u) |
				    (d->unclean ? HANDOVER_DIR_UNCLEAN : 0u) |
				    (d->unspliceable ? HANDOVER_DIR_UNSPLICEABLE : 0u) |
				    (d->cut ? HANDOVER_DIR_CUT : 0u));
	if (d->undelivered != 0)
		handover_put_number(w, HANDOVER_TAG_DIR_UNDELIVERED, d->undelivered);
	if (chunk_held(d->rest) > 0)
		handover_put(w, HANDOVER_TAG_DIR_REST, d->rest->bytes + d->rest->from, chunk_held(d->rest));
	handover_group_end(w, at);
}

/* What only some connections have. */
static void put_extra(struct handover_writer *w, const struct conn_extra *x)
{
	if (x->client.sa.sa_family != AF_UNSPEC)
		put_inet(w, HANDOVER_TAG_CONN_CLIENT, &x->client);
	handover_put_text(w, HANDOVER_TAG_CONN_SNI, x->sni);
	handover_put_text(w, HANDOVER_TAG_CONN_DETAIL, x->detail);
	if (x->queued != 0)
		handover_put_number(w, HANDOVER_TAG_CONN_QUEUED, (uint64_t)x->queued);
	if (x->update != NULL) {
		handover_put_number(w, HANDOVER_TAG_CONN_UPDATE_AT, (uint64_t)x->update->at);
		handover_put_number(w, HANDOVER_TAG_CONN_UPDATE_IN, x->update->bytes[0]);
		handover_put_number(w, HANDOVER_TAG_CONN_UPDATE_OUT, x->update->bytes[1]);
	}
}

/* All bytes: where its facts stand in them is found anew. */
static void put_read(struct handover_writer *w, const struct preread *o)
{
	handover_put(w, HANDOVER_TAG_CONN_CERT, o->cert, o->ncert);
	if (o->rest == NULL)
		return;
	handover_put(w, HANDOVER_TAG_CONN_READ, o->rest->bytes, o->rest->to);
	handover_put_number(w, HANDOVER_TAG_CONN_READ_FROM, o->rest->from);
	handover_put_number(w, HANDOVER_TAG_CONN_READ_FLAGS,
			    (o->src.len > 0 || o->ntlvs > 0 ? HANDOVER_READ_HEADER : 0u) |
				    (o->tls ? HANDOVER_READ_HELLO : 0u));
}

/* Of who has no server. */
static void put_wait(struct handover_writer *w, const struct conn *c)
{
	const struct conn_extra *x = c->extra;
	bool held = c->setup == SETUP_HELD;

	handover_put_number(w, HANDOVER_TAG_CONN_WAITS, held ? HANDOVER_WAITS_PLACE : HANDOVER_WAITS_QUEUE);
	if (x == NULL)
		return;
	handover_put_number(w, HANDOVER_TAG_CONN_WAITS_SINCE, (uint64_t)x->waits_since);
	handover_put_number(w, HANDOVER_TAG_CONN_WAITS_UNTIL, (uint64_t)x->waits_until);
	if (x->preread != NULL)
		put_read(w, x->preread);
}

/* By name: the other process has objects of its own for them. */
static void put_places(struct handover_writer *w, const struct conn *c)
{
	handover_put_text(w, HANDOVER_TAG_CONN_LISTENER, c->listener->name);
	if (c->server == NULL && c->setup == SETUP_HELD)
		return;
	handover_put_text(w, HANDOVER_TAG_CONN_UPSTREAM, conn_target(c)->upstream->name);
	if (c->server != NULL)
		handover_put_text(w, HANDOVER_TAG_CONN_SERVER, c->server->text);
	handover_put_number(w, HANDOVER_TAG_CONN_RULE, c->rule);
}

/* Both processes have the same CLOCK_MONOTONIC, so times go as they are. A time that never was has no field. */
static void put_times(struct handover_writer *w, const struct conn *c)
{
	handover_put_number(w, HANDOVER_TAG_CONN_ACCEPTED, (uint64_t)c->accepted);
	if (c->connected != SINCE_NEVER)
		handover_put_number(w, HANDOVER_TAG_CONN_CONNECTED, (uint64_t)since_ns(c->connected));
	if (c->first_byte != SINCE_NEVER)
		handover_put_number(w, HANDOVER_TAG_CONN_FIRST_BYTE, (uint64_t)since_ns(c->first_byte));
	if (c->hard_deadline != INT64_MAX)
		handover_put_number(w, HANDOVER_TAG_CONN_HARD_DEADLINE, (uint64_t)c->hard_deadline);
}

/* Of who has a server. */
static void put_relay(struct handover_writer *w, const struct conn *c)
{
	handover_put_text(w, HANDOVER_TAG_CONN_FIRST_END, close_word((enum close_reason)c->first_end));
	handover_put_number(w, HANDOVER_TAG_CONN_FLAGS,
			    (c->nodelay_due ? HANDOVER_CONN_NODELAY_DUE : 0u) |
				    (c->keepalive_due ? HANDOVER_CONN_KEEPALIVE_DUE : 0u) |
				    (c->judged ? HANDOVER_CONN_JUDGED : 0u));
	put_dir(w, &c->dir[0]);
	put_dir(w, &c->dir[1]);
}

static unsigned fds_of(const struct conn *c)
{
	return c->server != NULL ? HAND_OVER_FDS : 1;
}

/* In the order in which the other process looks at them; but any order is read. */
static void put_conn(struct handover_writer *w, const struct conn *c)
{
	struct ulid id = conn_id(c);

	handover_put_number(w, HANDOVER_TAG_CONN_FDS, fds_of(c));
	handover_put(w, HANDOVER_TAG_CONN_ID, &id, sizeof(id));
	put_places(w, c);
	put_inet(w, HANDOVER_TAG_CONN_PEER, &c->peer);
	put_times(w, c);
	handover_put_number(w, HANDOVER_TAG_CONN_RETRIES, c->retries);
	handover_put_number(w, HANDOVER_TAG_CONN_ERR, (uint64_t)c->err);
	if (c->extra != NULL)
		put_extra(w, c->extra);
	if (c->server != NULL)
		put_relay(w, c);
	else
		put_wait(w, c);
	if (!stream_is_plain(&c->client))
		tls_export(c->client.tls, w, 0);
	if (!stream_is_plain(&c->upstream))
		tls_export(c->upstream.tls, w, 1);
}

int hand_over_write(const struct conn *c, struct handover_writer *w, int sysfds[HAND_OVER_FDS])
{
	uint32_t before = w->n, at;

	DCHECK_CONN(c);
	CHECK(c->phase == CONN_FROZEN, "what goes on is written down never");
	at = handover_group(w, HANDOVER_TAG_CONN);
	put_conn(w, c);
	handover_group_end(w, at);
	if (w->cut) {
		explicit_bzero(w->p + before, w->n - before); /* keys may stand there */
		w->n = before;
		w->cut = false;
		return -EMSGSIZE;
	}
	sysfds[0] = c->client.fd.sysfd;
	if (c->server != NULL)
		sysfds[1] = c->upstream.fd.sysfd;
	return (int)fds_of(c);
}

/* ---- forgetting ---- */

/* It may have been TLS's plaintext. */
static void wipe_rest(struct relay_dir *d)
{
	if (chunk_held(d->rest) > 0)
		explicit_bzero(d->rest->bytes, d->rest->to);
	relay_rest_drop(d);
}

/* Who waits for a place has none. */
static bool has_places(const struct conn *c)
{
	return c->server != NULL || c->setup != SETUP_HELD;
}

/* Both processes count it among the other's. */
static void pass_places(const struct conn *c)
{
	struct limit *listeners = &c->listener->counts->limit, *all = c->shard->limit;

	if (!limit_pass(listeners))
		limit_give(listeners);
	if (!limit_pass(all))
		limit_give(all);
}

/* As conn_end, but nothing is counted, logged or said to a peer. */
static void release(struct conn *c)
{
	struct shard *s = c->shard;
	struct snapshot *snap = c->listener->snap;

	DCHECK_CONN(c);
	CHECK(c->phase == CONN_FROZEN, "what goes on is not forgotten");
	c->client.tls = tls_forget(c->client.tls);
	c->upstream.tls = tls_forget(c->upstream.tls);
	wipe_rest(&c->dir[0]);
	wipe_rest(&c->dir[1]);
	np_fd_close(&c->client.fd);
	np_fd_close(&c->upstream.fd);
	if (c->server != NULL)
		server_pass(c->server);
	if (has_places(c))
		pass_places(c);
	walk_leave(s, &c->link);
	list_remove(&c->link);
	__atomic_sub_fetch(&s->nconns, 1, __ATOMIC_RELEASE);
	conn_extra_free(c);
	c->magic = 0;
	free(c);
	snapshot_drop(snap, s->id); /* last: the listener is the snapshot's */
}

void hand_over_forget(struct conn *c)
{
	DCHECK_CONN(c);
	if (c->trial)
		judge_report(c, REPORT_NOTHING);
	c->dir[0].kept = false; /* its bytes are this server's: the other process replays nothing */
	if (c->server != NULL)
		tally_pass(c);
	release(c);
}

void hand_over_drop(struct conn *c)
{
	release(c);
}
