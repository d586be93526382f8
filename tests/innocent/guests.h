/* guests: clients and servers of every kind that looks like a failure and is none, in one thread over one epoll. Each
 * end does what its act says, by events and one timer of its own; nothing here judges a server. */
#ifndef TESTS_INNOCENT_GUESTS_H
#define TESTS_INNOCENT_GUESTS_H

#include "tests/kit/kit.h"

/* What a client does. */
enum act {
	ACT_HONEST, /* asks, is answered, and goes */
	ACT_GARBAGE,/* says what no server takes */
	ACT_SILENT, /* connects, and goes after a while: a scanner, or a broker's idle client */
	ACT_LINES,  /* says a line now and then, and wants no answer */
	ACT_POLL,   /* asks, and is answered after many seconds */
	ACT_UPLOAD, /* says a little, again and again, for a minute; then it is answered */
	ACT_LEAVE,  /* asks, and goes before the answer can come */
};

/* An upstream of three servers, so many clients a second, of which so many of a thousand do the act and the others are
 * honest. X(name, act, per_mille, rate, idle_ms, resets): idle_ms: its servers close who says nothing for so long; 0:
 * they do not. resets: they reset who says garbage. */
#define GUEST_TBL(X)                                       \
	X("garbage_fin_beside", GARBAGE, 500, 100, 0, false)   \
	X("garbage_fin_alone", GARBAGE, 1000, 50, 0, false)    \
	X("garbage_rst_beside", GARBAGE, 500, 100, 0, true)    \
	X("garbage_rst_alone", GARBAGE, 1000, 50, 0, true)     \
	X("scanners_beside", SILENT, 500, 100, 0, false)       \
	X("scanners_alone", SILENT, 1000, 50, 0, false)        \
	X("streams_beside", LINES, 500, 100, 0, false)         \
	X("streams_alone", LINES, 1000, 50, 0, false)          \
	X("idle_beside", SILENT, 500, 100, 1500, false)        \
	X("idle_alone", SILENT, 1000, 50, 1500, false)         \
	X("polls_few", POLL, 5, 50, 0, false)                  \
	X("polls_half", POLL, 500, 50, 0, false)               \
	X("uploads_beside", UPLOAD, 100, 60, 0, false)         \
	X("uploads_alone", UPLOAD, 1000, 10, 0, false)         \
	X("leavers_beside", LEAVE, 500, 100, 0, false)         \
	X("leavers_alone", LEAVE, 1000, 50, 0, false)

struct guest_kind {
	const char *name;
	enum act    act;
	int         per_mille, rate, idle_ms;
	bool        resets;
};

extern const struct guest_kind guest_kinds[];
extern const int               n_guest_kinds;

struct guests_count {
	long clients, honest, answered; /* begun; of these honest; answered */
	long unanswered;                /* those that wanted an answer and ended without it */
	long late;                      /* of the last: nothing came in time */
};

/* guests_init: the servers of each kind listen from now on.   poll_ms, upload_ms: how long these acts take. */
void guests_init(int poll_ms, int upload_ms);
int  guests_server_port(int kind, int server);
/* guests_come: where the listener of a kind is.   Before the first turn. */
void guests_come(int kind, int port);
/* guests_turn: what is due until now, and events for a moment; new clients come if more is set. */
void guests_turn(bool more);
struct guests_count guests_counted(void);
int  guests_open(void); /* clients that are there */
void guests_end(void);

#endif
