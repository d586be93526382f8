/* fake: a scripted poller and a clock that moves only when the simulation sleeps. The other side of
 * poller.h for deterministic tests (tests/sim): link netpoll_fake.c instead of netpoll_epoll.c and
 * the order of events is the script's, to the nanosecond. One simulated worker at a time. After
 * src/runtime/netpoll_fake.go, which only refuses. */
#ifndef NETPOLL_FAKE_H
#define NETPOLL_FAKE_H

#include "netpoll/poller.h"

/* Empties the script, sets the clock to `now` and puts it into the hook table. */
void fake_start(int64_t now);
int64_t fake_now(void);
void fake_advance(int64_t ns); /* the clock jumps; what became due happens at the next poll */

/* At `when`, what (NETPOLL_READ | ...) happens on fd, as it is registered at that moment; nothing
 * if it is not. Events of one instant are delivered in the order of these calls, in one poll. */
void fake_event(int64_t when, int fd, unsigned what);
/* The same with a tag caught earlier: an event that was on its way when its descriptor was closed. */
void fake_event_tagged(int64_t when, uint64_t tag, unsigned what);
uint64_t fake_tag(int fd); /* of the registered descriptor; CHECKs that it is registered */

void fake_fail_open(int err);      /* the next netpoll_open answers -err */
unsigned fake_polls(void);         /* calls of netpoll_poll */
unsigned fake_breaks(void);        /* wakes that were really sent */
unsigned fake_opens(void), fake_closes(void);

#endif
