/* conn_trace: what a reader is told of the connections that he asked for, stage by stage, from their accept on (O19).
 *
 *   reader's thread                          each worker
 *   trace_listen ------------------------->  an ear in shard.trace
 *                                            accept: marks are kept in conn_extra; once the filter matches all
 *   trace.told <-- one message a mark -----  of them are told, then each as it comes
 *   trace_deafen ------------------------->  no ear: nothing is told any more
 *
 * shard.trace is NULL while nobody asks. Then a connection pays a comparison at its accept and one of its bit `traced`
 * at the pick, the connect, the first byte and the end; a message pays nothing. Only connections that were accepted
 * while somebody asked are marked. A worker never waits for the reader: what he has not taken of TRACE_QUEUE messages
 * is counted as lost. */
#ifndef PROXY_CONN_CONN_TRACE_H
#define PROXY_CONN_CONN_TRACE_H

#include "proxy/conn/conn_filter.h"

#define TRACE_READERS 4
#define TRACE_QUEUE   512  /* messages of one worker that a reader has not taken */
#define TRACE_MARKS   32   /* of one connection, before its filter matches */
#define TRACE_LINE    8192 /* bytes of a record */

#define TRACE_STAGE_TBL(X)               \
	X(ACCEPT, "accept")              \
	X(HEADER, "header")              \
	X(HELLO, "hello")                \
	X(TLS, "tls")                    \
	X(ROUTE, "route")                \
	X(PICK, "pick")                  \
	X(QUEUED, "queue")               \
	X(DIAL, "dial")                  \
	X(HEDGE, "hedge")                \
	X(CONNECTED, "connected")        \
	X(UPSTREAM_TLS, "upstream_tls")  \
	X(FAILED, "failed")              \
	X(FIRST_BYTE, "first_byte")      \
	X(END, "end")

enum trace_stage {
#define X(id, word) TRACE_##id,
	TRACE_STAGE_TBL(X)
#undef X
};

struct conn_marks;
struct trace;

/* One mark, told: members of a JSON object, without its braces. */
struct trace_record {
	struct np_msg msg;         /* to the reader's worker */
	struct trace_record *next; /* the reader's */
	struct trace_ear *ear;
	int64_t wall;              /* the mark's moment, ns since 1970 */
	size_t n;
	char json[];
};

/* A reader at one worker. */
struct trace_ear {
	struct trace *trace;    /* const */
	struct trace_ear *next; /* in shard.trace; owner worker */
	uint32_t told;          /* owner worker */
	uint32_t taken;         /* atomic: the reader's */
	uint64_t lost;          /* atomic: the worker's */
} cache_aligned;

struct trace {
	struct conn_filter filter; /* const, as all up to the counts */
	struct np_worker *reader;
	/* on the reader's worker, for each record, which is the reader's then: free(3) */
	void (*told)(struct np_msg *m);
	uint64_t serial;           /* of no other trace */
	unsigned slot;             /* under TRACE_READERS, and of no other trace at that time */
	uint32_t limit;            /* connections */
	uint32_t began, ended;     /* atomic: connections that were told of */
	/* the reader's: what has come, and whose wait ends with the next record */
	struct trace_record *first, **last;
	struct np_fd *wake;
	unsigned nears;
	struct trace_ear ears[];   /* by shard */
};

/* trace_new: for n shards, all else zero.   Returns  NULL: no memory.   Owns  the caller: free(3). */
must_use struct trace *trace_new(unsigned n);
/* trace_listen, trace_deafen: ask the shards of t, and no longer. After trace_deafen every record has come.
 *   Calls  a coroutine of the reader's worker.   Parks. */
void trace_listen(struct trace *t, struct shard *shards);
void trace_deafen(struct trace *t, struct shard *shards);

/* ---- for the stages; owner worker ---- */

/* trace_marks_free: takes NULL. */
void trace_marks_free(struct conn_marks *k);

no_inline void trace_accept(struct conn *c);
/* A mark: server and err where the stage has them, why with FAILED and END. */
no_inline void trace_mark(struct conn *c, enum trace_stage stage, const struct server *server, int err,
			  enum close_reason why);
no_inline void trace_pick(struct conn *c, const struct server *server, int err);

static inline void trace_at(struct conn *c, enum trace_stage stage, const struct server *server)
{
	if (unlikely(c->traced))
		trace_mark(c, stage, server, 0, CLOSE_NONE);
}

#endif
