/* The platform-independent part of the poller. Port of src/runtime/netpoll.go, Go 1.19: poll_open,
 * poll_close, poll_reset, poll_wait, poll_set_deadline, poll_unblock, netpoll_ready, netpoll_block,
 * netpoll_unblock and poll_check_err keep Go's names and duties. Departures (README.md): the words
 * are plain, one lazily moved timer serves both deadlines, netpoll_block is split into place, park
 * and take. */
#include "netpoll/poller.h"

#define NO_DEADLINE INT64_MAX
#define LAZY_FROM   NP_S /* a deadline nearer than this is compared with the clock itself when it is set */

/* ---- deadlines ------------------------------------------------------------------------------- */

/* The earlier of the two deadlines that are still to come. */
static int64_t next_deadline(const struct polldesc *pd)
{
	int64_t rd = pd->rd > 0 ? pd->rd : NO_DEADLINE;
	int64_t wd = pd->wd > 0 ? pd->wd : NO_DEADLINE;

	return rd < wd ? rd : wd;
}

/* Leaves the word as the table says and makes its G runnable. */
static void netpoll_unblock(uintptr_t *word, bool io_ready)
{
	uintptr_t old = *word;

	if (old == PD_READY)
		return;
	*word = io_ready ? PD_READY : PD_NIL; /* only io: a deadline must not look like data */
	if (old > PD_WAIT)
		np_ready((struct np_g *)old);
}

static struct wheel_node *deadline_node(void *ctx, uint32_t id)
{
	return &pollcache_at(&((struct netpoll *)ctx)->cache, id)->tn;
}

static int64_t deadline_due(void *ctx, uint32_t id)
{
	return next_deadline(pollcache_at(&((struct netpoll *)ctx)->cache, id));
}

/* netpollDeadlineImpl. The wheel asks next_deadline() again before it calls this, so a deadline
 * that was moved since cannot fire: what Go needs rseq and wseq for. */
static void deadline_fire(void *ctx, uint32_t id)
{
	struct netpoll *np = ctx;
	struct polldesc *pd = pollcache_at(&np->cache, id);
	int64_t due = next_deadline(pd);

	if (pd->rd == due) {
		pd->rd = -1;
		netpoll_unblock(&pd->rg, false);
	}
	if (pd->wd == due) {
		pd->wd = -1;
		netpoll_unblock(&pd->wg, false);
	}
	if (next_deadline(pd) != NO_DEADLINE)
		wheel_arm(&np->wheel, id, next_deadline(pd));
}

static const struct wheel_ops deadline_ops = {.node = deadline_node, .due = deadline_due, .fire = deadline_fire};

/* One side's new deadline. Overdue means expired at once and its waiter unblocked. */
static void set_one(int64_t *d, uintptr_t *word, int64_t when, int64_t now)
{
	if (when != 0 && when <= now)
		when = -1;
	*d = when == NO_DEADLINE ? 0 : when;
	if (*d < 0)
		netpoll_unblock(word, false);
}

void poll_set_deadline(struct netpoll *np, struct polldesc *pd, int64_t when, unsigned ways)
{
	int64_t before, after;

	if (pd->closing)
		return;
	/* The hot case: an armed read deadline is merely pushed back. The wheel finds out when it
	 * gets there. Not a near one: it may be over, and then the wheel, which has not yet found
	 * the old one, would find it only at a tick. */
	if (ways == NETPOLL_READ && pd->rd > 0 && when >= pd->rd && when > np->now + LAZY_FROM &&
	    when != NO_DEADLINE) {
		pd->rd = when;
		return;
	}
	int64_t now = when != 0 ? np_nanotime() : 0;

	before = next_deadline(pd);
	if (ways & NETPOLL_READ)
		set_one(&pd->rd, &pd->rg, when, now);
	if (ways & NETPOLL_WRITE)
		set_one(&pd->wd, &pd->wg, when, now);
	after = next_deadline(pd);
	/* earlier than where it may stand; a later one is found by the wheel itself */
	if (after < before)
		wheel_arm(&np->wheel, pd->id, after);
}

/* ---- readiness ------------------------------------------------------------------------------- */

static uintptr_t *word_of(struct polldesc *pd, enum np_mode mode)
{
	return mode == NP_READ ? &pd->rg : &pd->wg;
}

void netpoll_ready(struct polldesc *pd, unsigned what)
{
	OBJ_CHECK(pd, PD_MAGIC);
	pd->everr = (what & NETPOLL_ERR_ONLY) != 0;
	if (unlikely(what & ~(NETPOLL_READ | NETPOLL_WRITE))) {
		pd->hup |= (what & NETPOLL_HUP) != 0;
		pd->failed |= (what & NETPOLL_FAILED) != 0;
		pd->error |= (what & NETPOLL_ERROR) != 0;
	}
	if (what & NETPOLL_READ)
		netpoll_unblock(&pd->rg, true);
	if (what & NETPOLL_WRITE)
		netpoll_unblock(&pd->wg, true);
}

int poll_check_err(const struct polldesc *pd, enum np_mode mode)
{
	if (pd->closing)
		return -NP_ECLOSING;
	if ((mode == NP_READ ? pd->rd : pd->wd) < 0)
		return -NP_EDEADLINE;
	/* Reported to readers only: a write learns it from its own system call. */
	if (mode == NP_READ && pd->everr)
		return -NP_ENOTPOLL;
	return 0;
}

int poll_reset(struct polldesc *pd, enum np_mode mode)
{
	int err = poll_check_err(pd, mode);

	if (err == 0)
		*word_of(pd, mode) = PD_NIL;
	return err;
}

struct placing {
	struct polldesc *pd;
	enum np_mode mode;
};

/* netpollblockcommit: the last look before the G stands there. */
static bool netpoll_block_commit(struct np_g *g, void *arg)
{
	struct placing *p = arg;
	uintptr_t *word = word_of(p->pd, p->mode);

	if (*word != PD_WAIT)
		return false;
	*word = (uintptr_t)g;
	return true;
}

/* First half of netpollblock. Returns true when there is nothing to wait for: it was ready. */
static bool place_waiter(struct polldesc *pd, enum np_mode mode)
{
	uintptr_t *word = word_of(pd, mode);

	if (*word == PD_READY) {
		*word = PD_NIL;
		return true;
	}
	CHECK(*word == PD_NIL, "two Gs wait for the same side of a descriptor");
	*word = PD_WAIT;
	return false;
}

/* Second half of netpollblock: leave the word empty, whether an event, a deadline or a close ended
 * the wait.
 *   Returns  true if it was readiness. */
static bool take_waiter(struct polldesc *pd, enum np_mode mode)
{
	uintptr_t *word = word_of(pd, mode);
	bool ready = *word == PD_READY;

	*word = PD_NIL;
	return ready;
}

static bool netpoll_block(struct polldesc *pd, enum np_mode mode)
{
	struct placing p = {.pd = pd, .mode = mode};

	if (place_waiter(pd, mode))
		return true;
	/* The error bits once more after PD_WAIT: deadline and close set theirs first and then look
	 * at the word. */
	if (poll_check_err(pd, mode) == 0)
		sched_park(netpoll_block_commit, &p);
	return take_waiter(pd, mode);
}

int poll_wait(struct netpoll *np, struct polldesc *pd, enum np_mode mode)
{
	int err = poll_check_err(pd, mode);

	if (err == 0)
		err = poll_register(np, pd);
	while (err == 0 && !netpoll_block(pd, mode)) {
		/* It was not readiness: a deadline fired, or it fired and was reset before we ran.
		 * Look, and perhaps wait on. */
		err = poll_check_err(pd, mode);
	}
	return err;
}

struct placing_two {
	struct placing main, watch;
};

static bool watching_commit(struct np_g *g, void *arg)
{
	struct placing_two *p = arg;

	if (!netpoll_block_commit(g, &p->main))
		return false;
	if (p->watch.pd->rg == PD_NIL)
		p->watch.pd->rg = (uintptr_t)g;
	return true;
}

int poll_wait_watching(struct netpoll *np, struct polldesc *pd, enum np_mode mode, struct polldesc *watch)
{
	struct placing_two p = {.main = {pd, mode}, .watch = {watch, NP_READ}};
	int err;

	if (watch == NULL)
		return poll_wait(np, pd, mode);
	err = poll_check_err(pd, mode);
	if (err == 0)
		err = poll_register(np, pd);
	if (err == 0)
		err = poll_register(np, watch);
	while (err == 0) {
		if (watch->rg == PD_READY)
			/* data may come meanwhile; only a failure ends the wait */
			watch->rg = PD_NIL;
		if (watch->error || watch->closing)
			return -NP_ECANCELED;
		if (place_waiter(pd, mode))
			return 0;
		sched_park(watching_commit, &p);
		poll_unstand(watch, np_current());
		if (take_waiter(pd, mode))
			return 0;
		err = poll_check_err(pd, mode);
	}
	return err;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

bool poll_stand(struct polldesc *pd, enum np_mode mode, struct np_g *g)
{
	uintptr_t *word = word_of(pd, mode);
	bool ready = *word == PD_READY;

	DCHECK(*word <= PD_READY || *word == (uintptr_t)g, "two Gs wait for the same side of a descriptor");
	*word = (uintptr_t)g;
	return ready;
}

void poll_unstand(struct polldesc *pd, const struct np_g *g)
{
	if (pd->rg == (uintptr_t)g)
		pd->rg = PD_NIL;
	if (pd->wg == (uintptr_t)g)
		pd->wg = PD_NIL;
}

/* ---- life ------------------------------------------------------------------------------------ */

int netpoll_start(struct netpoll *np, int64_t now)
{
	np->now = now;
	pollcache_init(&np->cache);
	wheel_init(&np->wheel, now, &deadline_ops, np);
	return netpoll_init(&np->poller);
}

void netpoll_stop(struct netpoll *np)
{
	netpoll_fini(&np->poller);
	pollcache_fini(&np->cache);
}

static void make_fresh(struct polldesc *pd)
{
	pd->rd = pd->wd = 0;
	pd->closing = pd->everr = pd->hup = pd->failed = pd->error = pd->doubt = false;
	pd->registered = pd->muted = false;
}

int poll_open(struct netpoll *np, int fd, struct polldesc **out)
{
	struct polldesc *pd = pollcache_alloc(&np->cache);

	if (pd == NULL)
		return -NP_ENOMEM;
	CHECK(pd->rg == PD_NIL && pd->wg == PD_NIL, "a fresh pollDesc has somebody parked on it");
	pd->fd = fd;
	make_fresh(pd);
	pd->shared = false;
	*out = pd;
	return 0;
}

int poll_register(struct netpoll *np, struct polldesc *pd)
{
	int err;

	if (pd->registered)
		return 0;
	err = netpoll_open(&np->poller, pd);
	pd->registered = err == 0;
	return err;
}

void poll_deregister(struct netpoll *np, struct polldesc *pd)
{
	CHECK(!pd->closing && pd->rg <= PD_READY && pd->wg <= PD_READY, "nobody waits at what is passed on");
	pd->shared = true;
	if (pd->registered)
		netpoll_close(&np->poller, pd);
	wheel_disarm(&np->wheel, pd->id);
	pd->rg = pd->wg = PD_NIL;
	make_fresh(pd);
}

void poll_unblock(struct netpoll *np, struct polldesc *pd)
{
	CHECK(!pd->closing, "unblock on a closing pollDesc");
	pd->closing = true;
	wheel_disarm(&np->wheel, pd->id);
	netpoll_unblock(&pd->rg, false);
	netpoll_unblock(&pd->wg, false);
}

void poll_close(struct netpoll *np, struct polldesc *pd)
{
	CHECK(pd->closing, "close without unblock");
	CHECK(pd->rg <= PD_READY && pd->wg <= PD_READY, "close with a waiter parked");
	if (pd->registered)
		netpoll_close(&np->poller, pd);
	pd->rg = pd->wg = PD_NIL;
	pollcache_free(&np->cache, pd);
}
