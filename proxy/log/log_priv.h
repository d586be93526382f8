/* log_priv: what the files of the log share with each other. Nobody else includes this. */
#ifndef PROXY_LOG_LOG_PRIV_H
#define PROXY_LOG_LOG_PRIV_H

#include <time.h>

#include "proxy/base/text.h"
#include "proxy/log/log.h"

/* log.c */
int64_t log_clock(clockid_t clock); /* ns */
bool log_is_json(enum log_format format, int fd);

/* log_record.c: a record in a ring is the struct, then its three strings, each terminated, then, if it has one, its
 * struct access_extra with its strings. The pointers in it are the producer's and mean nothing, but for whether `extra`
 * is one; unpack sets them anew, into p and to x. */
void log_record_unpack(struct access_record *rec, struct access_extra *x, const void *p, size_t n);

/* log_line.c: one record as one line with its newline. LOG_LINE_MAX is always enough room. */
#define LOG_TEXTS    10 /* fields of a record that are texts: TEXT_FIELD_ROOM each */
#define LOG_LINE_MAX (LOG_TEXTS * TEXT_FIELD_ROOM + 2048)
void log_line(struct text *t, const struct access_record *rec, bool json);

/* log_sink.c: where the lines go. Used by the writer thread alone. */
struct log_sink {
	int   fd;
	char *path; /* owned, and so is fd then; NULL for stdout and stderr */
};
must_use int log_sink_open(struct log_sink *s, enum log_sink_kind kind, const char *path);
must_use int log_sink_reopen(struct log_sink *s); /* on failure the old descriptor stays */
void log_sink_close(struct log_sink *s);

/* log_sink_write: write some of p[0..n) as soon as the sink takes it, waiting at most ms.
 *   Returns  bytes; 0 if it took nothing in that time; -NP_Exxx if it refused. */
must_use ssize_t log_sink_write(struct log_sink *s, const char *p, size_t n, int ms);

#endif
