/* Formats and sends the datagrams, and keeps account of a daemon that is gone. */
#include "proxy/log/log_syslog.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/text/utf8.h"
#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"
#include "proxy/log/log_priv.h"

#define MARK         "\xef\xbb\xbf" /* U+FEFF in UTF-8 */
#define SEQUENCE_MAX 2147483647u    /* RFC 5424, 7.3.1 */

/* ---- the line ---- */

static bool is_ascii(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x80)
			return false;
	return true;
}

static void put_byte(struct text *t, unsigned char c)
{
	char e[4] = {'\\', 'x', digit_hex(c >> 4), digit_hex(c)};

	text_bytes(t, e, sizeof(e));
}

/* A character as it is, or, if it could do harm on a terminal, each of its bytes as \xNN. */
static void put_shown_utf8(struct text *t, const char *p, size_t n)
{
	while (n > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(p, n, &c);
		bool plain = len > 0 && c >= 0x20 && c != 0x7f && !utf8_is_hostile(c);

		if (len == 0)
			len = 1;
		for (size_t i = 0; i < len && !plain; i++)
			put_byte(t, (unsigned char)p[i]);
		if (plain)
			text_bytes(t, p, len);
		p += len;
		n -= len;
	}
}

size_t log_syslog_cut(const char *p, size_t n, size_t most)
{
	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)p[most] & 0xc0) == 0x80)
		most--;
	return most;
}

static void put_count(struct text *t, uint64_t n, const char *of)
{
	if (n == 0)
		return;
	text_str(t, " (");
	text_u64(t, n);
	text_str(t, of);
}

/* The note keeps LOG_MSG_MAX bytes of a longer message, perhaps with half a character at their end. */
static void put_msg(struct text *t, const struct log_note *note)
{
	size_t n = note->n;

	if (n > LOG_MSG_MAX)
		n = log_syslog_cut(note->msg, n, LOG_MSG_MAX - 1);
	if (!is_ascii(note->msg, n) || (note->problems != NULL && !is_ascii(note->problems, strlen(note->problems))))
		text_str(t, MARK);
	put_shown_utf8(t, note->msg, n);
	if (n < note->n)
		text_str(t, TEXT_TRUNCATED);
	put_count(t, note->suppressed, " more like it suppressed)");
	put_count(t, note->missed, note->missed == 1 ? " earlier line missed)" : " earlier lines missed)");
	if (note->problems != NULL) {
		text_str(t, " [");
		put_shown_utf8(t, note->problems, strlen(note->problems));
		text_char(t, ']');
	}
}

void log_syslog_line(struct text *t, const struct log_note *note, int facility, const char *host, unsigned sequence)
{
	text_char(t, '<');
	text_u64(t, (uint64_t)facility * 8 + (uint64_t)log_level_number(note->level));
	text_str(t, ">1 ");
	text_time(t, note->time);
	text_char(t, ' ');
	text_str(t, host);
	text_str(t, " staunch ");
	text_u64(t, (uint64_t)getpid());
	text_char(t, ' ');
	text_str(t, note->event);
	text_str(t, " [meta sequenceId=\"");
	text_u64(t, sequence);
	text_str(t, "\"] ");
	put_msg(t, note);
	DCHECK(!t->cut, "a datagram has room for every byte escaped");
}

/* ---- the socket ---- */

/* The kernel's name for this machine, without a look-up; RFC 5424 has - for none. */
static void find_host(char *host)
{
	if (gethostname(host, LOG_SYSLOG_HOST - 1) < 0)
		host[0] = '\0';
	host[LOG_SYSLOG_HOST - 1] = '\0';
	for (char *c = host; *c != '\0'; c++)
		if (*c < 0x21 || *c > 0x7e)
			*c = '_';
	if (host[0] == '\0')
		snprintf(host, LOG_SYSLOG_HOST, "-");
}

static void close_socket(struct log_syslog *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* Connected, so that a refusal is told, and poll waits for the room of this daemon. */
static int open_syslog_socket(struct log_syslog *s)
{
	const struct np_addr *a = &s->to.addr;
	int err = 0;

	s->fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return err_from_errno();
	if (connect(s->fd, &a->u.sa, a->len) < 0) {
		err = err_from_errno();
		close_socket(s);
	}
	return err;
}

static int send_datagram(const struct log_syslog *s, size_t n)
{
	return send(s->fd, s->line, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : err_from_errno();
}

/* What is too long for a datagram goes out shortened: the begin says what happened. */
static int send_line(struct log_syslog *s, size_t n, int ms)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	int err = send_datagram(s, n);

	if (err == -NP_EAGAIN && poll(&pfd, 1, ms) > 0)
		err = send_datagram(s, n);
	if (err == -EMSGSIZE)
		err = send_datagram(s, log_syslog_cut(s->line, n, LOG_SYSLOG_SHORT));
	return err;
}

static bool is_udp(const struct log_syslog *s)
{
	return !np_addr_is_unix(&s->to.addr);
}

/* A daemon that was started anew has another socket at the same path: one look for it, so that a restart costs no
 * line. */
static int send_or_reopen(struct log_syslog *s, size_t n, int ms)
{
	int err = send_line(s, n, ms);

	if (err == 0 || err == -NP_EAGAIN || is_udp(s) || s->state != SYSLOG_UP)
		return err;
	close_socket(s);
	err = open_syslog_socket(s);
	return err == 0 ? send_line(s, n, ms) : err;
}

/* ---- up and down ---- */

static struct log_note *syslog_tell(struct log_syslog *s, enum log_level level, const char *event,
				    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s->told = (struct log_note){0};
	log_note_fill(&s->told, level, event, 0, fmt, ap);
	va_end(ap);
	return &s->told;
}

static void address_text(const struct log_syslog *s, char *out)
{
	np_addr_format(&s->to.addr.u.sa, s->to.addr.len, out, NP_ADDR_TEXT);
}

/* Told once: when it goes down, not at each attempt that fails. */
static struct log_note *go_down(struct log_syslog *s, int err, int64_t now)
{
	bool was = s->state != SYSLOG_UP;
	char addr[NP_ADDR_TEXT];

	close_socket(s);
	s->state = SYSLOG_DOWN;
	s->err = err;
	s->next = now + LOG_SYSLOG_RETRY;
	if (was)
		return NULL;
	address_text(s, addr);
	return syslog_tell(s, LVL_WARNING, "syslog_failed", "syslog at %s: %s; it is tried again each second", addr,
		    err == -NP_EAGAIN ? "it takes nothing" : np_err_text(err));
}

static struct log_note *come_up(struct log_syslog *s)
{
	uint64_t missed = s->missed;
	char addr[NP_ADDR_TEXT];

	s->state = SYSLOG_UP;
	s->missed = s->unsure = 0;
	address_text(s, addr);
	return syslog_tell(s, LVL_WARNING, "syslog_recovered", "syslog at %s is back; it missed %llu %s", addr,
		    (unsigned long long)missed, missed == 1 ? "line" : "lines");
}

/* A socket again, at most once a second. It changes to TRIAL alone: who sends sees what comes of it. */
static bool try_again(struct log_syslog *s, int64_t now)
{
	int err;

	if (now < s->next)
		return false;
	err = open_syslog_socket(s);
	if (err != 0) {
		(void)go_down(s, err, now);
		return false;
	}
	s->state = SYSLOG_TRIAL;
	s->unsure = 0;
	s->next = now + (is_udp(s) ? LOG_SYSLOG_RETRY : 0);
	return true;
}

/* What the socket says of the datagrams so far: a refusal, or a queue without room. */
static int trial_error(const struct log_syslog *s)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) == 0 && err != 0)
		return -err;
	return poll(&pfd, 1, 0) > 0 ? 0 : -NP_EAGAIN;
}

/* A trial ends well if its second is over, a line was sent, and no refusal came. A Unix socket that could be connected
 * needs no second. */
static struct log_note *judge_trial(struct log_syslog *s, int64_t now)
{
	int err;

	if (now < s->next || (is_udp(s) && s->unsure == 0))
		return NULL;
	err = trial_error(s);
	if (err == 0)
		return come_up(s);
	s->missed += is_udp(s) ? s->unsure : 0; /* a Unix socket has what it took */
	return go_down(s, err, now);
}

/* ---- what the log calls ---- */

/* It is off until the first order. A daemon that is lost and replaced leaves its count to the next one. */
static struct log_note *syslog_adopt(struct log_syslog *s, int64_t now)
{
	int err;

	pthread_mutex_lock(&s->lock);
	__atomic_store_n(&s->changed, false, __ATOMIC_SEQ_CST);
	s->to = s->wanted;
	pthread_mutex_unlock(&s->lock);
	if (s->state != SYSLOG_OFF)
		close_socket(s);
	s->state = SYSLOG_OFF;
	if (s->to.addr.len == 0)
		return NULL;
	find_host(s->host);
	s->state = SYSLOG_UP;
	err = open_syslog_socket(s);
	if (err != 0)
		return go_down(s, err, now);
	return s->missed > 0 ? come_up(s) : NULL;
}

void log_syslog_set(struct log_syslog *s, const struct log_syslog_to *to)
{
	bool same;

	pthread_mutex_lock(&s->lock);
	same = to->facility == s->wanted.facility && to->addr.len == s->wanted.addr.len &&
	       memcmp(&to->addr.u, &s->wanted.addr.u, to->addr.len) == 0;
	s->wanted = *to;
	if (!same)
		__atomic_store_n(&s->changed, true, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&s->lock);
}

bool log_syslog_changed(const struct log_syslog *s)
{
	return __atomic_load_n(&s->changed, __ATOMIC_SEQ_CST);
}

struct log_note *log_syslog_turn(struct log_syslog *s, int64_t now)
{
	if (log_syslog_changed(s))
		return syslog_adopt(s, now);
	if (s->state == SYSLOG_DOWN && !try_again(s, now))
		return NULL;
	return s->state == SYSLOG_TRIAL ? judge_trial(s, now) : NULL;
}

bool log_syslog_waits(const struct log_syslog *s)
{
	return s->state == SYSLOG_DOWN || s->state == SYSLOG_TRIAL;
}

/* A refusal is that of an earlier datagram where the daemon is reached by UDP: that one is lost, too. */
static struct log_note *count_unsent(struct log_syslog *s, int err, int64_t now)
{
	if (s->state == SYSLOG_TRIAL)
		s->missed += s->unsure;
	else if (is_udp(s) && err == -NP_ECONNREFUSED)
		s->missed++;
	s->missed++;
	return go_down(s, err, now);
}

struct log_note *log_syslog_send(struct log_syslog *s, const struct log_note *note, int64_t now, int ms)
{
	struct text t;
	int err;

	if (s->state == SYSLOG_OFF)
		return NULL;
	s->sequence = s->sequence < SEQUENCE_MAX ? s->sequence + 1 : 1;
	if (s->state == SYSLOG_DOWN && !try_again(s, now)) {
		s->missed++;
		return NULL;
	}
	text_init(&t, s->line, sizeof(s->line));
	log_syslog_line(&t, note, s->to.facility, s->host, s->sequence);
	err = send_or_reopen(s, t.n, ms);
	if (err != 0)
		return count_unsent(s, err, now);
	if (s->state != SYSLOG_TRIAL)
		return NULL;
	s->unsure++;
	return judge_trial(s, now);
}
