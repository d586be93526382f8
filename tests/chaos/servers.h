/* servers: the listening sockets of our servers. A server that is paused does not accept: the kernel holds who
 * connects. One that is killed closes its socket and resets whoever it served; later it comes back at its address. */
#ifndef TESTS_CHAOS_SERVERS_H
#define TESTS_CHAOS_SERVERS_H

#include "tests/chaos/streams.h"

struct server {
	enum watched watched;
	int          index, fd; /* fd -1: killed */
	bool         paused;
};

struct servers {
	struct streams *streams;
	struct server   all[SERVERS];
};

void servers_init(struct servers *s, struct streams *streams);
void servers_accept(struct servers *s, struct server *one); /* an event of its socket */
void servers_pause(struct servers *s, int i, bool on);
void servers_kill(struct servers *s, int i);
void servers_revive(struct servers *s, int i);
void servers_close(struct servers *s);

#endif
