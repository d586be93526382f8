/* log: the process log, one line per event of the process, to one descriptor (stderr). Any thread
 * may log, a worker too: a line is escaped and bounded, and no thread but the log's own ever waits
 * for the descriptor.
 *
 *   before log_start_thread   the caller writes, if the descriptor takes the line at once
 *   while the thread runs     the caller hands the message to the log thread (log_spool.h)
 *   after log_stop_thread     the caller writes again; not at all if the descriptor hangs
 *
 * A line that cannot be written, or handed over, is counted, and the next one says how many were
 * missed. */
#ifndef PROXY_LOG_LOG_H
#define PROXY_LOG_LOG_H

#include "netpoll/base.h"

/*        level    word */
#define LOG_LEVEL_TBL(X) \
	X(ERROR,   error)   \
	X(WARNING, warning) \
	X(NOTICE,  notice)  \
	X(INFO,    info)    \
	X(DEBUG,   debug)

/* The prefix is LVL_, because LOG_ is that of syslog.h. A smaller level is more severe. */
enum log_level {
#define X(level, word) LVL_##level,
	LOG_LEVEL_TBL(X)
#undef X
	LVL_LEVELS
};

enum log_format {
	LOG_FORMAT_AUTO, /* text on a terminal, JSON lines elsewhere */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
};

/* A call site, or a cause, that must not flood the log has one of these; it begins as zero. */
struct log_site {
	int64_t next;        /* atomic; monotonic ns before which no line is written */
	uint64_t suppressed; /* atomic; events since the last line */
};
#define LOG_SITE_PERIOD 1000000000 /* ns: at most one line per site and second */

/* log_init: choose where the process log goes. Without it, notices and worse go to stderr as text.
 *   Calls    before there is a second thread.
 *   Owns     nothing; fd stays the caller's, and open. */
void log_init(enum log_level level, enum log_format format, int fd);

/* log_start_thread: from now on a thread of the log writes the lines.
 *   Returns  0 or -NP_Exxx of the thread.
 *   Calls    before there is a second thread; log_stop_thread ends it. */
must_use int log_start_thread(void);

/* log_stop_thread: write the lines that are there, within ms milliseconds even if the descriptor
 * takes nothing. What is left then is lost. Does nothing if there is no log thread.
 *   Calls    the thread that started it, when all others have ended. */
void log_stop_thread(int ms);

/* log_set_level: log this level and all more severe ones from now on. Any thread. */
void log_set_level(enum log_level level);

/* log_msg: log one event. `event` is a word that never changes ("accept_paused"), for machines, and
 * a static text. The message is for people; at most 512 bytes of it are shown.
 *   Calls    any thread; not a signal handler. Never blocks on the descriptor. */
void log_msg(enum log_level level, const char *event, const char *fmt, ...) printf_like(3, 4);

/* log_limited: the same, at most once per LOG_SITE_PERIOD and site. The next line says how many
 * events were not logged. */
void log_limited(struct log_site *site, enum log_level level, const char *event, const char *fmt,
		 ...) printf_like(4, 5);

/* log_site_admit: the rule of log_limited, at a time that the caller gives.
 *   Returns  true if an event may be logged now; *suppressed is then the number of events that were
 *            not logged since the last one.
 *   Calls    any thread. */
must_use bool log_site_admit(struct log_site *site, int64_t now, uint64_t *suppressed);

#endif
