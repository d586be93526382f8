/* The paced closer: the owner's ticks, and a worker's share of them. */
#include "proxy/conn/closer.h"

#include <stdlib.h>

#define TICK       (10 * NP_MS)
#define BURST      (100 * NP_MS) /* what a late tick makes up for, at most */
#define NEXT_WALK  (50 * NP_MS)  /* those that were passed over are looked at again after so long */
#define QUIET      (200 * NP_MS)
#define RECOUNT    (1 * NP_S)
#define JITTER     10 /* percent */
#define COST_LOOK  1
#define COST_END   4 /* two sockets are closed, a record is written */

/* ---- quiet ---- */

/* All that was read has left. */
static bool dir_is_empty(const struct relay_dir *d)
{
	if (d->blocked || d->backlog)
		return false;
	return d->spliced ? np_pipe_held(d->pipe) == 0 : d->rest == NULL;
}

/* By the turns of the loop in which bytes last moved. Both in one turn: the answer was here before the question was
 * passed on, so the question is the later one. */
static bool server_spoke_last(const struct conn *c)
{
	return c->dir[0].bytes == 0 || (c->dir[1].bytes > 0 && c->dir[1].active > c->dir[0].active);
}

bool conn_is_quiet(const struct conn *c, int64_t now)
{
	DCHECK_CONN(c);
	return c->phase == CONN_RELAYING && conn_silence(c, now) >= QUIET && dir_is_empty(&c->dir[0]) &&
	       dir_is_empty(&c->dir[1]) && server_spoke_last(c);
}

/* ---- on a worker ---- */

/* A cursor that is left behind would be moved by ends for ever. */
static void leave_list(struct closer_part *p)
{
	if (p->walking)
		walk_end(&p->walk);
	p->walking = false;
}

/* Is it to be ended, and has it not been told so? */
static bool is_to_end(const struct closer_part *p, const struct conn *c, int64_t now)
{
	const struct closer_order *order = &p->closer->order;
	bool told = c->kill != CLOSE_NONE || (conn_relays(c) && c->first_end == order->why);

	return !told && conn_filter_match(&order->filter, c, now) == CONN_MATCH;
}

static bool is_passed_over(const struct closer_part *p, const struct conn *c, int64_t now)
{
	return !p->forced && !conn_is_quiet(c, now);
}

/* It may live for a while yet, if it ends in good order: it is counted now. */
static void end_one(struct closer_part *p, struct conn *c)
{
	enum close_reason why = p->closer->order.why;

	conn_kill(c, why);
	p->ended++;
	p->budget--;
	if (why == CLOSE_ADMIN)
		STAT_ADD(&p->shard->stats, paced_admin, 1);
	else if (why == CLOSE_SERVER_DOWN)
		STAT_ADD(&p->shard->stats, paced_down, 1);
	else
		STAT_ADD(&p->shard->stats, paced_drain, 1);
	(void)walk_pay(p->shard, COST_END);
}

/* What the walk does at a connection: count it, pass over it, or end it. */
static void meet(struct closer_part *p, struct conn *c, int64_t now)
{
	if (!is_to_end(p, c, now))
		return;
	if (!p->counted) {
		p->passed++;
		return;
	}
	if (is_passed_over(p, c, now)) {
		p->passed++;
		return;
	}
	end_one(p, c);
}

/* Connections stand in the list as they were accepted. */
static void walk_on(struct closer_part *p)
{
	int64_t now = np_now();

	while ((!p->counted || p->budget > 0) && walk_pay(p->shard, COST_LOOK)) {
		struct conn *c = walk_next(&p->walk);

		if (c == NULL || c->accepted > p->mark) {
			p->over = true;
			leave_list(p);
			return;
		}
		meet(p, c, now);
	}
}

static void part_back(struct np_msg *m);

static void part_run(struct np_msg *m)
{
	struct closer_part *p = container_of(m, struct closer_part, msg);

	DCHECK_SHARD(p->shard);
	if (!p->marked)
		p->mark = p->shard->last_accepted;
	p->marked = true;
	if (p->leave || p->restart)
		leave_list(p);
	p->restart = false;
	if (!p->leave) {
		if (!p->walking)
			walk_begin(&p->walk, p->shard);
		p->walking = true;
		walk_on(p);
	}
	m->fn = part_back;
	np_post(p->closer->owner, m);
}

/* ---- the owner: all of this is on its worker, so nothing of it needs a lock ---- */

/* The part is the worker's until it is back. */
static void ask_part(struct closer_part *p)
{
	p->away = true;
	p->ended = 0;
	p->over = false;
	p->msg.fn = part_run;
	np_post(p->shard->worker, &p->msg);
}

/* How long it takes at this rate, and the patience besides; or the first nine tenths of the time. */
static void bound_patience(struct closer *k)
{
	const struct closer_order *order = &k->order;

	if (order->over > 0)
		k->quiet_until = k->began + order->over / 10 * 9;
	else if (order->patience > 0)
		k->quiet_until = k->began + (int64_t)(k->matched / order->rate + 1) * NP_S + order->patience;
	else
		k->quiet_until = 0;
}

/* A walk is over. */
static void part_came_round(struct closer_part *p)
{
	struct closer *k = p->closer;

	if (!p->counted) {
		p->counted = true;
		p->recount = np_nanotime() + RECOUNT;
		p->left = p->passed;
		p->passed = 0;
		if (!p->known)
			k->matched += p->left;
		p->known = true;
		p->done = k->order.count_only || p->left == 0;
		return;
	}
	p->dry = p->passed > 0;
	p->left = p->passed;
	p->done = p->passed == 0;
	p->passed = 0;
	p->resumes = np_nanotime() + NEXT_WALK;
}

/* On the owner's loop. Who has only used up his turn goes on in the next one. */
static void part_back(struct np_msg *m)
{
	struct closer_part *p = container_of(m, struct closer_part, msg);
	struct closer *k = p->closer;

	p->away = false;
	k->ended += p->ended;
	p->left -= p->left < p->ended ? p->left : p->ended;
	if (p->over)
		part_came_round(p);
	else if (!p->leave && !k->cut && (!p->counted || p->budget > 0))
		ask_part(p);
	if (p->away)
		return;
	k->credit += p->budget * k->price;
	p->budget = 0;
}

/* Its next walk begins at the oldest one again, and counts first. */
static void count_anew(struct closer_part *p)
{
	p->counted = p->dry = false;
	p->passed = 0;
	p->restart = true;
	ask_part(p);
}

/* As far as is known: of those that ended by themselves a part hears when it counts. */
static uint64_t left_of_all(const struct closer *k)
{
	uint64_t left = 0;

	for (unsigned i = 0; i < k->nparts; i++)
		left += k->parts[i].done ? 0 : k->parts[i].left;
	return left;
}

/* Connections a second now. */
static double rate_now(const struct closer *k, int64_t now)
{
	int64_t rest = k->began + k->order.over - now;

	if (k->order.over == 0)
		return (double)k->order.rate;
	return (double)left_of_all(k) * NP_S / (double)(rest > TICK ? rest : TICK);
}

/* By the clock, not by ticks: a late one makes up for it, but never by more than a burst. */
static void earn_credit(struct closer *k)
{
	int64_t now = np_nanotime();
	double rate = rate_now(k, now);
	uint64_t most = (uint64_t)(rate * BURST);

	if (most < k->price)
		most = k->price; /* one connection */
	k->credit += (uint64_t)(rate * (double)(now - k->credited < BURST ? now - k->credited : BURST));
	k->credited = now;
	if (k->credit > most)
		k->credit = most;
}

/* Of the next ones. A rate is kept exactly: it is a bound. */
static void draw_price(struct closer *k)
{
	if (k->order.over == 0)
		return;
	k->seed ^= k->seed << 13, k->seed ^= k->seed >> 7, k->seed ^= k->seed << 17;
	k->price = NP_S / 100 * (100 - JITTER + k->seed % (2 * JITTER + 1));
}

/* Where there is a time, those that are never quiet have the last tenth of it, after the quiet ones. */
static bool is_forced(const struct closer *k, const struct closer_part *p, int64_t now)
{
	if (now < k->quiet_until)
		return false;
	return k->order.over == 0 || p->dry || now >= k->began + k->order.over;
}

/* Nothing is given to it in this tick. */
static bool part_waits(const struct closer_part *p, int64_t now)
{
	return p->away || p->done || !p->counted || now < p->resumes;
}

/* What is due, by how many each worker has. Who is first changes with each tick, since a rest that cannot be divided
 * goes to the last one. */
static void share_credit(struct closer *k)
{
	int64_t now = np_nanotime();
	uint64_t due = k->credit / k->price, left = 0, given = 0, before = 0;

	for (unsigned i = 0; i < k->nparts; i++)
		if (!part_waits(&k->parts[i], now))
			left += k->parts[i].left + 1;
	for (unsigned i = 0; i < k->nparts && due > 0; i++) {
		struct closer_part *p = &k->parts[(i + k->turn) % k->nparts];

		if (part_waits(p, now))
			continue;
		before += p->left + 1; /* of a few more it may not be known yet */
		p->budget = due * before / left - given;
		given += p->budget;
		p->forced = is_forced(k, p, now);
		if (p->budget > 0)
			ask_part(p);
	}
	k->credit -= given * k->price;
	k->turn++;
	if (given > 0)
		draw_price(k);
}

static bool any_away(const struct closer *k)
{
	for (unsigned i = 0; i < k->nparts; i++)
		if (k->parts[i].away)
			return true;
	return false;
}

static bool all_done(const struct closer *k)
{
	for (unsigned i = 0; i < k->nparts; i++)
		if (!k->parts[i].done)
			return false;
	return true;
}

/* A worker that is stuck keeps its part: the order then lasts as long as that does. */
static void wait_for_parts(const struct closer *k)
{
	while (any_away(k))
		np_sleep(TICK);
}

struct closer *closer_new(struct shard *shards, unsigned n)
{
	struct closer *k = calloc(1, sizeof(*k) + n * sizeof(k->parts[0]));

	if (k == NULL)
		return NULL;
	k->nparts = n;
	for (unsigned i = 0; i < n; i++)
		k->parts[i] = (struct closer_part){.closer = k, .shard = &shards[i]};
	return k;
}

/* What is left is only a guess after a while, and a time is divided by it. Where none is thought to be left nothing is
 * due any more, so only a count ends it. */
static void count_old_ones(struct closer *k)
{
	int64_t now = np_nanotime();

	for (unsigned i = 0; i < k->nparts; i++) {
		struct closer_part *p = &k->parts[i];

		if (k->order.over > 0 && !part_waits(p, now) && (p->left == 0 || now >= p->recount))
			count_anew(p);
	}
}

/* With a time the first one is due when its share of the time is over, as all others are. */
static void closer_begin(struct closer *k)
{
	DCHECK(k->order.over > 0 || (k->order.rate >= 1 && k->order.rate <= CLOSER_RATE_MOST), "a time or a rate");
	DCHECK(k->order.why != CLOSE_NONE || k->order.count_only, "an end has a reason");
	k->owner = np_self();
	k->began = k->credited = np_nanotime();
	k->seed = (uint64_t)k->began | 1;
	k->price = NP_S;
	k->credit = k->order.over > 0 ? 0 : NP_S;
	for (unsigned i = 0; i < k->nparts; i++)
		ask_part(&k->parts[i]);
}

void closer_run(struct closer *k, bool (*go_on)(struct closer *k, void *arg), void *arg)
{
	closer_begin(k);
	while (!all_done(k) && !k->cut) {
		k->cut = !go_on(k, arg);
		bound_patience(k);
		count_old_ones(k);
		earn_credit(k);
		if (!k->cut)
			share_credit(k);
		if (!k->cut)
			np_sleep(TICK);
	}
	wait_for_parts(k);
	for (unsigned i = 0; i < k->nparts; i++) {
		k->parts[i].leave = true;
		if (k->parts[i].walking)
			ask_part(&k->parts[i]);
	}
	wait_for_parts(k);
}
