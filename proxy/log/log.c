/* The process log. Its one instance is in file scope on purpose: events come from every layer,
 * there is one stderr, and a handle in every call would add nothing. */
#include "proxy/log/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/event.h"
#include "proxy/log/log_episode.h"
#include "proxy/log/log_note.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_spool.h"
#include "proxy/log/log_syslog.h"

/* Where a message goes. Only log_start_thread and log_stop_thread change it, when there is one
 * thread. */
enum way {
	WAY_DIRECT, /* the caller writes: before the other threads run, and after them */
	WAY_SPOOL,  /* the log thread writes */
	WAY_NONE,   /* the log thread hangs in a write: the descriptor would take us with it */
};

static struct {
	enum log_level level;   /* atomic: in force; a reload may change it, as form */
	enum log_level set;     /* atomic: what the configuration says */
	bool held;              /* level is an operator's; of those who set it */
	_Alignas(2) struct log_form form; /* atomic, both of its bytes at once */
	enum way way;
	int fd;               /* const after log_init */
	pthread_mutex_t lock; /* protects the next two; held for one write that cannot block */
	uint64_t missed;      /* by WAY_DIRECT, since the last line that said so */
	char line[LOG_NOTE_LINE];
	struct log_episodes episodes;
	struct log_syslog syslog; /* used by who writes: under the lock, or the log thread */
} out = {.level = LVL_NOTICE,
	 .set = LVL_NOTICE,
	 .fd = STDERR_FILENO,
	 .lock = PTHREAD_MUTEX_INITIALIZER,
	 .episodes.lock = PTHREAD_MUTEX_INITIALIZER,
	 .syslog = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1}};

int64_t log_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void log_init(enum log_level level, enum log_format format, int fd)
{
	out.level = out.set = level;
	out.held = false;
	out.way = WAY_DIRECT;
	out.form = log_form_of(format, fd);
	out.fd = fd;
}

void log_set_format(enum log_format format)
{
	struct log_form form = log_form_of(format, out.fd);

	__atomic_store(&out.form, &form, __ATOMIC_RELAXED);
}

struct log_form log_form_now(void)
{
	_Alignas(2) struct log_form form;

	__atomic_load(&out.form, &form, __ATOMIC_RELAXED);
	return form;
}

bool log_is_json(void)
{
	return log_form_now().json;
}

bool log_is_seen(void)
{
	return !log_is_json() && isatty(out.fd) != 0;
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&out.set, level, __ATOMIC_RELAXED);
	if (!out.held)
		__atomic_store_n(&out.level, level, __ATOMIC_RELAXED);
}

/* `held` needs no atomic: those who log read `level` alone. */
void log_hold_level(enum log_level level)
{
	out.held = true;
	__atomic_store_n(&out.level, level, __ATOMIC_RELAXED);
}

void log_let_go_level(void)
{
	out.held = false;
	__atomic_store_n(&out.level, log_level_set(), __ATOMIC_RELAXED);
}

enum log_level log_level_now(void)
{
	return __atomic_load_n(&out.level, __ATOMIC_RELAXED);
}

enum log_level log_level_set(void)
{
	return __atomic_load_n(&out.set, __ATOMIC_RELAXED);
}

bool log_wanted(enum log_level level)
{
	CHECK((unsigned)level < LVL_LEVELS, "a log level comes from LOG_LEVEL_TBL");
	return level <= log_level_now();
}

/* Writes the line only if the descriptor takes it at once. stderr belongs to the process that
 * started us too, so it must stay blocking. */
static bool write_line(const struct text *t)
{
	struct log_sink sink;

	log_sink_use(&sink, out.fd);
	return log_sink_write(&sink, t->p, t->n, 0) == (ssize_t)t->n;
}

/* The caller holds the lock. */
static void write_direct(struct log_note *note)
{
	struct text line;

	text_init(&line, out.line, sizeof(out.line));
	note->missed = out.missed;
	log_note_line(&line, note);
	if (write_line(&line))
		out.missed = 0;
	else
		out.missed++;
}

/* What becomes of the way to the daemon is a line, too, and that goes the same two ways. The caller holds the lock. */
static void write_told(struct log_note *told)
{
	while (told != NULL && log_wanted(told->level)) {
		told->form = log_form_now();
		write_direct(told);
		told = log_syslog_send(&out.syslog, told, log_clock(CLOCK_MONOTONIC), LOG_SYSLOG_MS);
	}
}

static void log_direct(struct log_note *note)
{
	pthread_mutex_lock(&out.lock);
	write_direct(note);
	write_told(log_syslog_send(&out.syslog, note, log_clock(CLOCK_MONOTONIC), LOG_SYSLOG_MS));
	pthread_mutex_unlock(&out.lock);
	free(note->problems);
}

/* The log thread is woken for it, so that a daemon that is not there is told of at once. */
void log_set_syslog(const struct np_addr *addr, int facility)
{
	struct log_syslog_to to = {.facility = facility};

	if (addr != NULL)
		to.addr = *addr;
	log_syslog_set(&out.syslog, &to);
	if (out.way == WAY_SPOOL)
		spool_wake();
	if (out.way != WAY_DIRECT)
		return;
	pthread_mutex_lock(&out.lock);
	write_told(log_syslog_turn(&out.syslog, log_clock(CLOCK_MONOTONIC)));
	pthread_mutex_unlock(&out.lock);
}

/* A note to be filled, or NULL: it cannot be written. */
static struct log_note *note_get(struct log_note *direct)
{
	struct log_note *note = out.way == WAY_SPOOL ? spool_reserve() : direct;

	if (out.way == WAY_NONE || note == NULL)
		return NULL;
	note->form = log_form_now();
	note->of = NULL;
	note->problems = NULL;
	return note;
}

static void note_put(struct log_note *note)
{
	if (out.way == WAY_SPOOL)
		spool_commit(note);
	else
		log_direct(note);
}

static void emit(enum log_level level, const char *event, const char *fmt, va_list ap)
{
	struct log_note direct, *note = note_get(&direct);

	if (note == NULL)
		return;
	log_note_fill(note, level, event, 0, fmt, ap);
	note_put(note);
}

int log_start_thread(void)
{
	int err;

	DCHECK(out.way == WAY_DIRECT, "the log thread is started once");
	err = spool_start(out.fd, &out.episodes, &out.syslog);
	if (err == 0)
		out.way = WAY_SPOOL;
	return err;
}

void log_stop_thread(int ms)
{
	if (out.way != WAY_SPOOL)
		return;
	out.way = spool_stop(ms) ? WAY_DIRECT : WAY_NONE;
	out.missed = spool_missed();
	if (out.missed > 0) /* the count itself stands behind the message, as behind any other */
		log_msg(LVL_WARNING, "log_lines_missing", "lines are missing in this log");
}

void log_msg(enum log_level level, const char *event, const char *fmt, ...)
{
	va_list ap;

	if (!log_wanted(level))
		return;
	va_start(ap, fmt);
	emit(level, event, fmt, ap);
	va_end(ap);
}

void log_problems(enum log_level level, const char *event, const char *objects, const char *fmt, ...)
{
	struct log_note direct, *note = log_wanted(level) ? note_get(&direct) : NULL;
	va_list ap;

	DCHECK(strlen(objects) <= LOG_PROBLEMS_MAX, "a list that a line has room for");
	if (note == NULL)
		return;
	va_start(ap, fmt);
	log_note_fill(note, level, event, 0, fmt, ap);
	va_end(ap);
	if (note->form.json && note->n <= LOG_PROBLEMS_MSG)
		note->problems = strdup(objects);
	note_put(note);
}

/* The begin of an episode is an event as well, also where its line has no room or is of no interest: since when it
 * lasts is what is asked later. The note's text may lack its end, where it was cut. */
static void begin_episode(uint64_t key, enum log_level level, const char *event, const struct log_note *note)
{
	log_episode_begin(&out.episodes, key, level, event, note->msg);
	event_tell(event_begin(), event, note->msg);
}

bool log_limited(enum log_level level, const char *event, const char *who, int cause, const char *fmt,
		 ...)
{
	struct log_note direct, *note;
	uint64_t key = log_episode_key(event, who, cause), suppressed = 0;
	bool begins;
	va_list ap;

	if (!log_episode_admit(&out.episodes, key, log_clock(CLOCK_MONOTONIC), &suppressed, &begins))
		return false;
	note = log_wanted(level) ? note_get(&direct) : NULL;
	va_start(ap, fmt);
	log_note_fill(note != NULL ? note : &direct, level, event, suppressed, fmt, ap);
	va_end(ap);
	if (begins)
		begin_episode(key, level, event, note != NULL ? note : &direct);
	if (note != NULL)
		note_put(note);
	return note != NULL;
}
