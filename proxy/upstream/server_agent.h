/* server_agent: what the agent beside a server has said, for who shows it, and the way of it into the server's word.
 * What counts is the word (server_state.h); the line is for people: foreign bytes, escaped where they are written. */
#ifndef PROXY_UPSTREAM_SERVER_AGENT_H
#define PROXY_UPSTREAM_SERVER_AGENT_H

#include "proxy/upstream/server_checked.h"
#include "proxy/upstream/server_state.h"

#define SERVER_AGENT_LINE 128 /* with its NUL; a longer line is cut */

struct server;

struct server_agent_heard {
	struct server_checked contacts; /* atomic: as of a check; `since` is not used */
	char line[SERVER_AGENT_LINE];   /* the last one, under live->lock; "": none */
};

/* server_set_agent: the agent's fields of the word become those of `in`; the rest stays as it is. It counts from the
 * next pick on, and who waits for a server of its upstream is woken.
 *   Returns  whether anything has changed.   Calls  the health thread, which owns these fields. */
bool server_set_agent(struct server *s, const struct server_inputs *in);

/* server_agent_note: the last line, of n bytes, which are any; 0: it is forgotten.   Calls  the health thread; takes
 * live->lock. */
void server_agent_note(struct server *s, const void *line, size_t n);
/* server_agent_line: that line, terminated; a NUL in it is a question mark.   Calls  any thread that holds s; takes
 * live->lock. */
void server_agent_line(const struct server *s, char line[SERVER_AGENT_LINE]);

#endif
