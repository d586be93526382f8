/* The scripted platform of the simulations: events come at the times and in the order that a test
 * has written down. */
#include "netpoll/fake.h"

#include <string.h>

#include "netpoll/hook.h"

#define FAKE_FDS    4096
#define FAKE_EVENTS 8192

struct fake_ev {
	int64_t when;
	int fd;       /* -1: use tag */
	uint64_t tag;
	unsigned what;
};

/* A test double: the one simulated world of the process. */
static struct {
	int64_t now;
	struct fake_ev ev[FAKE_EVENTS];
	unsigned n;
	uint64_t tag[FAKE_FDS]; /* + 1; 0 is not registered */
	int fail_open;
	unsigned polls, breaks, opens, closes;
} world;

int64_t fake_now(void)
{
	return world.now;
}

void fake_start(int64_t now)
{
	memset(&world, 0, sizeof(world));
	world.now = now;
#ifdef NP_HOOKS
	hook.nanotime = fake_now;
#endif
}

void fake_advance(int64_t ns)
{
	world.now += ns;
}

static void script(struct fake_ev ev)
{
	unsigned i;

	CHECK(world.n < FAKE_EVENTS, "the simulation's script is full");
	for (i = world.n++; i > 0 && world.ev[i - 1].when > ev.when; i--)
		world.ev[i] = world.ev[i - 1];
	world.ev[i] = ev;
}

void fake_event(int64_t when, int fd, unsigned what)
{
	script((struct fake_ev){.when = when, .fd = fd, .what = what});
}

void fake_event_tagged(int64_t when, uint64_t tag, unsigned what)
{
	script((struct fake_ev){.when = when, .fd = -1, .tag = tag, .what = what});
}

uint64_t fake_tag(int fd)
{
	CHECK(fd >= 0 && fd < FAKE_FDS && world.tag[fd] != 0, "not registered with the simulation");
	return world.tag[fd] - 1;
}

void fake_fail_open(int err)
{
	world.fail_open = err;
}

unsigned fake_polls(void)
{
	return world.polls;
}

unsigned fake_breaks(void)
{
	return world.breaks;
}

unsigned fake_opens(void)
{
	return world.opens;
}

unsigned fake_closes(void)
{
	return world.closes;
}

/* ---- the contract ---------------------------------------------------------------------------- */

int netpoll_init(struct poller *p)
{
	*p = (struct poller){.fd = -1, .break_fd = -1};
	return 0;
}

void netpoll_fini(struct poller *p)
{
	(void)p;
}

bool netpoll_is_poll_descriptor(const struct poller *p, int fd)
{
	return fd == p->fd || fd == p->break_fd;
}

int netpoll_open(struct poller *p, struct polldesc *pd)
{
	int err = world.fail_open;

	(void)p;
	CHECK(pd->fd >= 0 && pd->fd < FAKE_FDS, "the simulation has no such descriptor");
	world.fail_open = 0;
	if (err != 0)
		return -err;
	world.opens++;
	world.tag[pd->fd] = polldesc_tag(pd) + 1;
	return 0;
}

void netpoll_close(struct poller *p, struct polldesc *pd)
{
	(void)p;
	world.closes++;
	world.tag[pd->fd] = 0;
}

/* A script says what the poller reports, so nothing is held back here but what it would not:
 * deliver. */
int netpoll_mute(struct poller *p, struct polldesc *pd)
{
	(void)p;
	CHECK(world.tag[pd->fd] != 0, "only an open descriptor can be muted");
	return 0;
}

void netpoll_break(struct poller *p)
{
	if (__atomic_exchange_n(&p->wake_sig, 1, __ATOMIC_SEQ_CST) == 0)
		world.breaks++;
}

static void deliver(struct netpoll *np, const struct fake_ev *ev)
{
	struct polldesc *pd;
	unsigned what = ev->what;

	if (ev->fd >= 0 && world.tag[ev->fd] == 0)
		return;
	pd = pollcache_find(&np->cache, ev->fd >= 0 ? world.tag[ev->fd] - 1 : ev->tag);
	if (pd == NULL)
		return;
	if (pd->muted && !(what & (NETPOLL_HUP | NETPOLL_FAILED | NETPOLL_ERROR | NETPOLL_ERR_ONLY)))
		what &= ~(unsigned)NETPOLL_READ;
	netpoll_ready(pd, what);
}

/* Sleep: move the clock to the next event or to the end of the delay, whichever is first. */
static void sleep_until_something(struct poller *p, int64_t ns)
{
	int64_t end = ns < 0 ? INT64_MAX : world.now + ns;

	if (__atomic_exchange_n(&p->wake_sig, 0, __ATOMIC_SEQ_CST) != 0)
		return;
	if (world.n > 0 && world.ev[0].when < end)
		end = world.ev[0].when;
	CHECK(end != INT64_MAX, "the simulation sleeps for ever: no timer and nothing in the script");
	if (end > world.now)
		world.now = end;
}

void netpoll_poll(struct netpoll *np, int64_t ns)
{
	unsigned due = 0;

	world.polls++;
	if (ns != 0)
		sleep_until_something(&np->poller, ns);
	while (due < world.n && world.ev[due].when <= world.now)
		due++;
	for (unsigned i = 0; i < due; i++)
		deliver(np, &world.ev[i]);
	world.n -= due;
	memmove(world.ev, world.ev + due, world.n * sizeof(world.ev[0]));
}
