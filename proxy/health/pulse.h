/* pulse: was this thread late? Between two beats of a clock that the loop has to answer, there is the longest time in
 * which it may not have turned: because the thread was stopped, had no processor, or the clock jumped. What a check did
 * not hear in such a time was perhaps there to be heard, so it proves nothing (E23).
 *
 * A beat costs a turn of the loop, so there is one only while a check is under way. */
#ifndef PROXY_HEALTH_PULSE_H
#define PROXY_HEALTH_PULSE_H

#include "netpoll/netpoll.h"

#define PULSE_EVERY (20 * NP_MS) /* what shows without any lateness */

/* Zero-initialise, then list_init(&users). The health thread's. */
struct pulse {
	struct np_timer timer;
	struct list users; /* of struct pulse_user; empty: there is no beat */
	int64_t beat;      /* the last one */
};

/* A check under way. */
struct pulse_user {
	struct list link;
	int64_t longest; /* ns between two beats since it began */
};

void pulse_use(struct pulse *p, struct pulse_user *u);
/* pulse_leave: u has ended.   Returns  the longest time between two beats meanwhile, the last of them now. */
int64_t pulse_leave(struct pulse *p, struct pulse_user *u);

#endif
