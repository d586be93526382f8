/* upgrade_move: old's part: freeze, send, hear, settle. */
#include "proxy/control/upgrade_move.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/conn/conn_aside.h"
#include "proxy/conn/hand_over.h"
#include "proxy/conn/walk.h"
#include "proxy/control/capacity.h"
#include "proxy/control/control.h"

#define ACK_TIME   (10 * NP_S)
#define LOOKS_MOST 4096 /* of connections, in one turn of a worker's loop */
#define WINDOW_SHARE 4  /* one in so many of this process's descriptors is under way at most */
#define FIRST_BATCH  32 /* connections; then as many as PAUSE allows, and UPGRADE_BATCH */
#define PAUSE        (15 * NP_MS) /* from freeze to settle, towards which the next batch is sized */

/* What one message carries, of one worker. On the heap. */
struct move_batch {
	struct handover_writer w;
	struct walk walk;
	int64_t since;
	bool begun, over; /* the walk; it has met all */
	bool waiting; /* only those who stand aside are looked at */
	unsigned n, nfds;
	struct conn *conns[UPGRADE_BATCH];
	bool stays[UPGRADE_BATCH]; /* new does not take it, or it was told to end meanwhile */
	unsigned most, bound; /* connections of the next message, and of any */
	int sysfds[UPGRADE_BATCH * HAND_OVER_FDS];
};

/* ---- on the worker ---- */

/* Who was asked about once is not asked again: what cannot move stays. */
static bool may_move(const struct move_batch *b, const struct conn *c)
{
	if (b->waiting || conn_stands_aside(c))
		return b->waiting && conn_stands_aside(c);
	return b->since == 0 || c->accepted + since_ns(c->connected) > b->since;
}

/* Returns  false: the message is full, and c runs again. */
static bool freeze_one(struct move_batch *b, struct conn *c)
{
	int nfds;

	if (hand_over_freeze(c) != 0)
		return true; /* it goes on here */
	nfds = hand_over_write(c, &b->w, &b->sysfds[b->nfds]);
	if (nfds < 0) {
		if (b->n == 0 || !b->waiting)
			hand_over_thaw(c);
		return b->n == 0; /* one that is too large for any message stays */
	}
	b->nfds += (unsigned)nfds;
	b->stays[b->n] = false;
	b->conns[b->n++] = c;
	return true;
}

static void freeze_some(struct shard *s, void *arg)
{
	struct move_batch *b = arg;

	if (!b->begun)
		walk_begin(&b->walk, s);
	b->begun = true;
	for (unsigned looks = 0; b->n < b->most && looks < LOOKS_MOST; looks++) {
		struct list *before = b->walk.at;
		struct conn *c = walk_next(&b->walk);

		b->over = c == NULL;
		if (b->over)
			return;
		if (may_move(b, c) && hand_over_when(c) == HAND_OVER_NOW && !freeze_one(b, c)) {
			b->walk.at = before; /* it is the first of the next message */
			return;
		}
	}
}

/* An order to end that came while it was frozen is obeyed here. */
static void keep_killed(struct shard *s, void *arg)
{
	struct move_batch *b = arg;

	(void)s;
	for (unsigned i = 0; i < b->n; i++)
		b->stays[i] |= b->conns[i]->kill != CLOSE_NONE;
}

static void settle_some(struct shard *s, void *arg)
{
	struct move_batch *b = arg;

	(void)s;
	for (unsigned i = 0; i < b->n; i++) {
		if (b->stays[i])
			hand_over_thaw(b->conns[i]);
		else
			hand_over_forget(b->conns[i]);
	}
}

static void end_walk(struct shard *s, void *arg)
{
	struct move_batch *b = arg;

	(void)s;
	walk_end(&b->walk);
}

/* ---- the other process ---- */

/* Indices beyond the batch are ignored: they name nothing.   Returns  whether it is of this batch. */
static bool read_ack(const struct upgrade *u, struct move_batch *b)
{
	struct handover_reader r;
	struct handover_field f;
	bool ours = false;

	handover_read(&r, u->message.body, u->message.n);
	while (handover_next(&r, &f)) {
		uint64_t number = f.tag == HANDOVER_TAG_BATCH || f.tag == HANDOVER_TAG_NOT_TAKEN ?
					  handover_number(&r, &f) : 0;

		if (f.tag == HANDOVER_TAG_BATCH)
			ours = number == u->batches;
		else if (ours && f.tag == HANDOVER_TAG_NOT_TAKEN && number < b->n)
			b->stays[number] = true;
	}
	return ours;
}

/* One that came too late for its batch is passed over. */
static int hear_ack(struct process *p, struct move_batch *b)
{
	int64_t deadline = np_deadline_after(ACK_TIME);
	bool ours = false;
	int err = 0;

	while (!ours && err == 0) {
		err = upgrade_expect(p, HANDOVER_ACK, deadline);
		if (err != 0)
			return err;
		ours = read_ack(&p->upgrade, b);
		upgrade_taken(&p->upgrade);
	}
	return err;
}

static int send_run(struct process *p, const struct move_batch *b)
{
	struct handover_writer w;

	upgrade_body(&p->upgrade.pair, &w);
	for (unsigned i = 0; i < b->n; i++)
		if (b->stays[i])
			handover_put_number(&w, HANDOVER_TAG_NOT_TAKEN, i);
	return upgrade_send(&p->upgrade.pair, HANDOVER_RUN, &w, NULL, 0);
}

/* That new has no RUN does not say that it will never run them: the end of this process would be its RUN. So they run
 * here only if new has ended, is killed (as long as it does not serve alone), or hears that they are not to be. One
 * that hangs has them: whatever becomes of it, they have one owner. */
static void take_back(struct process *p, struct shard *s, struct move_batch *b, int err)
{
	struct upgrade *u = &p->upgrade;
	bool ours = err == -NP_ESHORT || err == -NP_EPIPE || u->stage == UPGRADE_UNDER_WAY;

	if (u->stage == UPGRADE_UNDER_WAY)
		kill(u->pid, SIGKILL);
	memset(b->stays, true, sizeof(b->stays));
	if (!ours && send_run(p, b) != 0)
		memset(b->stays, false, sizeof(b->stays));
	shard_call(s, settle_some, b);
}

/* RUN first: should new have ended, what it does not hear of any more runs here. */
static int hand_batch(struct process *p, struct shard *s, struct move_batch *b)
{
	int err = hear_ack(p, b);

	if (err == 0) {
		shard_call(s, keep_killed, b);
		err = send_run(p, b);
	}
	if (err != 0)
		return err;
	shard_call(s, settle_some, b);
	for (unsigned i = 0; i < b->n; i++)
		p->upgrade.moved += !b->stays[i];
	return 0;
}

/* All of a batch stand still until it is settled, so a batch is as large as this machine, under its load of now, moves
 * within PAUSE. */
static unsigned next_most(const struct move_batch *b, int64_t took)
{
	if (took > PAUSE && b->most > 1)
		return b->most / 2;
	if (took < PAUSE / 2 && b->n == b->most && b->most * 2 <= b->bound)
		return b->most * 2;
	return b->most;
}

static int move_batch(struct process *p, struct shard *s, struct move_batch *b)
{
	struct upgrade_pair *pair = &p->upgrade.pair;
	int64_t frozen = np_nanotime();
	int err;

	b->n = b->nfds = 0;
	upgrade_body(pair, &b->w);
	handover_put_number(&b->w, HANDOVER_TAG_BATCH, ++p->upgrade.batches);
	handover_put_number(&b->w, HANDOVER_TAG_FROZEN, (uint64_t)frozen);
	shard_call(s, freeze_some, b);
	if (b->n == 0)
		return 0;
	err = upgrade_send(pair, HANDOVER_CONNS, &b->w, b->sysfds, b->nfds);
	if (err == 0)
		err = hand_batch(p, s, b);
	if (err != 0)
		take_back(p, s, b, err);
	b->most = next_most(b, np_nanotime() - frozen);
	return err;
}

static int move_shard(struct process *p, struct shard *s, struct move_batch *b)
{
	int err = 0;

	while (!b->over && err == 0)
		err = move_batch(p, s, b);
	shard_call(s, end_walk, b);
	return err;
}

/* The kernel bounds what this user may have under way by this process's limit: a quarter of it leaves room for
 * others. */
static unsigned batch_bound(void)
{
	int64_t n = capacity_descriptors() / WINDOW_SHARE / HAND_OVER_FDS;

	if (n > UPGRADE_BATCH)
		return UPGRADE_BATCH;
	return n > 1 ? (unsigned)n : 1;
}

static int move_all(struct process *p, int64_t since, bool waiting)
{
	unsigned bound = batch_bound(), most = bound < FIRST_BATCH ? bound : FIRST_BATCH;
	int err = 0;

	for (unsigned i = 0; i < p->nshards && err == 0; i++) {
		struct move_batch *b = calloc(1, sizeof(*b));

		if (b == NULL)
			return -NP_ENOMEM;
		b->since = since;
		b->most = most;
		b->bound = bound;
		b->waiting = waiting;
		err = move_shard(p, &p->shards[i], b);
		most = b->most;
		free(b);
	}
	return err;
}

/* ---- those who wait without a server ---- */

/* On the stack of the control thread, which waits. */
struct putting_aside {
	int64_t since;
	unsigned asked, due;
};

static void put_aside(struct shard *s, void *arg)
{
	struct putting_aside *a = arg;

	list_for_each(it, &s->conns) {
		struct conn *c = list_entry(it, struct conn, link);

		a->asked += aside_is_late(c) || aside_ask(c, a->since);
	}
}

static void count_due(struct shard *s, void *arg)
{
	struct putting_aside *a = arg;

	list_for_each(it, &s->conns)
		a->due += aside_is_due(list_entry(it, struct conn, link));
}

/* Who came aside since the look belongs to the next one, if there is one. */
static void wait_on(struct shard *s, void *next)
{
	list_for_each_safe(it, &s->conns) {
		struct conn *c = list_entry(it, struct conn, link);

		if (conn_stands_aside(c) && !(next != NULL && aside_is_late(c)))
			conn_go_on(c);
	}
}

static void set_handing(struct shard *s, void *on)
{
	s->handing = on != NULL;
}

static void on_all(struct process *p, void (*fn)(struct shard *s, void *arg), void *arg)
{
	for (unsigned i = 0; i < p->nshards; i++)
		shard_call(&p->shards[i], fn, arg);
}

/* A coroutine that was told to go does so at its next turn. */
static void put_all_aside(struct process *p, struct putting_aside *a)
{
	on_all(p, put_aside, a);
	while (a->asked > 0) {
		a->due = 0;
		on_all(p, count_due, a);
		if (a->due == 0)
			return;
		np_sleep(NP_MS);
	}
}

/* Who waits steps aside before the first relay goes, which would leave its server with room here; and goes last, when
 * the other process knows who has the servers' places. */
int upgrade_move(struct process *p, int64_t since)
{
	struct putting_aside a = {.since = since};
	int err;

	put_all_aside(p, &a);
	err = move_all(p, since, false);
	if (a.asked == 0)
		return err;
	if (err == 0)
		err = move_all(p, since, true);
	on_all(p, wait_on, p); /* those that were not asked about */
	return err;
}

void upgrade_move_begins(struct process *p)
{
	on_all(p, set_handing, p);
}

void upgrade_move_ends(struct process *p)
{
	on_all(p, set_handing, NULL);
	on_all(p, wait_on, NULL);
}
