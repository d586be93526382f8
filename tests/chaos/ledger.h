/* ledger: what a stream's end may have been. It knows when each disturbance was, and says of every
 * stream whose ends are over: as planned, cut by the very disturbance that touched it, or failed.
 *
 *   server killed        its own connections, accepted or still in its backlog
 *   descriptors lowered  a connection that asked for a server meanwhile; its line says EMFILE
 *   places derived low   a connection that found none: a reload meanwhile counted the descriptors; until
 *                        the next reload that finds them all
 *   listener absent      a connect that was refused there meanwhile; one that was granted is served
 *   socket file deleted  a connect that found none, until the next reload has made it again
 *   the end              who is still open when the drain's time is over, and who connects behind it
 *
 * Nothing else excuses anything, and nothing excuses a wrong byte. What a killed server cut must look
 * cut to its client. What the ledger cannot know of a stream without a server, its line in the access
 * log bears out (accounts.h). */
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
	X(PLACES,      "places derived low") \
	X(ABSENT,      "listener absent") \
	X(UNLINK,      "socket file deleted") \
	X(DRAIN,       "the end")

enum disturbance {
#define X(id, text) DISTURBANCE_##id,
	DISTURBANCE_TBL(X)
#undef X
	DISTURBANCES
};
const char *disturbance_text(enum disturbance d);

struct accounts;

struct window {
	enum disturbance what;
	int              which; /* a server or a place; -1: the whole process */
	int64_t          from, to; /* ms; to INT64_MAX: it lasts */
};

struct ledger {
	struct window *windows;
	size_t         nwindows, room;
	uint64_t       seed;
	struct accounts *accounts;
	uint64_t       planned, cut, wrong; /* streams: as planned, cut by a disturbance, failed */
	uint64_t       passed, failed;      /* checks */
	uint64_t       by_disturbance[DISTURBANCES];
	uint64_t       count[DISTURBANCES];
	int64_t        began;
};

void ledger_init(struct ledger *l, struct accounts *accounts, uint64_t seed, int64_t now);
void ledger_open(struct ledger *l, enum disturbance what, int which, int64_t now);
void ledger_close(struct ledger *l, enum disturbance what, int which, int64_t now);
/* Was there such a disturbance between these times (ms)? which < 0: of any server or place. */
bool ledger_was(const struct ledger *l, enum disturbance what, int which, int64_t from, int64_t to);
/* Judges one stream, and prints the story of one that failed. arg is the ledger. */
void ledger_judge(void *arg, const struct stream *st);
/* A check, said in a line; one that fails with the seed. */
void ledger_check(struct ledger *l, bool holds, const char *fmt, ...) printf_like(3, 4);

#endif
