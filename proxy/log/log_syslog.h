/* log_syslog: the process log as datagrams of RFC 5424, beside stderr. Private to the log.
 *
 *   <27>1 2026-01-02T03:04:05.000006Z host staunch 4711 connect_failed [meta sequenceId="7"] server app/...
 *
 * The event is the MSGID, which is "the type of message" (6.2.7) and which daemons sort by. The only structured data is
 * the registered `meta` (7.3): the numbers are those of all lines, so a gap tells the reader what was lost, which UDP
 * does not. Rejected: an SD-ID of our own with the event, since it would say the MSGID again under a number that is not
 * ours (32473 is for examples, RFC 5612).
 *
 * MSG is the message as people read it. What is plain ASCII has no byte order mark, since many daemons write one out;
 * with any other character it has one, as 6.4 demands of UTF-8. Bytes that are no UTF-8, controls and characters that
 * hide or turn text stand as \xNN.
 *
 * A daemon that takes nothing is tried again at most once a second. A Unix socket tells at once whether it is there.
 * UDP does not: the refusal of one datagram is the error of the next, so a daemon counts as back there when a second
 * has passed without one.
 *
 * An instance is used by one thread at a time: who writes the log. Only log_syslog_set is for any other. */
#ifndef PROXY_LOG_LOG_SYSLOG_H
#define PROXY_LOG_LOG_SYSLOG_H

#include <pthread.h>

#include "netpoll/addr.h"
#include "proxy/log/log_note.h"

#define LOG_SYSLOG_LINE  16384 /* the longest note has room, with every byte escaped */
#define LOG_SYSLOG_SHORT 1024  /* of a line that is no datagram: what is sent of it, whole characters */
#define LOG_SYSLOG_HOST  256   /* RFC 5424: 255 bytes */
#define LOG_SYSLOG_RETRY INT64_C(1000000000) /* ns between two attempts */
#define LOG_SYSLOG_MS    100 /* the longest wait for room in the daemon's queue: it holds ten lines on many machines */

enum log_syslog_state {
	SYSLOG_OFF,
	SYSLOG_UP,
	SYSLOG_DOWN,  /* nothing is sent before `next` */
	SYSLOG_TRIAL, /* UDP: sent again, and not refused yet; it is up if that is so at `next` */
};

/* Where to; len 0: nowhere. */
struct log_syslog_to {
	struct np_addr addr;
	int facility; /* its number in RFC 5424 */
};

struct log_syslog {
	pthread_mutex_t lock; /* of `wanted` */
	struct log_syslog_to wanted;
	bool changed;         /* atomic; stored after `wanted` */

	struct log_syslog_to to;
	enum log_syslog_state state;
	int fd;               /* -1: none */
	int err;              /* why it went down */
	int64_t next;         /* monotonic ns */
	uint64_t missed;      /* lines that did not reach it */
	uint64_t unsure;      /* lines of the trial */
	unsigned sequence;    /* 1 to 2^31 - 1, then 1 again */
	struct log_note told; /* what stderr is to be told */
	char host[LOG_SYSLOG_HOST];
	char line[LOG_SYSLOG_LINE];
};

/* log_syslog_set: from now on it goes there.   Calls  any thread that may wait for a copy of an address. */
void log_syslog_set(struct log_syslog *s, const struct log_syslog_to *to);

/* log_syslog_changed: is there an order that log_syslog_turn would carry out?   Calls  any thread. */
bool log_syslog_changed(const struct log_syslog *s);

/* log_syslog_turn: carry out a change, look whether a lost daemon is back.
 *   Returns  a note for stderr and the daemon, valid until the next call; NULL: there is nothing to tell. */
struct log_note *log_syslog_turn(struct log_syslog *s, int64_t now);

/* log_syslog_waits: must log_syslog_turn be called once a second, because a daemon is lost? */
bool log_syslog_waits(const struct log_syslog *s);

/* log_syslog_send: send the note, waiting at most ms for room in the daemon's queue. Off: does nothing.
 *   Returns  as log_syslog_turn. */
struct log_note *log_syslog_send(struct log_syslog *s, const struct log_note *note, int64_t now, int ms);

/* log_syslog_line: append the note as one datagram. LOG_SYSLOG_LINE bytes are enough. */
void log_syslog_line(struct text *t, const struct log_note *note, int facility, const char *host, unsigned sequence);

/* log_syslog_cut: how many of n bytes of UTF-8 to send if `most` is the limit: whole characters. */
size_t log_syslog_cut(const char *p, size_t n, size_t most);

#endif
