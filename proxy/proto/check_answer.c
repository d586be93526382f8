/* check_answer: memmem, and positions. */
#include "proxy/proto/check_answer.h"

#include <string.h>

/* Where the first occurrence ends; SIZE_MAX: there is none. */
static size_t end_of(const struct check_bytes *wanted, const uint8_t *p, size_t n)
{
	const uint8_t *at = wanted->p != NULL ? memmem(p, n, wanted->p, wanted->n) : NULL;

	return at != NULL ? (size_t)(at - p) + wanted->n : SIZE_MAX;
}

static size_t later(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* By the number of bytes after which each could be said, so that it is the same however they come. Without expect the
 * least number is good. At the same byte reject wins: "NOT OK" is no OK. */
enum check_answer check_answer_send(const struct check_wanted *w, const uint8_t *p, size_t n)
{
	size_t seen = n < CHECK_ANSWER_MOST ? n : CHECK_ANSWER_MOST, bad, good;

	bad = end_of(&w->reject, p, seen);
	if (bad != SIZE_MAX)
		bad = later(bad, w->least);
	good = w->expect.p != NULL ? end_of(&w->expect, p, seen) : later(w->least, w->reject.n);
	if (bad <= seen && bad <= good)
		return CHECK_ANSWER_BAD;
	if (good <= seen)
		return CHECK_ANSWER_GOOD;
	return seen == CHECK_ANSWER_MOST ? CHECK_ANSWER_LONG : CHECK_ANSWER_MORE;
}

/* ---- http ---- */

#define STATUS_LINE 12 /* "HTTP/1.1 200" */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The status of a line that begins at p.
 *   Returns  0: the line is no status line of HTTP/1; 1: it may become one with more bytes. */
static unsigned line_status(const uint8_t *p, size_t n)
{
	static const char form[] = "HTTP/1.d ddd";

	for (size_t i = 0; i < STATUS_LINE && i < n; i++)
		if (form[i] == 'd' ? !is_digit(p[i]) : p[i] != (uint8_t)form[i])
			return 0;
	if (n <= STATUS_LINE)
		return 1;
	if (p[STATUS_LINE] != ' ' && p[STATUS_LINE] != '\r' && p[STATUS_LINE] != '\n')
		return 0;
	return (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 + (unsigned)(p[11] - '0');
}

/* Behind the empty line that ends a header; CR LF or LF, as RFC 9112 lets a reader take them. 0: it has not come. */
static size_t header_end(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		if (p[i] != '\n')
			continue;
		if (p[i + 1] == '\n')
			return i + 2;
		if (p[i + 1] == '\r' && i + 2 < n && p[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* Chunks and compression are passed over: a text that they cut apart is not found, which the manual says. */
static enum check_answer judge_body(const struct check_bytes *body, const uint8_t *p, size_t n)
{
	size_t seen = n < CHECK_ANSWER_MOST ? n : CHECK_ANSWER_MOST;

	if (body->p == NULL || end_of(body, p, seen) != SIZE_MAX)
		return CHECK_ANSWER_GOOD;
	return seen == CHECK_ANSWER_MOST ? CHECK_ANSWER_LONG : CHECK_ANSWER_MORE;
}

/* Headers count towards one bound, those of 1xx too. A bad status needs no end of its header. */
enum check_answer check_answer_http(const struct check_wanted_http *w, const uint8_t *p, size_t n, unsigned *status)
{
	size_t at = 0;

	*status = 0;
	for (unsigned i = 0; i <= CHECK_INFORMS; i++) {
		size_t seen = (n < CHECK_ANSWER_MOST ? n : CHECK_ANSWER_MOST) - at, end;
		unsigned is = line_status(p + at, seen);

		if (is > 1)
			*status = is;
		if (is == 0 || (is >= 200 && (is < w->low || is > w->high)) || (is > 1 && is < 100))
			return CHECK_ANSWER_BAD;
		end = header_end(p + at, seen);
		if (end == 0)
			return at + seen == CHECK_ANSWER_MOST ? CHECK_ANSWER_LONG : CHECK_ANSWER_MORE;
		at += end;
		if (is >= 200)
			return judge_body(&w->body, p + at, n - at);
	}
	return CHECK_ANSWER_BAD;
}
