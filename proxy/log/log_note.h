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
#define LOG_PROBLEMS_MSG 80 /* bytes of a message beside which problems stand */
_Static_assert(LOG_PROBLEMS_MSG * 6 + LOG_PROBLEMS_MAX + 512 <= LOG_NOTE_LINE, "a line with problems fits");
_Static_assert(LOG_MSG_MAX * 6 + 512 <= LOG_NOTE_LINE, "a line with every byte escaped fits");

/* How a line looks. */
struct log_form {
	bool json;
	bool level; /* <N> stands in front of it */
};

struct log_note {
	int64_t time;         /* the event, by the wall clock: ns since 1970 */
	uint64_t suppressed;  /* events of the same site that were not logged before this one */
	uint64_t missed;      /* lines before this one that were lost */
	const char *event;    /* a static word */
	const char *of;       /* of the last line of an episode: the event that was suppressed; NULL */
	char *problems;       /* owned: objects of a list, for JSON; NULL */
	enum log_level level;
	struct log_form form;
	size_t n;             /* bytes of the whole message, of which msg may have a part */
	char msg[LOG_MSG_MAX + 1];
};

/* log_form_of: what a format means for lines that go to fd. */
struct log_form log_form_of(enum log_format format, int fd);

/* log_level_number: of syslog(3), 3 error to 7 debug. log_put_level: append <N>, of sd-daemon(3). */
int log_level_number(enum log_level level);
void log_put_level(struct text *t, enum log_level level);

/* log_note_fill: an event of now; all fields but `missed`, `of` and `problems`, which are the caller's, and `form`. */
void log_note_fill(struct log_note *note, enum log_level level, const char *event,
		   uint64_t suppressed, const char *fmt, va_list ap);

/* log_note_line: append the note as one line. LOG_NOTE_LINE bytes are enough. */
void log_note_line(struct text *t, const struct log_note *note);

/* log_note_over: the last line of an episode; all fields but `missed` and `form`. */
struct log_episode;
void log_note_over(struct log_note *note, const struct log_episode *e);

#endif
