/* conn: one relayed connection.
 *
 *   accept -> [admit] -> [preread] -> [tls] -> [route] -> [connect] -> [relay] -> end: log, free
 *             '---------------- coroutine, borrowed stack ---------'  '- task, no stack -'
 *
 * An idle relayed plain connection is this struct and two pollDescs: no stack, no buffer. Fields by phase:
 *   A  const from admission to the end    C  connect phase writes, then const    R  relay's own */
#ifndef PROXY_CONN_CONN_H
#define PROXY_CONN_CONN_H

#include "proxy/base/chunk.h"
#include "proxy/base/close.h"
#include "proxy/proto/hello.h"
#include "proxy/conn/shard.h"
#include "proxy/conn/stream.h"

#define CONN_MAGIC 0xc022ec75u

enum conn_phase {
	CONN_NEW,        /* not admitted: it holds no places */
	CONN_CONNECTING,
	CONN_RELAYING,
};

/* One direction: src to dst. dir[0] is client to server, dir[1] server to client. */
struct relay_dir {
	uint64_t bytes;     /* taken by dst */
	union {
		struct chunk *rest;   /* owned: bytes that were read and that dst would not take; NULL almost always */
		struct np_pipe *pipe; /* spliced: lent by the worker's pool, for as long as bytes are there */
	};
	uint8_t full;       /* reads in a row that filled the buffer; how sure it is that this is bulk */
	/* What each step asks stands in the first byte. */
	bool spliced : 1;   /* the bytes go through pipe */
	bool readable : 1;  /* src may have something */
	bool muted : 1;     /* src's arriving bytes wake nobody, for readable it is known to be */
	bool blocked : 1;   /* dst has no room for the rest, or must acknowledge all before it is reset */
	bool backlog : 1;   /* dst took bytes whose ciphertext waits for room: it goes before anything else */
	bool eof : 1;       /* src ended, by FIN or by reset */
	bool reset : 1;     /* ... by reset: pass it on as a reset */
	bool discard : 1;   /* dst is gone: read on and throw away, so that src's end is not destroyed */
	bool done : 1;      /* the end was passed on */
	bool unspliceable : 1; /* it was tried: this kind of socket cannot */
	bool unclean : 1;   /* src ended without saying so: bytes may be missing */
};

/* What was read before the relay began. */
struct preread {
	struct chunk *rest;      /* owned: every byte; `from` is the first that is to be passed on; NULL: none */
	uint32_t room;           /* of rest */
	uint32_t tlvs, ntlvs;    /* where in rest the PROXY header has its TLVs */
	struct np_addr src, dst; /* of that header; len 0: it named nobody */
	bool tls;                /* there was a ClientHello, and hello is it */
	struct hello hello;
};

/* What few connections have: one block, made when the first of it is known (conn_extra), and kept for the log. */
struct conn_extra {
	struct preread *preread; /* owned; NULL: nothing is read first, or the relay runs */
	const char *detail;      /* static: more about the reason of the end; NULL: nothing more */
	char *sni;               /* owned: the name in a ClientHello that was passed on; NULL: none */
	union np_inet client;    /* whom the PROXY header named; AF_UNSPEC: nobody */
	bool named;              /* id is made: a server was told */
	struct ulid id;
};

struct conn {
	uint32_t magic;
	uint8_t phase : 2;    /* enum conn_phase */
	bool fresh : 1;       /* R: before the first turn */
	bool secure : 1;      /* R: a side of it speaks TLS */
	bool nodelay_due : 1; /* R: the server's socket does not have TCP_NODELAY yet */
	bool keepalive_due : 1; /* R: nor keepalive */
	uint8_t kill;         /* enum close_reason: somebody wants it to end with this reason */
	uint8_t first_end;    /* R: enum close_reason: who ended first, once somebody has */
	uint8_t retries;      /* C */
	struct np_g task;     /* R */
	struct list link;     /* shard->conns */
	struct shard *shard;  /* A */
	const struct listener *listener; /* A; counted through its snapshot */
	struct server *server; /* C: its slot is ours; NULL: none */
	struct conn_extra *extra;   /* owned; NULL: a plain connection */
	struct stream client;   /* A */
	struct stream upstream; /* C */
	union np_inet peer;    /* A: the client's address as it was at accept */
	uint32_t connected;    /* C: microseconds after accept; CONN_NEVER */
	int16_t err;           /* NP_E code of what went wrong; 0 */
	uint16_t rule;         /* C: index into listener->targets */
	uint32_t reset_pause;  /* R: ns between two looks at a reset that waits */
	int64_t accepted;      /* A: monotonic */
	int64_t first_byte;    /* R: of the server, ns after accept; -1 */
	int64_t hard_deadline; /* R: lifetime, the end of lingering or of a reset's patience; INT64_MAX none */
	int64_t active;        /* R: when bytes last moved */
	int64_t look_again;    /* R: at a reset that waits; INT64_MAX: none does */
	struct relay_dir dir[2];
};
#define CONN_NEVER UINT32_MAX
_Static_assert(sizeof(struct conn) <= 320, "an allocator's size class; 512 bytes of user memory per idle connection");

/* conn_admit: take a place of the process's limit and of the listener's, or none.
 *   Returns  NULL, or the limit that is full.   Calls  owner worker. */
must_use struct limit *conn_admit(struct shard *s, const struct listener *listener);

/* conn_accepted: take over a raw accepted socket and the places that were taken for it. why is CLOSE_NONE for one that
 * was admitted: its coroutine starts; else it ends at once with that reason. Nothing to report: whatever goes wrong,
 * the connection ends with its reason.   Calls  owner worker. */
void conn_accepted(struct shard *s, struct listener *listener, int sysfd, const struct np_addr *peer,
		   enum close_reason why);

/* The one place that logs, closes and frees. Owner worker; from the conn's coroutine or task. */
void conn_end(struct conn *c, enum close_reason why);

/* Ask it to end with this reason, soon. Owner worker, from a message. */
void conn_kill(struct conn *c, enum close_reason why);

/* Where it goes. NULL: nowhere, or not yet known. */
static inline const struct target *conn_target(const struct conn *c)
{
	return c->listener->targets[c->rule];
}

/* ---- the stages: each parks, and returns CLOSE_NONE or why the story ends -------------------- */

/* Reads a PROXY header, and a ClientHello that rules ask for. preread.c */
must_use enum close_reason preread_run(struct conn *c);
/* Ends the client's TLS. conn_tls.c */
must_use enum close_reason conn_tls(struct conn *c);
/* Pick, dial, say who the client is, start TLS; try elsewhere. connect.c */
must_use enum close_reason connect_run(struct conn *c);

/* conn_route.c: the index of the rule it falls under. */
uint16_t conn_pick_rule(const struct conn *c);

/* ---- conn_handshakes.c: handshakes under way ---------------------------------------------------- */

/* On the stack of the coroutine that shakes hands. Owner worker. */
struct handshake {
	struct list link; /* shard->handshakes, or ->stale */
	struct conn *conn;
	uint64_t source;  /* hash of the client's address */
	int64_t since;
	bool stale;
	bool has_place;   /* of the worker's share; false: it was given to another, and this one is killed */
};
must_use bool handshake_begin(struct handshake *p, struct conn *c); /* false: there is no room for this one */
void handshake_end(struct handshake *p);

/* ---- connect_header.c, conn_tls.c: of the connect stage, once it is connected ---------------- */

/* The PROXY header, in one write. 0 or the error. Parks only if the socket will not take it at once. */
must_use int connect_header(struct conn *c, const struct target *t);
/* TLS with the server that was dialled, until the deadline. */
must_use enum close_reason conn_tls_server(struct conn *c, const struct target *t, const struct server *server,
					int64_t deadline);

/* ---- conn_extra.c ---------------------------------------------------------------------------- */

must_use struct conn_extra *conn_extra(struct conn *c); /* made on first use; NULL: no memory */
void conn_extra_free(struct conn *c);              /* takes one that has none */
void conn_preread_free(struct conn_extra *s);           /* the same */
/* The client as it is known: whom a trusted header named, else who connected. */
static inline const union np_inet *conn_client(const struct conn *c)
{
	return c->extra == NULL || c->extra->client.sa.sa_family == AF_UNSPEC ? &c->peer : &c->extra->client;
}
struct ulid conn_id(struct conn *c); /* the same at each call once a server was told (setup->named) */
void conn_forget_detail(struct conn *c); /* of an attempt that another one made good */
void conn_detail(struct conn *c, const char *detail); /* static text, for the log; lost without memory */

/* conn_log.c: the line of the access log. */
void conn_log(struct conn *c, enum close_reason why);

/* The relay stage; calls conn_end once, when it is over. Cannot fail. */
void relay_start(struct conn *c);
void relay_fini(struct conn *c); /* by conn_end: give back what the relay holds */

#endif
