/* The epoll platform. Port of src/runtime/netpoll_epoll.go (with the tag of newer Go). Departures:
 * the break descriptor is told by a type bit of the user data and not by its address, EPOLLPRI is
 * in the mask (an urgent mark makes a read short without a further edge), and close does not
 * EPOLL_CTL_DEL a descriptor that was never duplicated: close(2) removes it, one system call less
 * per connection. */
#include "netpoll/poller.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "netpoll/hook.h"

#define EVENTS_PER_WAIT 128

#define EPOLL_MASK (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET)

static int open_break(struct poller *p)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = PD_TAG_BREAK};

	p->break_fd = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->break_fd < 0)
		return err_from_errno();
	if (sys_epoll_ctl(p->fd, EPOLL_CTL_ADD, p->break_fd, &ev) < 0)
		return err_from_errno();
	return 0;
}

int netpoll_init(struct poller *p)
{
	int err;

	*p = (struct poller){.fd = -1, .break_fd = -1};
	p->fd = sys_epoll_create1(EPOLL_CLOEXEC);
	if (p->fd < 0)
		return err_from_errno();
	err = open_break(p);
	if (err == 0) {
		p->impl = calloc(EVENTS_PER_WAIT, sizeof(struct epoll_event));
		err = p->impl != NULL ? 0 : -NP_ENOMEM;
	}
	if (err != 0)
		netpoll_fini(p);
	return err;
}

void netpoll_fini(struct poller *p)
{
	free(p->impl);
	if (p->break_fd >= 0)
		sys_close(p->break_fd);
	if (p->fd >= 0)
		sys_close(p->fd);
	*p = (struct poller){.fd = -1, .break_fd = -1};
}

bool netpoll_is_poll_descriptor(const struct poller *p, int fd)
{
	return fd == p->fd || fd == p->break_fd;
}

static int control(struct poller *p, int op, const struct polldesc *pd)
{
	struct epoll_event ev = {
		.events = pd->muted ? EPOLL_MASK & ~EPOLLIN : EPOLL_MASK,
		.data.u64 = polldesc_tag(pd),
	};

	return sys_epoll_ctl(p->fd, op, pd->fd, &ev) < 0 ? err_from_errno() : 0;
}

int netpoll_open(struct poller *p, struct polldesc *pd)
{
	return control(p, EPOLL_CTL_ADD, pd);
}

int netpoll_mute(struct poller *p, struct polldesc *pd)
{
	return control(p, EPOLL_CTL_MOD, pd);
}

void netpoll_close(struct poller *p, struct polldesc *pd)
{
	/* Errors do not matter: close(2) follows. */
	if (pd->shared)
		sys_epoll_ctl(p->fd, EPOLL_CTL_DEL, pd->fd, NULL);
}

void netpoll_break(struct poller *p)
{
	uint64_t one = 1;
	ssize_t n;

	/* Another poster's wake is on its way and not yet taken: it serves this one too. */
	if (__atomic_exchange_n(&p->wake_sig, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	do {
		n = sys_write(p->break_fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	CHECK(n == (ssize_t)sizeof(one) || errno == EAGAIN, "the break eventfd cannot be written");
}

/* A blocking poll takes the wake. One that does not block leaves it, so that the next blocking one
 * returns at once: the eventfd is level-triggered. */
static void take_break(struct poller *p, bool blocking)
{
	uint64_t count;

	if (!blocking)
		return;
	if (sys_read(p->break_fd, &count, sizeof(count)) < 0)
		CHECK(errno == EAGAIN || errno == EINTR, "the break eventfd cannot be read");
	__atomic_store_n(&p->wake_sig, 0, __ATOMIC_SEQ_CST);
}

/* epoll counts in milliseconds: never 0 for a wait that must wait, and an arbitrary cap far away. */
static int delay_ms(int64_t ns)
{
	if (ns <= 0)
		return ns < 0 ? -1 : 0;
	if (ns < NP_MS)
		return 1;
	if (ns < INT64_C(1000000000000000))
		/* up: a timer must not find that it is early */
		return (int)((ns + NP_MS - 1) / NP_MS);
	return 1000000000;
}

static unsigned what_happened(uint32_t ev)
{
	unsigned what = 0;

	if (likely((ev & ~(EPOLLIN | EPOLLOUT)) == 0))
		return (ev & EPOLLIN ? NETPOLL_READ : 0) | (ev & EPOLLOUT ? NETPOLL_WRITE : 0);
	if (ev & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR))
		what |= NETPOLL_READ;
	if (ev & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		what |= NETPOLL_WRITE;
	if (ev & (EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR))
		what |= NETPOLL_HUP;
	if (ev & (EPOLLHUP | EPOLLERR))
		what |= NETPOLL_FAILED;
	if (ev & EPOLLERR)
		what |= NETPOLL_ERROR;
	if (ev == EPOLLERR)
		what |= NETPOLL_ERR_ONLY;
	return what;
}

void netpoll_poll(struct netpoll *np, int64_t ns)
{
	struct poller *p = &np->poller;
	struct epoll_event *evs = p->impl;
	int ms = delay_ms(ns), n;

	do {
		n = sys_epoll_wait(p->fd, evs, EVENTS_PER_WAIT, ms);
		CHECK(n >= 0 || errno == EINTR, "epoll_wait failed");
		/* Interrupted: go back so that the delay is computed anew, but for a wait without a
		 * delay. */
	} while (n < 0 && ms <= 0);
	for (int i = 0; i < n; i++) {
		uint64_t tag = evs[i].data.u64;
		struct polldesc *pd;

		if (tag & PD_TAG_BREAK) {
			take_break(p, ms != 0);
			continue;
		}
		pd = pollcache_find(&np->cache, tag);
		if (pd != NULL)
			netpoll_ready(pd, what_happened(evs[i].events));
	}
}
