/* The process log. Its one instance is in file scope on purpose: events come from every layer,
 * there is one stderr, and a handle in every call would add nothing. */
#include "proxy/log/log.h"

#include <pthread.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/log/log_note.h"
#include "proxy/log/log_priv.h"
#include "proxy/log/log_spool.h"

/* Where a message goes. Only log_start_thread and log_stop_thread change it, when there is one
 * thread. */
enum way {
	WAY_DIRECT, /* the caller writes: before the other threads run, and after them */
	WAY_SPOOL,  /* the log thread writes */
	WAY_NONE,   /* the log thread hangs in a write: the descriptor would take us with it */
};

static struct {
	enum log_level level; /* atomic: a reload may change it */
	enum way way;
	bool json; /* const after log_init, as fd */
	int fd;
	pthread_mutex_t lock; /* protects the rest; held for one write that cannot block */
	uint64_t missed;      /* by WAY_DIRECT, since the last line that said so */
	char line[LOG_NOTE_LINE];
} out = {.level = LVL_NOTICE, .fd = STDERR_FILENO, .lock = PTHREAD_MUTEX_INITIALIZER};

int64_t log_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

bool log_is_json(enum log_format format, int fd)
{
	if (format == LOG_FORMAT_AUTO)
		return isatty(fd) == 0;
	return format == LOG_FORMAT_JSON;
}

void log_init(enum log_level level, enum log_format format, int fd)
{
	out.level = level;
	out.way = WAY_DIRECT;
	out.json = log_is_json(format, fd);
	out.fd = fd;
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&out.level, level, __ATOMIC_RELAXED);
}

static bool wanted(enum log_level level)
{
	CHECK((unsigned)level < LVL_LEVELS, "a log level comes from LOG_LEVEL_TBL");
	return level <= __atomic_load_n(&out.level, __ATOMIC_RELAXED);
}

/* Writes the line only if the descriptor takes it at once. stderr belongs to the process that
 * started us too, so it must stay blocking. */
static bool write_line(const struct text *t)
{
	struct log_sink sink;

	log_sink_use(&sink, out.fd);
	return log_sink_write(&sink, t->p, t->n, 0) == (ssize_t)t->n;
}

static void log_direct(struct log_note *note)
{
	struct text line;

	pthread_mutex_lock(&out.lock);
	text_init(&line, out.line, sizeof(out.line));
	note->missed = out.missed;
	log_note_line(&line, note, out.json);
	if (write_line(&line))
		out.missed = 0;
	else
		out.missed++;
	pthread_mutex_unlock(&out.lock);
}

static void emit(enum log_level level, const char *event, uint64_t suppressed, const char *fmt,
		 va_list ap)
{
	struct log_note direct, *note = &direct;

	if (out.way == WAY_NONE)
		return;
	if (out.way == WAY_SPOOL)
		note = spool_reserve();
	if (note == NULL)
		return;
	log_note_fill(note, level, event, suppressed, fmt, ap);
	if (out.way == WAY_SPOOL)
		spool_commit(note);
	else
		log_direct(note);
}

int log_start_thread(void)
{
	int err;

	DCHECK(out.way == WAY_DIRECT, "the log thread is started once");
	err = spool_start(out.fd, out.json);
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

	if (!wanted(level))
		return;
	va_start(ap, fmt);
	emit(level, event, 0, fmt, ap);
	va_end(ap);
}

/* Relaxed: the site guards nothing but its own line, and two threads at the edge of a period may
 * not both win. */
bool log_site_admit(struct log_site *site, int64_t now, uint64_t *suppressed)
{
	int64_t next = __atomic_load_n(&site->next, __ATOMIC_RELAXED);
	int64_t after = now + LOG_SITE_PERIOD;

	if (now < next || !__atomic_compare_exchange_n(&site->next, &next, after, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		__atomic_fetch_add(&site->suppressed, 1, __ATOMIC_RELAXED);
		return false;
	}
	*suppressed = __atomic_exchange_n(&site->suppressed, 0, __ATOMIC_RELAXED);
	return true;
}

void log_limited(struct log_site *site, enum log_level level, const char *event, const char *fmt,
		 ...)
{
	uint64_t suppressed = 0;
	va_list ap;

	if (!wanted(level) || !log_site_admit(site, log_clock(CLOCK_MONOTONIC), &suppressed))
		return;
	va_start(ap, fmt);
	emit(level, event, suppressed, fmt, ap);
	va_end(ap);
}
