/* connect: what the files of the connect stage share: the attempts of one connection. Private to them, to replay.c,
 * which goes on with them, and to warm_set.c, whose dials fail alike. Every function: owner worker. */
#ifndef PROXY_CONN_CONNECT_H
#define PROXY_CONN_CONNECT_H

#include "proxy/conn/conn.h"

#define TRIES_MAX 101 /* config allows 100 retries */

/* A second dial beside one that is slow (connect_hedge.c). Only `begun` is set while there is none. */
struct hedge {
	bool begun;
	bool dials;            /* its coroutine is in the dial, so fd is there */
	bool given_up;         /* nobody wants it any more */
	bool awaited;          /* the first dial has failed: its end wakes who waits at the client's descriptor */
	int err;               /* of its dial, once it is over */
	int64_t began;
	struct server *server; /* a slot of it is ours */
	struct np_event over;
	struct np_fd fd;
};

/* On the stack of the stage. */
struct attempt {
	const struct server *tried[TRIES_MAX]; /* the first ntried are set */
	unsigned ntried;
	struct conn *conn;
	struct server *server; /* that is dialled, or was; NULL: its failure is told already, and its slot given back */
	int64_t budget_ends;
	int64_t dialled;       /* when the server was picked */
	int64_t began;         /* the dial under way, by the clock itself; later by what its preamble took */
	enum close_reason why; /* of the last failure */
	struct hedge hedge;
};

/* connect.c */
enum close_reason dial_failure(int err);
/* Its row of the metric: what the operator of the server looks for differs. */
void connect_count_failure(struct server_stats *st, int err, enum close_reason why);
int64_t dial_deadline(const struct attempt *a, const struct upstream *u, int64_t began);
/* An attempt at s, begun then, has failed with a->why and c->err: it is told to all who want to know, and its slot is
 * given back. */
no_inline void attempt_failed(struct conn *c, struct attempt *a, struct server *s, int64_t began);
/* The dial's error becomes a->why and c->err, and is counted. */
no_inline void dial_failed(struct conn *c, struct attempt *a, const struct server *s, int err);

/* connect_hedge.c: np_dial_opts.slow: the dial under way of the attempt is slow: dial another server beside it, if
 * there is one and the upstream may hedge one more. */
int64_t hedge_due(void *attempt);
/* The first dial has ended with err. Waits for the second one unless the first has won; a->server is whose connection
 * c->upstream is then.
 *   Returns  0; or the error of the one that failed last.   Parks. */
must_use int hedge_settle(struct conn *c, struct attempt *a, int err);

/* connect_queue.c: wait at the client's descriptor until the deadline (0: none) or somebody sets it into the past.
 * Bytes of the client, and its FIN, may come: they wait in the socket.
 *   Returns  -NP_EDEADLINE; -NP_ECANCELED or -NP_ECLOSING: the client is gone; or why it cannot be waited for.
 *   Parks. */
must_use int park_at_client(struct conn *c, int64_t deadline);

/* Did a wait at the client's descriptor, or a dial that watched it, end with err because nobody is there any more? */
static inline bool client_is_gone(const struct conn *c, int err)
{
	return c->kill != CLOSE_NONE || err == -NP_ECANCELED || err == -NP_ECLOSING;
}

#endif
