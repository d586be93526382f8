/* conn: one relayed connection.
 *
 *   accept -> [admit] -> [connect] -> [relay] -> end: log, free
 *             '-- coroutine, borrowed stack --'  '- task, no stack -'
 *
 * An idle relayed connection is this struct and two pollDescs: no stack, no buffer. Fields by phase:
 *   A  const from admission to the end    C  connect phase writes, then const    R  relay's own */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "proxy/close.h"
#include "proxy/shard.h"

#define CONN_MAGIC 0xc022ec75u

enum conn_phase {
	CONN_NEW,        /* not admitted: it holds no places */
	CONN_CONNECTING,
	CONN_RELAYING,
};

/* Bytes that were read and that dst would not take. Exactly as large as it must be. */
struct rest {
	uint32_t from, to;
	char bytes[];
};

/* One direction: src to dst. dir[0] is client to server, dir[1] server to client. */
struct relay_dir {
	uint64_t bytes;     /* taken by dst */
	union {
		struct rest *rest;    /* owned; NULL almost always */
		struct np_pipe *pipe; /* spliced: lent by the worker's pool, for as long as bytes are there */
	};
	uint8_t full;       /* reads in a row that filled the buffer; how sure it is that this is bulk */
	bool spliced : 1;   /* the bytes go through pipe */
	bool unspliceable : 1; /* it was tried: this kind of socket cannot */
	bool readable : 1;  /* src may have something */
	bool muted : 1;     /* src's arriving bytes wake nobody, for readable it is known to be */
	bool blocked : 1;   /* dst has no room for the rest, or must acknowledge all before it is reset */
	bool eof : 1;       /* src ended, by FIN or by reset */
	bool reset : 1;     /* ... by reset: pass it on as a reset */
	bool discard : 1;   /* dst is gone: read on and throw away, so that src's end is not destroyed */
	bool done : 1;      /* the end was passed on */
};

struct conn {
	uint32_t magic;
	uint8_t phase;        /* enum conn_phase */
	uint8_t kill;         /* enum close_why: somebody wants it to end with this reason */
	uint8_t first_end;    /* R: enum close_why: who ended first, once somebody has */
	uint8_t retries;      /* C */
	struct np_g task;     /* R */
	struct list link;     /* shard->conns */
	struct shard *shard;  /* A */
	const struct route *route; /* A; counted through its snapshot */
	struct server *server; /* C: its slot is ours; NULL: none */
	struct np_fd client;   /* A */
	struct np_fd upstream; /* C */
	union np_inet peer;    /* A: the client's address as it was at accept */
	int32_t err;           /* NP_E code of what went wrong; 0 */
	bool fresh;            /* R: before the first turn */
	bool nodelay_due;      /* R: the server's socket does not have TCP_NODELAY yet */
	bool keepalive_due;    /* R: nor keepalive */
	int64_t accepted;      /* A: monotonic */
	int64_t connected;     /* C: ns after accept; -1 */
	int64_t first_byte;    /* R: of the server, ns after accept; -1 */
	uint64_t number;       /* A: of this worker's connections */
	int64_t hard_deadline; /* R: lifetime, or the end of lingering; INT64_MAX none */
	int64_t active;        /* R: when bytes last moved */
	int64_t look_again;    /* R: at a reset that waits; INT64_MAX: none does */
	int64_t reset_since;   /* R: when a side was found reset */
	struct relay_dir dir[2];
};
_Static_assert(sizeof(struct conn) <= 384, "512 bytes of user memory per idle connection, two pollDescs included");

/* conn_admit: take a place of the process's limit and of the listener's, or none.
 *   Returns  NULL, or the limit that is full.   Calls  owner worker. */
must_use struct limit *conn_admit(struct shard *s, const struct route *route);

/* conn_accepted: take over a raw accepted socket and the places that were taken for it. why is CLOSE_NONE for one that
 * was admitted: its coroutine starts; else it ends at once with that reason. Nothing to report: whatever goes wrong,
 * the connection ends with its reason.   Calls  owner worker. */
void conn_accepted(struct shard *s, struct route *route, int sysfd, const struct np_addr *peer, enum close_why why);

/* The one place that logs, closes and frees. Owner worker; from the conn's coroutine or task. */
void conn_end(struct conn *c, enum close_why why);

/* Ask it to end with this reason, soon. Owner worker, from a message. */
void conn_kill(struct conn *c, enum close_why why);

/* The connect stage: pick, dial, try elsewhere. Parks. Returns CLOSE_NONE or why the story ends. */
must_use enum close_why connect_run(struct conn *c);

/* The relay stage; calls conn_end once, when it is over. Cannot fail. */
void relay_start(struct conn *c);
void relay_fini(struct conn *c); /* by conn_end: give back what the relay holds */

#endif
