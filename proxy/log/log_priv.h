/* log_priv: declarations that the files of proxy/log share. No file outside the folder includes
 * it. */
#ifndef PROXY_LOG_LOG_PRIV_H
#define PROXY_LOG_LOG_PRIV_H

#include <time.h>

#include "proxy/base/text.h"
#include "proxy/log/access_log.h"
#include "proxy/log/log.h"
#include "proxy/log/log_note.h"

/* log.c */
int64_t log_clock(clockid_t clock); /* ns */
struct log_form log_form_now(void); /* of the process log */
bool log_wanted(enum log_level level);

/* log_record.c: a record in a ring is the struct, then its three texts, each with its NUL, then, if
 * `extra` is not NULL, the struct access_extra and its texts, then, if `tried` is not NULL, the struct
 * access_tried and its servers' names. The pointers in a ring are those of the producer and no longer
 * valid. log_record_unpack sets them anew: into p, and to room. */
struct log_record_room {
	struct access_extra extra;
	struct access_tried tried;
};
void log_record_unpack(struct access_record *rec, struct log_record_room *room, const void *p, size_t n);

/* log_line.c: append one record as one line with its newline. LOG_LINE_MAX bytes are always
 * enough. */
#define LOG_TEXTS    (10 + ACCESS_TRIES) /* fields of a record that are texts: TEXT_FIELD_ROOM each */
#define LOG_LINE_MAX (LOG_TEXTS * TEXT_FIELD_ROOM + 4096)
void log_line(struct text *t, const struct access_record *rec, bool json);

/* log_sink.c: the descriptor for the lines of a log. Only the thread that writes the log uses
 * it. */
enum log_sink_way {
	LOG_WAY_PLAIN,
	LOG_WAY_PIPE,
	LOG_WAY_SOCKET,
	LOG_WAY_FILE, /* a regular file of ours: it keeps whole lines */
};

struct log_sink {
	int fd;
	enum log_sink_way way; /* the call that writes to fd without blocking, or PLAIN */
	char *path;            /* owned, and then fd is owned too; NULL: fd is the caller's */
	bool torn;             /* the file ends in half a line: the next write ends that first */
	bool fifo;             /* path is one: another log of ours may write to it between any two writes */
};

/* log_sink_use: write to the caller's descriptor, which stays open. */
void log_sink_use(struct log_sink *s, int fd);
must_use int log_sink_open(struct log_sink *s, enum log_sink_kind kind, const char *path);
/* log_sink_reopen: open the path again.
 *   Returns  1 if it leads to another file; 0 if it is the same one, which stays open as it is, half
 *            a line included; or -NP_Exxx, and the old file stays in use. */
must_use int log_sink_reopen(struct log_sink *s);
void log_sink_close(struct log_sink *s);

/* log_sink_write: write some of the n > 0 bytes at p, and wait at most ms for the sink to take
 * them. A regular file that is opened by its path takes whole lines, or the beginning of one that it cannot
 * give back.
 *   Returns  the bytes written; 0 if the sink took none in that time; -NP_Exxx if it refused
 *   them. */
must_use ssize_t log_sink_write(struct log_sink *s, const char *p, size_t n, int ms);

#endif
