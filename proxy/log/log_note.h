/* log_note: one message of the process log, from the call to its line. Private to the log. */
#ifndef PROXY_LOG_LOG_NOTE_H
#define PROXY_LOG_LOG_NOTE_H

#include <limits.h>
#include <stdarg.h>

#include "proxy/base/text.h"
#include "proxy/log/log.h"

#define LOG_MSG_MAX 512 /* bytes of a message that are shown */
/* A line is at most so long. A pipe that polls writable takes so much without blocking, and
 * whole. */
#define LOG_NOTE_LINE PIPE_BUF
_Static_assert(LOG_MSG_MAX * 6 + 512 <= LOG_NOTE_LINE, "a line with every byte escaped fits");

struct log_note {
	int64_t time;         /* the event, by the wall clock: ns since 1970 */
	uint64_t suppressed;  /* events of the same site that were not logged before this one */
	uint64_t missed;      /* lines before this one that were lost */
	const char *event;    /* a static word */
	enum log_level level;
	size_t n;             /* bytes of the whole message, of which msg may have a part */
	char msg[LOG_MSG_MAX + 1];
};

/* log_note_fill: an event of now; all fields but `missed`, which is the caller's. */
void log_note_fill(struct log_note *note, enum log_level level, const char *event,
		   uint64_t suppressed, const char *fmt, va_list ap);

/* log_note_line: append the note as one line. LOG_NOTE_LINE bytes are enough. */
void log_note_line(struct text *t, const struct log_note *note, bool json);

#endif
