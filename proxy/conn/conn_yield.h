/* conn_yield: the handshakes of a worker by age and source, and which of them gives up its place for
 * a newcomer's sake: conn_yield.c. For conn_handshakes.c. */
#ifndef PROXY_CONN_CONN_YIELD_H
#define PROXY_CONN_CONN_YIELD_H

#include "proxy/conn/conn.h"

/* On the stack of the coroutine that shakes hands. Owner worker. */
struct handshake {
	struct list link; /* shard->handshakes, ->stale, or a queue of its listener */
	struct conn *conn;
	uint64_t source; /* hash of the client's address */
	int64_t since;   /* it has its place */
	struct np_event turn; /* while it waits: it is the next to have a place */
	bool alone;      /* while it waits: the only one of its source on its worker */
	bool hit;        /* it found the limit full */
	bool stale;      /* it had its time: the first to lose its place */
	/* false: it has none yet, or another one got it, and this connection is killed */
	bool has_place;
};

/* On the stack of the coroutine that asks, which waits while another worker answers. */
struct yield_ask {
	const struct listener_counts *counts; /* whose handshake; NULL: any listener's */
	uint64_t source;        /* of the newcomer */
	uint32_t elsewhere;     /* handshakes of that source on the worker of the newcomer, if it is another */
	bool stale_only;        /* those that had their time; else the greediest source's as well */
	bool takes_over;        /* the place is the newcomer's; else it is given back */
	enum close_reason why;  /* with which the one that yields ends */
	bool yields;            /* out: one does */
};

/* The hash of a client's address, the same on each worker, and the bucket where a shard counts it. */
uint64_t yield_source(const struct shard *s, const union np_inet *client);

static inline uint32_t yield_bucket(uint64_t source)
{
	return (uint32_t)(source % SHARD_SOURCES);
}

/* p has a place from now on, or loses it. The caller takes it and gives it back. */
void yield_join(struct handshake *p);
void yield_leave(struct handshake *p);

/* yield_run: one of s's handshakes leaves, if one must. Its connection ends when its coroutine runs
 * next. arg is a struct yield_ask.
 *   Calls  owner worker, also from shard_call. */
void yield_run(struct shard *s, void *arg);

#endif
