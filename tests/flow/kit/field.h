/* field: one thread that is thousands of servers: it listens at one port of every address of this machine, and knows
 * for each connection to which address it came, and when. So each 127.x.y.z is a server of its own, and a set-up with
 * two thousand of them costs a socket. For the test's own thread, but for what is told otherwise. */
#ifndef TESTS_FLOW_KIT_FIELD_H
#define TESTS_FLOW_KIT_FIELD_H

#include "tests/flow/kit/service.h"

enum { FIELD_MOST = 4096 };

enum field_way {
	FIELD_GREET, /* says "OK\n" at once, and ends after the other side */
	FIELD_ECHO,  /* sends back what it reads; ends after the other side */
	FIELD_MUTE,  /* says nothing, and ends after the other side */
};

struct field; /* opaque */

struct field *field_start(enum field_way way);
int field_port(const struct field *f);
/* The address of the nth server, the first of all is 0.   Good until 64 later calls of textf. */
const char *field_ip(int n);
/* From the nth on, up to but not with `end`, these go this way with connections that come later. */
void field_go(struct field *f, int n, int end, enum field_way way);

/* Connections so far; of the nth; and how many were open at the same time, at most. */
int field_accepted(struct field *f);
int field_accepted_of(struct field *f, int n);
int field_most_open(struct field *f);
/* field_windows: connections in each of n windows of 100 ms, the last of which has just ended. */
void field_windows(struct field *f, int counts[], int n);

/* Closes everything. kit_end does not know it: a test that failed leaves it to the end of the program. */
void field_stop(struct field *f);

#endif
