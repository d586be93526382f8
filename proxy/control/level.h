/* level: another level of the process log for a while, by an operator's word. It always has an end: an operator who
 * forgets it must not find a disk full of debug lines, or a log without warnings. A reload changes the level that comes
 * back then, and not the one in force. It does not outlive the process.
 *
 *   LEVEL_HOLD -> log_hold_level ... the end of its time, LEVEL_LET_GO, the end of the process -> log_let_go_level
 *
 * Control thread. */
#ifndef PROXY_CONTROL_LEVEL_H
#define PROXY_CONTROL_LEVEL_H

#include "netpoll/netpoll.h"
#include "proxy/log/log.h"

struct process;

#define LEVEL_LONGEST (7 * 24 * 3600 * NP_S)

enum level_want {
	LEVEL_TELL,   /* change nothing */
	LEVEL_HOLD,   /* another one for a while; a second one takes the place of the first, with its end */
	LEVEL_LET_GO, /* as configured; nothing happens where it is */
};

/* What is asked for, and what holds then. */
struct level_order {
	enum level_want want;
	enum log_level level; /* of HOLD */
	int64_t lasts;        /* of HOLD, ns; decides */
	int64_t ends;         /* of HOLD: the same by the wall clock, ns; is shown */
	/* out: */
	enum log_level now, set; /* in force; of the configuration */
	int64_t until;           /* wall clock, ns; 0: the configuration's is in force */
};

struct level_hold {
	struct np_timer timer; /* its end */
	int64_t until;         /* wall clock, ns; 0: there is none */
};

/* level_obey: do what o wants, and fill in the rest of it. */
void level_obey(struct process *p, struct level_order *o);
/* level_end: the configuration's level counts again, and no timer is left. */
void level_end(struct process *p);

#endif
