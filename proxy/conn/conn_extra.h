/* conn_extra: optional state of a connection, allocated on first use: bytes read before the relay,
 * facts from them, and more words about a failure. A plain connection that ends well has none of
 * it. The block lives until conn_end, since the log reads it. Every function: owner worker. */
#ifndef PROXY_CONN_CONN_EXTRA_H
#define PROXY_CONN_CONN_EXTRA_H

#include "proxy/base/ulid.h"
#include "proxy/conn/conn.h"
#include "proxy/proto/hello.h"

/* What was read before the relay began; with replay.h also what was read since, until the server's first byte. */
struct preread {
	/* owned: every byte; `from` is the first that is passed on; NULL: none came */
	struct chunk *rest;
	uint32_t room;           /* of rest */
	uint32_t tlvs, ntlvs;    /* where in rest the PROXY header has its TLVs */
	uint8_t *cert;           /* owned: the client's certificate, in DER; NULL: none, or no server is told */
	size_t ncert;
	struct np_addr src, dst; /* of that header; len 0: it named no addresses */
	bool tls;                /* there was a ClientHello, and hello is it */
	struct hello hello;
};

/* The last update of a connection in the access log (log.periodic), so that the next one, or the end, can say what
 * is new. Made at the first update: who never had one, which are nearly all, has no block. */
struct conn_update {
	int64_t at;         /* monotonic */
	uint64_t bytes[2];  /* of each direction then */
};

struct conn_extra {
	struct preread *preread; /* owned; NULL: no bytes are read first, or the relay runs and keeps none */
	struct replay *replay;   /* owned; NULL: no other server may have the client's bytes (replay.h) */
	const char *detail;      /* static, or words: more about the reason of the end; NULL: nothing more */
	char *words;             /* owned: a detail that came from another process; NULL: none did */
	/* owned: the name in a ClientHello that was passed on; NULL: none */
	char *sni;
	union np_inet client;    /* the client that a PROXY header named; AF_UNSPEC: none */
	/* owned, as the names in it, for DNS may take a server away meanwhile; NULL: the first one connected */
	struct access_tried *tried;
	char *last_tried;        /* with tried; owned: the last one's name */
	union np_inet last_addr; /* with tried: its address */
	int64_t queued;          /* ns that it waited in its upstream's queue */
	int64_t waits_since;     /* while it waits there: since when, in whichever process; 0: it does not */
	int64_t waits_until;     /* ... until when; INT64_MAX: as long as it takes */
	struct conn_marks *marks; /* owned: of conn_trace.h; NULL: nobody asked when it was accepted */
	struct conn_update *update; /* owned; NULL: there was none */
	struct paced *paced;     /* owned: of relay_paced.h; NULL: it has no rate */
	uint32_t source;         /* its place among those of its source (conn_source.h); 0: none */
	struct ulid id;          /* with has_id: the one that it has had in another process */
	bool has_id;
	bool late;               /* it found no server once another process had taken over, and went aside for it */
};

/* conn_extra: c's block, made on first use.
 *   Returns  NULL: no memory. */
must_use struct conn_extra *conn_extra(struct conn *c);
/* conn_preread: c's block of what was read, made on first use.
 *   Returns  NULL: no memory. */
must_use struct preread *conn_preread(struct conn *c);
/* conn_preread_put: keeps n bytes more of the client's.
 *   Returns  false: no memory, and nothing has changed. */
must_use bool conn_preread_put(struct preread *o, const void *p, size_t n);
void conn_extra_free(struct conn *c);         /* harmless on a connection without one */
void conn_extra_trim(struct conn *c);         /* frees a block that says nothing any more */
void conn_preread_free(struct conn_extra *x); /* the same: x->preread may be NULL */

/* The client's address: the one that a trusted PROXY header named, else the one that connected. */
static inline const union np_inet *conn_client(const struct conn *c)
{
	bool named = c->extra != NULL && c->extra->client.sa.sa_family != AF_UNSPEC;

	return named ? &c->extra->client : &c->peer;
}

/* The connection's id: computed, and the same at each call, so that log, servers and tables say the
 * same (O41). */
struct ulid conn_id(const struct conn *c);

/* A static text for the log's detail. Without memory the log goes without it. */
void conn_detail(struct conn *c, const char *detail);
/* conn_note_try: a server was tried, and this became of it. Kept, with a copy of its name, only if there is an access
 * log; without memory it goes without. */
void conn_note_try(struct conn *c, const struct server *server, const struct access_try *one);
/* Takes the detail back: the attempt that failed was followed by one that succeeded. */
void conn_forget_detail(struct conn *c);

#endif
