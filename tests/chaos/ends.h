/* ends: the two sides of a stream; between the files of this folder that drive them. */
#ifndef TESTS_CHAOS_ENDS_H
#define TESTS_CHAOS_ENDS_H

#include "tests/chaos/streams.h"

void end_watch(struct streams *s, struct end *e); /* epoll tells of it from here on */
void end_pump(struct streams *s, struct end *e);  /* sends, reads and ends as far as it may now */
void end_fail(struct end *e, int failure);        /* the first failure counts */
void end_over(struct streams *s, struct end *e);  /* its socket is closed */
void end_reset(struct streams *s, struct end *e); /* closes with RST */

#endif
