/* Appends strings, numbers, times and escaped bytes to memory of a fixed size. */
#include "proxy/base/text.h"

#include <string.h>
#include <time.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"

#define NS_PER_S 1000000000

bool text_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void text_init(struct text *t, char *p, size_t cap)
{
	*t = (struct text){.p = p, .cap = cap};
}

void text_bytes(struct text *t, const void *p, size_t n)
{
	DCHECK(t->n <= t->cap, "a text ends within its memory");
	if (t->cut || n > t->cap - t->n) {
		t->cut = true;
		return;
	}
	if (n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

void text_str(struct text *t, const char *s)
{
	text_bytes(t, s, strlen(s));
}

void text_char(struct text *t, char c)
{
	text_bytes(t, &c, 1);
}

int text_problem(struct text *err, const char *subject, const char *problem, int code)
{
	text_str(err, subject);
	text_str(err, ": ");
	text_str(err, problem);
	if (np_err_remedy(code) != NULL) {
		text_str(err, "; ");
		text_str(err, np_err_remedy(code));
	}
	return code;
}

/* Appends a number in decimal with at least `width` digits, with zeros in front. All digits come in
 * one piece, so that a number is never cut in the middle. */
static void put_digits(struct text *t, uint64_t v, size_t width)
{
	char d[20]; /* of the largest number */
	size_t at = sizeof(d);

	DCHECK(width <= sizeof(d), "no caller wants more zeros than that");

	while (at > 0 && (v > 0 || sizeof(d) - at < width)) {
		d[--at] = (char)('0' + v % 10);
		v /= 10;
	}
	text_bytes(t, d + at, sizeof(d) - at);
}

void text_u64(struct text *t, uint64_t v)
{
	put_digits(t, v, 1);
}

void text_i64(struct text *t, int64_t v)
{
	char d[21];
	struct text number;

	text_init(&number, d, sizeof(d));
	if (v < 0)
		text_char(&number, '-');
	put_digits(&number, v < 0 ? -(uint64_t)v : (uint64_t)v, 1);
	text_bytes(t, number.p, number.n);
}

void text_ms(struct text *t, uint64_t ns)
{
	char d[24];
	struct text number;

	text_init(&number, d, sizeof(d));
	put_digits(&number, ns / 1000000, 1);
	text_char(&number, '.');
	put_digits(&number, ns / 1000 % 1000, 3);
	text_bytes(t, number.p, number.n);
}

void text_time(struct text *t, int64_t ns)
{
	int64_t frac = ns % NS_PER_S;
	time_t s = (time_t)(ns / NS_PER_S);
	char d[32];
	struct text stamp;
	struct tm tm;

	if (frac < 0) { /* before 1970: the seconds count down, but a fraction always counts up */
		frac += NS_PER_S;
		s--;
	}
	gmtime_r(&s, &tm);
	text_init(&stamp, d, sizeof(d));
	put_digits(&stamp, (uint64_t)tm.tm_year + 1900, 4);
	text_char(&stamp, '-');
	put_digits(&stamp, (uint64_t)tm.tm_mon + 1, 2);
	text_char(&stamp, '-');
	put_digits(&stamp, (uint64_t)tm.tm_mday, 2);
	text_char(&stamp, 'T');
	put_digits(&stamp, (uint64_t)tm.tm_hour, 2);
	text_char(&stamp, ':');
	put_digits(&stamp, (uint64_t)tm.tm_min, 2);
	text_char(&stamp, ':');
	put_digits(&stamp, (uint64_t)tm.tm_sec, 2);
	text_char(&stamp, '.');
	put_digits(&stamp, (uint64_t)frac / 1000, 6);
	text_char(&stamp, 'Z');
	text_bytes(t, stamp.p, stamp.n);
}

/* The two largest units, and never a second when there are hours: nobody waits by that. */
void text_left(struct text *t, int64_t ns)
{
	uint64_t s = ns > 0 ? ((uint64_t)ns + NS_PER_S - 1) / NS_PER_S : 0, m = s / 60, h = m / 60;
	char d[48];
	struct text left;

	text_init(&left, d, sizeof(d));
	if (h >= 24) {
		text_u64(&left, h / 24);
		text_char(&left, 'd');
	}
	if (h % 24 > 0) {
		text_u64(&left, h % 24);
		text_char(&left, 'h');
	}
	if (h < 24 && m % 60 > 0) {
		text_u64(&left, m % 60);
		text_char(&left, 'm');
	}
	if (h == 0 && (s % 60 > 0 || s == 0)) {
		text_u64(&left, s % 60);
		text_char(&left, 's');
	}
	text_bytes(t, left.p, left.n);
}

/* May this byte stand in a line and between quotes in either style? */
static bool is_plain_byte(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

/* The letter of the two-byte escapes that JSON has (RFC 8259, 7), or 0. */
static char short_escape(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

/* The whole escape is one piece too: half of one would change the meaning of what follows. */
static void put_escape(struct text *t, unsigned char c, enum text_style style)
{
	char e[6];
	struct text escape;

	text_init(&escape, e, sizeof(e));
	if (style == TEXT_JSON && short_escape(c) != 0) {
		text_char(&escape, '\\');
		text_char(&escape, short_escape(c));
	} else {
		text_str(&escape, style == TEXT_JSON ? "\\u00" : "\\x");
		text_char(&escape, digit_hex(c >> 4));
		text_char(&escape, digit_hex(c));
	}
	text_bytes(t, escape.p, escape.n);
}

void text_escape(struct text *t, const void *p, size_t n, enum text_style style)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++) {
		if (is_plain_byte(c[i]))
			text_char(t, (char)c[i]);
		else
			put_escape(t, c[i], style);
	}
}

void text_field(struct text *t, const void *p, size_t n, enum text_style style)
{
	if (n <= TEXT_FIELD_MAX) {
		text_escape(t, p, n, style);
		return;
	}
	text_escape(t, p, TEXT_FIELD_MAX, style);
	text_str(t, TEXT_TRUNCATED);
}
