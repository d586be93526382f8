/* agent_answer: what an agent beside a server says of it, in one line: words between spaces, tabs and commas, up to
 * the first CR or LF. Pure: from the first bytes to what they say. Every byte is hostile; none changes more than the
 * fields below, and the line is kept for people alone, escaped.
 *
 *   75%, weight:75%        of the server's weight; more than 100 % is 100 %
 *   maxconn:30             its max_connections; 0 is none
 *   ready, drain, maint    what an operator beside the server wants; ready ends the other two
 *   up; down, fail, failed, stopped    how the service is; up ends the others
 *   #text                  the rest of the line is for people, as in down#disk full
 *
 * A field that no word names is as it was, and of two words for one field the later one counts. Words that are none of
 * these are passed over, but a line that has no other is no answer: another program may stand behind the port.
 * Source: HAProxy's configuration manual, agent-check; the page of upstreams, E28. */
#ifndef PROXY_PROTO_AGENT_ANSWER_H
#define PROXY_PROTO_AGENT_ANSWER_H

#include "netpoll/base.h"

#define AGENT_LINE_MOST 512   /* bytes within which the line must end */
#define AGENT_MOST_MOST 65535 /* max_connections beyond it are this */

enum agent_wish { AGENT_WISH_READY, AGENT_WISH_DRAIN, AGENT_WISH_MAINT };

/* What an agent has said so far. Zero-initialise, then agent_forget. */
struct agent_said {
	int weight;           /* percent, 0 to 100; -1: not said */
	uint32_t most;        /* max_connections; 0: not said */
	enum agent_wish wish;
	bool down;
};

enum agent_answer {
	AGENT_ANSWER_MORE,  /* the line has not ended yet */
	AGENT_ANSWER_GOOD,  /* said has what it says; an empty line says nothing, which is good */
	AGENT_ANSWER_ALIEN, /* there are words, and none of them is known: said is as it was */
	AGENT_ANSWER_LONG,  /* no end within AGENT_LINE_MOST */
};

/* agent_forget: nothing was said. */
void agent_forget(struct agent_said *said);

/* agent_answer_read: of the first n bytes. *line: how many of them are the line, without its end; only of GOOD and
 * ALIEN.   Returns  once it is not MORE, no byte that follows changes it. */
must_use enum agent_answer agent_answer_read(struct agent_said *said, const uint8_t *p, size_t n, size_t *line);

#endif
