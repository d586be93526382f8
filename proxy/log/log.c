/* The process log. Its one instance is in file scope on purpose: events come from every layer,
 * there is one stderr, and a handle in every call would add nothing. */
#include "proxy/log/log.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/text.h"
#include "proxy/log/log_priv.h"

#define MSG_MAX  512
#define LINE_BUF PIPE_BUF /* what a pipe that polls writable takes without blocking */
_Static_assert(MSG_MAX * 6 + 512 <= LINE_BUF, "a line with every byte escaped fits");

struct note {
	enum log_level level;
	const char    *event;
	uint64_t       suppressed;
	const char    *msg;
	size_t         n; /* length of the message; msg has MSG_MAX bytes of a longer one */
};

static struct {
	enum log_level level; /* atomic: a reload may change it */
	bool json;            /* const after log_init, as fd */
	int fd;
	pthread_mutex_t lock; /* protects the rest; held for one write that cannot block */
	uint64_t missed;
	char line[LINE_BUF];
} out = {.level = LVL_NOTICE, .fd = STDERR_FILENO, .lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const words[LVL_LEVELS] = {
#define X(level, word) [LVL_##level] = #word,
	LOG_LEVEL_TBL(X)
#undef X
};

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
	out.json = log_is_json(format, fd);
	out.fd = fd;
}

void log_set_level(enum log_level level)
{
	__atomic_store_n(&out.level, level, __ATOMIC_RELAXED);
}

static void put_message(struct text *t, const struct note *note, enum text_style style)
{
	text_escape(t, note->msg, note->n <= MSG_MAX ? note->n : MSG_MAX, style);
	if (note->n > MSG_MAX)
		text_str(t, TEXT_TRUNCATED);
}

static void put_number(struct text *t, const char *before, uint64_t n, const char *after)
{
	if (n == 0)
		return;
	text_str(t, before);
	text_u64(t, n);
	text_str(t, after);
}

static void line_json(struct text *t, const struct note *note)
{
	text_str(t, "{\"time\":\"");
	text_time(t, log_clock(CLOCK_REALTIME));
	text_str(t, "\",\"level\":\"");
	text_str(t, words[note->level]);
	text_str(t, "\",\"event\":\"");
	text_str(t, note->event);
	text_str(t, "\",\"message\":\"");
	put_message(t, note, TEXT_JSON);
	text_char(t, '"');
	put_number(t, ",\"suppressed\":", note->suppressed, "");
	put_number(t, ",\"missed\":", out.missed, "");
	text_str(t, "}\n");
}

static void line_text(struct text *t, const struct note *note)
{
	text_str(t, "staunch: ");
	text_str(t, words[note->level]);
	text_str(t, ": ");
	put_message(t, note, TEXT_PLAIN);
	put_number(t, " (", note->suppressed, " more like it suppressed)");
	put_number(t, " (", out.missed, " earlier lines missed)");
	text_char(t, '\n');
}

/* Writes a line only where that cannot block, whatever the mode of the descriptor. It is not set
 * non-blocking: it is shared with whoever started us. */
static bool write_line(const struct text *t)
{
	struct pollfd p = {.fd = out.fd, .events = POLLOUT};
	ssize_t n;

	if (t->cut || poll(&p, 1, 0) != 1)
		return false;
	do
		n = write(out.fd, t->p, t->n);
	while (n < 0 && err_from_errno() == -NP_EINTR);
	return n == (ssize_t)t->n;
}

static bool wanted(enum log_level level)
{
	CHECK((unsigned)level < LVL_LEVELS, "a log level comes from LOG_LEVEL_TBL");
	return level <= __atomic_load_n(&out.level, __ATOMIC_RELAXED);
}

static void emit(struct note *note, const char *fmt, va_list ap)
{
	char msg[MSG_MAX + 1];
	int n = vsnprintf(msg, sizeof(msg), fmt, ap);
	struct text t;

	note->msg = msg;
	note->n = n > 0 ? (size_t)n : 0;
	pthread_mutex_lock(&out.lock);
	text_init(&t, out.line, sizeof(out.line));
	if (out.json)
		line_json(&t, note);
	else
		line_text(&t, note);
	if (write_line(&t))
		out.missed = 0;
	else
		out.missed++;
	pthread_mutex_unlock(&out.lock);
}

void log_msg(enum log_level level, const char *event, const char *fmt, ...)
{
	struct note note = {.level = level, .event = event};
	va_list ap;

	if (!wanted(level))
		return;
	va_start(ap, fmt);
	emit(&note, fmt, ap);
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
	struct note note = {.level = level, .event = event};
	va_list ap;

	if (!wanted(level) || !log_site_admit(site, log_clock(CLOCK_MONOTONIC), &note.suppressed))
		return;
	va_start(ap, fmt);
	emit(&note, fmt, ap);
	va_end(ap);
}
