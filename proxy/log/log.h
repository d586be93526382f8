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
	LOG_FORMAT_AUTO, /* text on a terminal, JOURNAL where systemd reads it, JSON lines elsewhere */
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_JOURNAL, /* text behind <N>, its level as sd-daemon(3) numbers them */
};

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

/* log_set_level: log this level and all more severe ones from now on. log_set_format: in this form. Any
 * thread. */
void log_set_level(enum log_level level);
/* log_hold_level: this one instead, whatever log_set_level says meanwhile, until log_let_go_level.
 *   Calls    these and log_set_level by one thread at a time. */
void log_hold_level(enum log_level level);
void log_let_go_level(void);
/* The level in force, and the one that log_set_level said. Any thread. */
enum log_level log_level_now(void);
enum log_level log_level_set(void);
/* log_level_word: as the configuration writes it. log_level_of: and back.   Returns  0 and *out, or -NP_EINVAL. */
const char *log_level_word(enum log_level level);
must_use int log_level_of(const char *word, enum log_level *out);
void log_set_format(enum log_format format);

/* log_set_syslog: from now on each line goes to this syslog daemon, too (log_syslog.h), with the facility's number of
 * RFC 5424. NULL: to none. A daemon that is not there is a warning.
 *   Calls    the control thread, or the only one. */
struct np_addr;
void log_set_syslog(const struct np_addr *addr, int facility);

/* log_is_json: is a line one JSON object? log_is_seen: does a person read it at once, as text on a terminal? Any
 * thread. */
bool log_is_json(void);
bool log_is_seen(void);

/* log_msg: log one event. `event` is a word that never changes ("accept_paused"), for machines, and
 * a static text. The message is for people; at most 512 bytes of it are shown.
 *   Calls    any thread; not a signal handler. Never blocks on the descriptor. */
void log_msg(enum log_level level, const char *event, const char *fmt, ...) printf_like(3, 4);

/* log_limited: the same for what can happen again and again: at most once a second, and ever more seldom while it
 * goes on (log_episode.h). Each event, subject and cause has its own count. `who` is whose event it is (a server, a
 * listener, a path), NULL: nobody's; `cause` tells its causes apart. The next line says how many events were not
 * logged; the last line of the episode does, too.
 *   Returns  whether there is a line of this one. */
bool log_limited(enum log_level level, const char *event, const char *who, int cause, const char *fmt,
		 ...) printf_like(5, 6);

/* log_problems: one event with a list of objects, LOG_PROBLEMS_MAX bytes at most, that stands in the line as
 * `problems` where lines are JSON. It is copied; without memory the line comes alone. */
#define LOG_PROBLEMS_MAX 3072
void log_problems(enum log_level level, const char *event, const char *objects, const char *fmt, ...)
	printf_like(4, 5);

#endif
