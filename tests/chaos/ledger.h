/* ledger: what a stream's end may have been. It knows when each disturbance was, and says of every stream whose ends
 * are over: as planned, excused by a disturbance that overlapped it, a fault that is known and being mended, or failed.
 *
 * What excuses what: a server that was killed excuses an early end of the streams it served, and of those that had no
 * server yet. Descriptors that were taken away excuse the end of a connection for which no server had been reached.
 * A listener that the configuration leaves out excuses a refused connect there. A reload, a rotation, a full disk, a
 * paused server and certificates excuse nothing; and nothing excuses a wrong byte. */
#ifndef TESTS_CHAOS_LEDGER_H
#define TESTS_CHAOS_LEDGER_H

#include "tests/chaos/streams.h"

#define DISTURBANCE_TBL(X) \
	X(RELOAD,      "reload") \
	X(ROTATION,    "log rotation") \
	X(PAUSE,       "server paused") \
	X(KILL,        "server killed") \
	X(CERTIFICATE, "certificate") \
	X(DISK,        "log disk full") \
	X(READER,      "log reader stuck") \
	X(DESCRIPTORS, "descriptors lowered") \
	X(ABSENT,      "listener absent") \
	X(UNLINK,      "socket file deleted")

enum disturbance {
#define X(id, text) DISTURBANCE_##id,
	DISTURBANCE_TBL(X)
#undef X
	DISTURBANCES
};
const char *disturbance_text(enum disturbance d);

/* Faults that are known, each with what it excuses. A row goes when the fault has been mended.
 *   id    what it excuses */
#define KNOWN_TBL(X) \
	X(V4,  "a slow reader loses the end of a stream that its server reset") \
	X(V5,  "a listener that goes resets who has just connected; such a client has no line in the log") \
	X(V8,  "a reload that is never answered") \
	X(V10, "a reload or an end that waits for a log whose reader is stuck") \
	X(LIMIT, "a reload that sets max_connections and at_limit: wait refuses who comes meanwhile") \
	X(TORN, "a line half written to a full disk is begun again when the same file is reopened") \
	X(V41, "no listener at a socket file that was deleted, though a reload names it")

enum known {
#define X(id, text) KNOWN_##id,
	KNOWN_TBL(X)
#undef X
	KNOWNS
};
const char *known_word(enum known k);
const char *known_text(enum known k);

struct window {
	enum disturbance what;
	int              which; /* a server or a place; -1: the whole process */
	int64_t          from, to; /* ms; to INT64_MAX: it lasts */
};

struct ledger {
	struct window *windows;
	size_t         nwindows, room;
	uint64_t       seed;
	uint64_t       passed, failed, excused;
	uint64_t       spared; /* connections that may have no line in the access log: who is reset in a backlog */
	uint64_t       by_disturbance[DISTURBANCES], by_known[KNOWNS];
	uint64_t       count[DISTURBANCES];
	int64_t        began;
};

void ledger_init(struct ledger *l, uint64_t seed, int64_t now);
void ledger_open(struct ledger *l, enum disturbance what, int which, int64_t now);
void ledger_close(struct ledger *l, enum disturbance what, int which, int64_t now);
/* Judges one stream, and prints the story of one that failed. arg is the ledger. */
void ledger_judge(void *arg, const struct stream *st);
/* A check that is not of a stream. */
void ledger_check(struct ledger *l, bool holds, const char *fmt, ...) printf_like(3, 4);

#endif
