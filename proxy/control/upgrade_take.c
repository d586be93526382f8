/* upgrade_take: new's part: build what comes, say what cannot be, and run it when old has forgotten it. */
#include "proxy/control/upgrade_move.h"

#include <string.h>

#include "proxy/control/capacity.h"
#include "proxy/control/control.h"
#include "proxy/control/upgrade_state.h"

#define NO_DESCRIPTORS "the new process has no descriptors left for it"

/* On the stack of the control thread, which waits. */
struct taking {
	struct process *p;
	struct upgrade_batch *batch;
	uint64_t number; /* of the batch, as old counts */
	unsigned nfds;   /* of the message's descriptors, those that have an owner, or are closed */
	const char *why[UPGRADE_BATCH]; /* static: it is not taken */
	int sysfd_most; /* descriptors from here on are for what accepts, logs and asks */
};

/* ---- on the worker ---- */

/* Its descriptors are closed where it is not taken. The kernel gives the lowest number that is free. */
static void take_one(struct taking *t, struct shard *s, const struct handover_field *group, unsigned nfds)
{
	const struct hand_over_into into = {.shard = s, .snap = t->p->snap};
	const int *sysfds = &t->p->upgrade.message.sysfds[t->nfds];
	struct hand_over *h = &t->batch->read;
	unsigned i = t->batch->n++;
	bool full = false;

	t->nfds += nfds;
	t->batch->conns[i] = NULL;
	for (unsigned j = 0; j < nfds; j++)
		full |= sysfds[j] >= t->sysfd_most;
	if (full)
		t->why[i] = NO_DESCRIPTORS;
	if (full || !hand_over_read(h, group, &t->why[i])) {
		for (unsigned j = 0; j < nfds; j++)
			np_sock_close(sysfds[j]);
	} else if (hand_over_build(&into, h, sysfds, &t->batch->conns[i], &t->why[i]) != 0) {
		t->batch->conns[i] = NULL;
	}
	explicit_bzero(h, sizeof(*h)); /* keys */
}

/* Which descriptors are its, and those of all behind it, is not known. */
static void refuse_lost(struct taking *t)
{
	unsigned i = t->batch->n++;

	t->batch->conns[i] = NULL;
	t->why[i] = NO_DESCRIPTORS;
}

/* A message with fewer descriptors than its connections have is refused from there on; none is left unnamed. */
static void take_batch(struct shard *s, void *arg)
{
	struct taking *t = arg;
	struct upgrade_message *m = &t->p->upgrade.message;
	struct upgrade_batch *b = t->batch;
	struct handover_reader r;
	struct handover_field f;
	unsigned nfds;
	bool lost = false;

	handover_read(&r, m->body, m->n);
	while (b->n < UPGRADE_BATCH && handover_next(&r, &f)) {
		if (f.tag == HANDOVER_TAG_BATCH)
			t->number = handover_number(&r, &f);
		if (f.tag == HANDOVER_TAG_FROZEN)
			b->frozen = (int64_t)handover_number(&r, &f);
		if (f.tag != HANDOVER_TAG_CONN)
			continue;
		nfds = hand_over_fds(&f);
		lost = lost || nfds == 0 || t->nfds + nfds > m->nsysfds;
		if (lost)
			refuse_lost(t);
		else
			take_one(t, s, &f, nfds);
	}
	for (unsigned i = t->nfds; i < m->nsysfds; i++)
		np_sock_close(m->sysfds[i]);
	m->nsysfds = 0; /* each of them has an owner, or is closed */
}

/* The clock is that of the process before, too; what it says is not trusted further than that. */
static void run_one(struct conn *c, int64_t frozen)
{
	int64_t now = np_nanotime();

	if (frozen > 0 && frozen <= now)
		histogram_add(&conn_listener_stats(c)->upgrade_pause, &histogram_latency, now - frozen);
	hand_over_thaw(c);
}

static void run_batch(struct shard *s, void *arg)
{
	struct upgrade_batch *b = arg;

	(void)s;
	for (unsigned i = 0; i < b->n; i++) {
		if (b->conns[i] == NULL)
			continue;
		if (b->stays[i])
			hand_over_drop(b->conns[i]);
		else
			run_one(b->conns[i], b->frozen);
	}
}

/* ---- on the control thread ---- */

/* All of a batch come to one worker: to the freest, so that batches spread. */
static struct shard *freest_shard(const struct process *p)
{
	struct shard *best = &p->shards[0];

	for (unsigned i = 1; i < p->nshards; i++)
		if (__atomic_load_n(&p->shards[i].nconns, __ATOMIC_RELAXED) <
		    __atomic_load_n(&best->nconns, __ATOMIC_RELAXED))
			best = &p->shards[i];
	return best;
}

/* Each reason once a batch is enough for the log: the many that one missing listener keeps are one fact. */
static void say_ack(struct process *p, const struct taking *t)
{
	struct upgrade *u = &p->upgrade;
	const char *said = NULL;
	struct handover_writer w;

	upgrade_body(&u->pair, &w);
	handover_put_number(&w, HANDOVER_TAG_BATCH, t->number);
	for (unsigned i = 0; i < t->batch->n; i++) {
		if (t->batch->conns[i] != NULL)
			continue;
		handover_put_number(&w, HANDOVER_TAG_NOT_TAKEN, i);
		if (t->why[i] != NULL && t->why[i] != said)
			log_limited(LVL_WARNING, "upgrade_stays", t->why[i], 0,
				    "a connection stays with the process before: %s", t->why[i]);
		said = t->why[i];
	}
	(void)!upgrade_send(&u->pair, HANDOVER_ACK, &w, NULL, 0);
}

static void take_conns(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct taking t = {.p = p, .batch = u->batch, .sysfd_most = (int)capacity_for_conns()};

	upgrade_take_rest(p, false); /* old says RUN before the next ones; if it did not, it has them */
	u->batch->shard = freest_shard(p);
	u->batch->n = 0;
	u->batch->frozen = 0;
	memset(u->batch->stays, 0, sizeof(u->batch->stays));
	shard_call(u->batch->shard, take_batch, &t);
	upgrade_taken(u);
	say_ack(p, &t);
}

void upgrade_take_rest(struct process *p, bool run)
{
	struct upgrade_batch *b = p->upgrade.batch;

	if (b == NULL || b->n == 0)
		return;
	if (!run)
		memset(b->stays, true, sizeof(b->stays));
	shard_call(b->shard, run_batch, b);
	b->n = 0;
}

/* Those that ended in old meanwhile are dropped. */
static void take_run(struct process *p)
{
	struct upgrade *u = &p->upgrade;
	struct handover_reader r;
	struct handover_field f;

	handover_read(&r, u->message.body, u->message.n);
	while (handover_next(&r, &f)) {
		uint64_t i = f.tag == HANDOVER_TAG_NOT_TAKEN ? handover_number(&r, &f) : UPGRADE_BATCH;

		if (i < u->batch->n)
			u->batch->stays[i] = true;
	}
	upgrade_taken(u);
	upgrade_take_rest(p, true);
}

bool upgrade_take(struct process *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->message.kind == HANDOVER_COUNTERS) {
		upgrade_state_take(p, p->snap);
		upgrade_taken(u);
		return true;
	}
	if (u->batch == NULL || (u->message.kind != HANDOVER_CONNS && u->message.kind != HANDOVER_RUN))
		return false;
	if (u->message.kind == HANDOVER_CONNS)
		take_conns(p);
	else
		take_run(p);
	return true;
}
