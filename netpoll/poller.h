/* poller: what a platform file owes (netpoll_epoll.c, netpoll_fake.c), and the platform-independent
 * part above it. Port of the contract comment of src/runtime/netpoll.go:14-37, as prototypes, so
 * that the linker checks it. One poller per worker; all but netpoll_break are called by the owner
 * alone. */
#ifndef NETPOLL_POLLER_H
#define NETPOLL_POLLER_H

#include "netpoll/polldesc.h"

struct poller {
	int fd, break_fd;   /* const after init */
	/* atomic: 1 while a break is on its way and no blocking poll has taken it */
	uint32_t wake_sig;
	void *impl;         /* the platform's own */
};

/* One worker's view of its descriptors: slots, their deadlines, the platform. */
struct netpoll {
	/* the clock as the worker's loop read it last; here, so that a deadline costs no call */
	int64_t now;
	struct pollcache cache;
	struct wheel wheel;
	struct poller poller;
};

/* ---- owed by the platform -------------------------------------------------------------------- */

must_use int netpoll_init(struct poller *p); /* once per worker */
void netpoll_fini(struct poller *p);
/* Arm edge-triggered notifications both ways, tagged with polldesc_tag. Readiness that is already
 * there is reported. */
must_use int netpoll_open(struct poller *p, struct polldesc *pd);
/* The descriptor is about to be closed: nothing for this fdseq is delivered after it (the tag sees
 * to what is on its way already). */
void netpoll_close(struct poller *p, struct polldesc *pd);
/* pd->muted has changed: leave arriving bytes out of the events, or report them again, those that are
 * there at once. The end of the stream and failures are reported either way.
 *   Returns  0, or the error: the events are as before. */
must_use int netpoll_mute(struct poller *p, struct polldesc *pd);
/* Poll the network: ns < 0 blocks, 0 does not, > 0 blocks for up to that long. Hands every event
 * whose tag is current to netpoll_ready, drops the others. May return early; then the caller
 * computes the delay anew. */
void netpoll_poll(struct netpoll *np, int64_t ns);
/* Wake a blocked netpoll_poll, or the next one. Any thread; many calls make one wake. */
void netpoll_break(struct poller *p);
bool netpoll_is_poll_descriptor(const struct poller *p, int fd);

/* ---- the platform-independent part: netpoll.c ------------------------------------------------ */

must_use int netpoll_start(struct netpoll *np, int64_t now);
void netpoll_stop(struct netpoll *np);

/* What an event says. The first two are Go's 'r', 'w' and 'r'+'w'. */
enum {
	NETPOLL_READ = 1,
	NETPOLL_WRITE = 2,
	/* the peer will send no more, failed, or sent urgent data: one more read is due */
	NETPOLL_HUP = 4,
	NETPOLL_FAILED = 8,   /* HUP or ERR: nothing can be sent any more either */
	NETPOLL_ERR_ONLY = 16, /* nothing but ERR: the platform could not poll it */
	/* ERR: a reset. HUP alone is also a Unix peer that closed in good order */
	NETPOLL_ERROR = 32
};

/* The platform reports an event on pd. */
void netpoll_ready(struct polldesc *pd, unsigned what);

must_use int poll_open(struct netpoll *np, int fd, struct polldesc **out);
must_use int poll_register(struct netpoll *np, struct polldesc *pd);
void poll_close(struct netpoll *np, struct polldesc *pd);
/* As poll_open left it; the poller knows it no longer. Nobody is parked on it (CHECK). From now on its socket may have
 * other descriptors. */
void poll_deregister(struct netpoll *np, struct polldesc *pd);
/* 0, -NP_ECLOSING, -NP_EDEADLINE or -NP_ENOTPOLL. reset also forgets readiness of before: each
 * operation begins so. */
must_use int poll_check_err(const struct polldesc *pd, enum np_mode mode);
must_use int poll_reset(struct polldesc *pd, enum np_mode mode);
must_use int poll_wait(struct netpoll *np, struct polldesc *pd, enum np_mode mode); /* Parks. */
/* poll_wait for `mode` of pd that also ends, with -NP_ECANCELED, when `watch` fails or is
 * closed. watch may be NULL; the caller holds a reference to its descriptor, or its slot could
 * be another's by the time we look. Parks. */
must_use int poll_wait_watching(struct netpoll *np, struct polldesc *pd, enum np_mode mode, struct polldesc *watch);
void poll_set_deadline(struct netpoll *np, struct polldesc *pd, int64_t when, unsigned ways);
void poll_unblock(struct netpoll *np, struct polldesc *pd); /* close begins: evict both waiters */

/* A task stands at one side until poll_unstand. Says whether that side became ready since the last
 * call. */
bool poll_stand(struct polldesc *pd, enum np_mode mode, struct np_g *g);
static inline bool poll_stands(const struct polldesc *pd, enum np_mode mode, const struct np_g *g)
{
	return (mode == NP_READ ? pd->rg : pd->wg) == (uintptr_t)g;
}

void poll_unstand(struct polldesc *pd, const struct np_g *g);

#endif
