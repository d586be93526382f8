/* exchange: bytes both ways between a client and a server, both in the test's hands, in one loop
 * over poll: every step of either is seen in its order, and how each ended. Plain or TLS. For
 * the test's own thread. */
#ifndef TESTS_FLOW_KIT_EXCHANGE_H
#define TESTS_FLOW_KIT_EXCHANGE_H

#include <openssl/ssl.h>

#include "tests/kit/kit.h"

#define EXCHANGE_SERVERS 4 /* servers' ends of one client: a connect may be tried again */

struct exchange_opts {
	const char *ip;   /* where the client connects; as kit_connect has it */
	int         port;
	int         listener;       /* the server's, non-blocking */
	SSL_CTX    *client, *server; /* NULL: plain */
	uint64_t    bytes;          /* each way */
	int         ms;             /* to the end of both */
	bool (*go_on)(void *arg, int64_t ms); /* asked each turn, with the time since the begin; false ends it */
	void       *arg;
};

/* The client's or a server's. */
struct exchange_end {
	int      fd;            /* -1: closed, or there was none */
	SSL     *ssl;
	uint64_t out, in;       /* seeds */
	uint64_t bytes, sent, got;
	bool     up, intact;
	bool     silent;        /* writes no more */
	bool     ended;         /* reads no more */
	int      err;           /* once ended: 0 for an orderly end, else how it was cut */
};

struct exchange {
	struct exchange_end client, server[EXCHANGE_SERVERS];
	int  nservers;
	bool over;              /* both ends came to theirs */
};

/* One exchange; all is closed then. False: the client could not connect. */
bool exchange_run(struct exchange *x, const struct exchange_opts *o);

/* The last server's end, which is the one in use; NULL: there was none. */
const struct exchange_end *exchange_server(const struct exchange *x);
/* All bytes came, and then orderly ends. */
bool exchange_whole(const struct exchange *x);

#endif
