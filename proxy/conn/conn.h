/* conn: one relayed connection.
 *
 *   accept -> [admit] -> [preread] -> [tls] -> [route] -> [connect] -> [relay] -> end: log, free
 *             '---------------- coroutine, borrowed stack ---------'  '- task, no stack -'
 *                                                            ^--- replay -'
 *
 * The story stands in conn_main.c, its stages in stages.h, the one end in conn_end.c. An idle
 * relayed plain connection is this struct and two pollDescs: no stack, no buffer. Fields by phase:
 *   A  const from admission to the end    C  connect phase writes, then const    R  relay's own
 *
 * A connection belongs to the worker that accepted it, or that it was handed to, until its end.
 * Every function here is called on that worker. */
#ifndef PROXY_CONN_CONN_H
#define PROXY_CONN_CONN_H

#include "proxy/base/chunk.h"
#include "proxy/base/close.h"
#include "proxy/base/since.h"
#include "proxy/conn/shard.h"
#include "proxy/conn/stream.h"

#define CONN_MAGIC 0xc022ec75u

/* NEW -> CONNECTING -> RELAYING -> freed, or freed from any of them. Only a replay (replay.h) goes back, from RELAYING
 * to CONNECTING, and only a hand-over to another process stops a relay, or who waits without a server: FROZEN then. */
enum conn_phase {
	CONN_NEW,        /* it holds no places: it was not admitted, or is not yet set up */
	CONN_CONNECTING, /* its coroutine runs the stages; it holds a place of both limits */
	CONN_RELAYING,   /* its task relays; the coroutine is gone */
	CONN_FROZEN,     /* without coroutine and task: it moves between processes (hand_over.h) */
};

/* How far a connection is that is CONNECTING. */
enum conn_setup {
	SETUP_HELD,    /* it waits for a place of a limit, or never gets one */
	SETUP_BEGUN,   /* nothing was read or dialled yet */
	SETUP_HEADER,  /* its PROXY header is read */
	SETUP_HELLO,   /* its ClientHello is read */
	SETUP_TLS,     /* its handshake is under way */
	SETUP_CONNECT, /* its upstream is known, and a server is dialled */
	SETUP_QUEUE,   /* ... or waited for, before it is SETUP_CONNECT again */
	SETUP_ASIDE,   /* it waits no longer, nor for a place: its coroutine ends, for it is to move (conn_aside.h) */
};

/* One direction: src to dst. dir[0] is client to server, dir[1] server to client. */
struct relay_dir {
	uint64_t bytes; /* taken by dst */
	int64_t active; /* when its bytes last moved: of the two, whose is later tells who spoke last */
	union {
		/* owned: bytes that were read and that dst did not take; NULL almost always */
		struct chunk *rest;
		/* spliced: lent by the worker's pool, for as long as bytes are there */
		struct np_pipe *pipe;
	};
	uint8_t full; /* reads in a row that filled the buffer; how sure it is that this is bulk */
	/* All that can_step (relay.c) asks stands in the first byte: it is asked for at every
	 * step. */
	bool spliced : 1;  /* the bytes go through pipe */
	bool readable : 1; /* src may have something */
	bool muted : 1;    /* read events of src are off: it is known to be readable */
	/* dst has no room for the rest, or must acknowledge everything before its reset */
	bool blocked : 1;
	/* dst took bytes whose ciphertext waits for room: that is sent before anything else */
	bool backlog : 1;
	bool eof : 1;      /* src ended, by FIN or by reset */
	bool reset : 1;    /* ... by reset: pass it on as a reset */
	/* dst is gone: read src to its end and throw the bytes away, so that no data of dst is
	 * lost */
	bool discard : 1;
	bool done : 1;     /* the end was passed on */
	/* copy: this kind of socket cannot be spliced, or a splice of it failed */
	bool unspliceable : 1;
	bool unclean : 1;  /* src ended without close_notify: bytes may be missing */
	/* src has not ended, but we end it: at the other side's FIN, or because we were told to */
	bool cut : 1;
	uint8_t looks : 3; /* times that src's FIN waited for bytes of dst that are here already */
	/* dir[0] alone: dst has said nothing yet, so another server may have src's bytes (replay.h) */
	bool kept : 1;
	uint8_t reset_pause; /* ms between two polls of src's reset, while it waits */
	/* bytes read that dst has not acknowledged, at the last look (relay_end.c) */
	uint32_t undelivered;
};

struct conn_extra;

struct conn {
	uint32_t magic;
	uint8_t phase : 2;      /* enum conn_phase */
	bool fresh : 1;         /* R: before the first turn */
	bool secure : 1;        /* R: one side of it speaks TLS */
	bool nodelay_due : 1;   /* R: the server's socket does not have TCP_NODELAY yet, or its bytes are kept */
	bool keepalive_due : 1; /* R: nor keepalive */
	bool tallied : 1;       /* R: counted says what the numbers have already */
	bool traced : 1;        /* A: it has marks (conn_trace.h) */
	uint8_t kill;           /* enum close_reason: conn_kill was called with it */
	union {
		uint8_t setup;     /* C: enum conn_setup */
		/* R: enum close_reason: which side ended first; CLOSE_NONE: neither has */
		uint8_t first_end;
	};
	uint8_t retries : 7;    /* C: 100 at most */
	bool trial : 1;         /* C, R: of its server (passive.h), until there is a verdict */
	struct np_g task;       /* R */
	struct list link;       /* shard->conns */
	struct shard *shard;    /* A */
	const struct listener *listener; /* A; counted through its snapshot */
	struct server *server;  /* C: a slot of it is ours; NULL: none */
	/* owned; NULL: a connection without PROXY header, preread or failure (conn_extra.h) */
	struct conn_extra *extra;
	struct stream client;   /* A */
	struct stream upstream; /* C */
	union np_inet peer;     /* A: the client's address as accept gave it */
	uint32_t connected;     /* C: after accept, packed (since.h); SINCE_NEVER */
	int16_t err;            /* NP_E code of what went wrong; 0 */
	uint16_t rule : 15;     /* C: index into listener->targets */
	bool judged : 1;        /* R: its server is to answer within a time (conn_judge.h) */
	uint32_t first_byte;    /* R: of the server, packed as connected */
	int64_t accepted;       /* A: monotonic; unique on its worker, by a few ns */
	uint32_t counted[2];    /* R: of each direction, for the numbers (tally.h) */
	/* R: lifetime, the end of lingering or of a reset's patience; INT64_MAX none */
	int64_t hard_deadline;
	struct relay_dir dir[2];
};
_Static_assert(sizeof(struct conn) <= 320,
	"an allocator's size class; 512 bytes of user memory per idle connection");

/* First line of each function that takes a connection: it is alive, and this is its worker. */
#define DCHECK_CONN(c)                                                            \
	do {                                                                      \
		DCHECK((c)->magic == CONN_MAGIC, "the connection is not alive");  \
		DCHECK_SHARD((c)->shard);                                         \
	} while (0)

/* ---- conn_main.c ---- */

/* conn_admit: take a place of the process's limit and of the listener's, or none.
 *   Returns  NULL, or the limit that is full.
 *   Calls    owner worker. */
must_use struct limit *conn_admit(struct shard *s, const struct listener *listener);

/* conn_accepted: take over a raw accepted socket and the places that were taken for it. why is
 * CLOSE_NONE for one that was admitted: its coroutine starts. Any other reason ends it at once, and
 * gets its line in the log. There is no result: if something fails, the connection ends with its
 * reason.
 *   Calls  owner worker.
 *   Owns   sysfd, from here on. */
void conn_accepted(struct shard *s, struct listener *listener, int sysfd,
	const struct np_addr *peer, enum close_reason why);

/* conn_accepted_held: a client that found a limit full and waits for a place, by itself: its acceptor goes.
 *   Calls, Owns  as conn_accepted. */
void conn_accepted_held(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer);

/* Closes an accepted socket that never became a connection: no memory for one, or its listener
 * stopped in between. The client sees a FIN, or a reset if it has sent bytes. */
void accepted_drop(int sysfd);

/* ---- conn_end.c ---- */

/* Gives back the two places that conn_admit took. */
void conn_give_places(struct shard *s, const struct listener *listener);

/* conn_end: log, close both sides, give back server slot, places and snapshot, free c. The only
 * end. The relay has given back its own before (relay.c).
 *   Calls  owner worker, from the connection's coroutine or task, as its last act. */
void conn_end(struct conn *c, enum close_reason why);

/* conn_kill: make it end with this reason, soon. The first reason counts, but one that ends in good order
 * (CLOSE_DRAIN: what was read is delivered, both sides get a FIN and are lingered for) may be overtaken.
 *   Calls  owner worker, from a message: not from c's own coroutine or task. */
void conn_kill(struct conn *c, enum close_reason why);

/* Has its relay begun? */
static inline bool conn_relays(const struct conn *c)
{
	return c->phase >= CONN_RELAYING && c->server != NULL;
}

/* When bytes last moved, either way. Of the relay. */
static inline int64_t conn_active(const struct conn *c)
{
	return c->dir[0].active > c->dir[1].active ? c->dir[0].active : c->dir[1].active;
}

/* Where its bytes go. NULL: no rule matched and there is no default, or it is not yet known. */
static inline const struct target *conn_target(const struct conn *c)
{
	return c->listener->targets[c->rule];
}

/* What source_hash goes by; 0: a Unix client has no address to hash, so round robin. */
static inline uint64_t conn_source_hash(const union np_inet *client)
{
	return client->sa.sa_family != AF_UNIX ? np_addr_hash_host(&client->sa, sizeof(*client), 0) : 0;
}

/* The cells of its worker. A connection has a server once it has connected. */
static inline struct listener_stats *conn_listener_stats(const struct conn *c)
{
	return &c->listener->counts->stats[c->shard->id];
}

static inline struct server_stats *conn_server_stats(const struct conn *c)
{
	return &c->server->stats[c->shard->id];
}

#endif
