/* streams: the clients of a soak and what our servers do with each connection, all in one thread over
 * epoll. A stream is a client's end and, once a preamble has come through, a server's end; both follow
 * the stream's plan and note what they see. Nothing here judges: ledger.h does, when both ends are over.
 *
 *   client end --- listener [ staunch ] --- server end
 *      '--------- struct stream ---------------'
 */
#ifndef TESTS_CHAOS_STREAMS_H
#define TESTS_CHAOS_STREAMS_H

#include "tests/chaos/setup.h"
#include "tests/chaos/wire.h"

/* What an epoll event points at begins with one of these. */
enum watched { WATCHED_LISTENER, WATCHED_END };

enum { GREETING = 16 + 216 + PREAMBLE }; /* a PROXY header with an address, and the preamble */

struct stream;

struct end {
	enum watched   watched;
	bool           is_server;
	int            server;   /* of a server's end */
	struct stream *stream;   /* NULL: a server's end that has not seen a preamble */
	struct wire    wire;
	uint64_t       out, in;  /* bytes; the preamble counts, a PROXY header does not */
	bool           ready;    /* connected and greeted: bytes of the plan may go */
	bool           eof, fin, did_reset, over;
	bool           killed;   /* a server's: it was reset because its server was killed */
	int            failure;  /* of the first call that failed; 0: none */
	int64_t        resume;   /* ms: it is silent until then; 0: it is not */
	bool           paused;   /* it was silent once */
	int64_t        allowance; /* bytes a slow reader may take before its next turn */
	uint32_t       armed;    /* events that epoll is asked for */
	uint8_t        greeting[GREETING];
	unsigned       ngreeting;
	struct end    *next;     /* of all server's ends */
};

struct stream {
	struct stream *next;
	struct plan    plan;
	struct end     client;
	struct end    *back;      /* the first server's end that said this stream's name; NULL: none has */
	unsigned       nbacks;
	uint16_t       port;      /* the client's */
	bool           connected; /* the kernel said yes to the client */
	bool           wrong, misnamed; /* a wrong byte came; the PROXY header named another client */
	uint64_t       wrong_at;
	int64_t        began, moved, over; /* ms; over: of the end that was over last, 0 before */
	bool           stuck;     /* nothing moved for too long: it was ended */
};

struct streams {
	struct setup      *setup;
	int                epoll;
	struct stream     *live;
	struct end        *ends;   /* server's */
	struct end        *gone;   /* server's, over; freed after the batch of events */
	struct ssl_ctx_st *client_ctx, *server_ctx;
	uint64_t           made, done, bytes;
	uint64_t           connects[PLACES]; /* the kernel said yes */
	unsigned           nlive, nends;
	int64_t            now, turned; /* ms, of this batch of events and of the last turn */
};

void streams_init(struct streams *s, struct setup *setup);
/* A stream of this plan begins. */
void streams_start(struct streams *s, const struct plan *p);
/* A connection that a server accepted. Owns fd. */
void streams_accepted(struct streams *s, int fd, int server);
/* An event of an end. */
void streams_event(struct streams *s, struct end *e);
/* Once a turn: goes on with who was silent or slow, gives each stream whose ends are over to judge,
 * and frees it. */
void streams_turn(struct streams *s, void (*judge)(void *arg, const struct stream *st), void *arg);
/* Every connection of a server is reset. */
void streams_reset_server(struct streams *s, int server);

#endif
