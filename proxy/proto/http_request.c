/* Finds the end of a request's head, and reads its line and the headers that the control plane knows. */
#include "proxy/proto/http_request.h"

#include <string.h>
#include <strings.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"

/* ---- the end of the head ---- */

static enum http_verdict wrong_head(const char **why, const char *what)
{
	*why = what;
	return HTTP_WRONG;
}

/* Each byte is looked at once, however few come at a time. */
enum http_verdict http_head_find(struct http_head *h, const char *p, size_t n, const char **why)
{
	DCHECK(h->seen <= n && h->line <= h->seen, "a head only grows");
	while (h->seen < n) {
		size_t at = h->seen++, line = h->line;

		if (at >= HTTP_REQUEST_HEAD)
			return wrong_head(why, "the head is too long");
		if (p[at] == '\0')
			return wrong_head(why, "there is a NUL in the head");
		if (p[at] != '\n')
			continue;
		if (at == line || p[at - 1] != '\r')
			return wrong_head(why, "a line ends with LF alone");
		h->line = at + 1;
		if (at - 1 == line)
			return HTTP_OK;
	}
	return HTTP_MORE;
}

/* ---- characters ---- */

/* RFC 9110, 5.6.2: the bytes of a method or of a header's name. */
static bool is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || digit_is_decimal(c) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct http_span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_byte(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool http_span_is(struct http_span s, const char *text)
{
	return s.p != NULL && s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

bool http_list_has(struct http_span list, const char *word)
{
	size_t n = strlen(word), at = 0;

	while (at < list.n) {
		const char *p = list.p + at, *comma = memchr(p, ',', list.n - at);
		size_t left = comma != NULL ? (size_t)(comma - p) : list.n - at;

		at += left + 1;
		for (; left > 0 && is_space(*p); left--)
			p++;
		if (left >= n && strncasecmp(p, word, n) == 0 && (left == n || p[n] == ';' || is_space(p[n])))
			return true;
	}
	return false;
}

bool http_accepts(const struct http_request *r, const char *type)
{
	return http_list_has(r->accept, type);
}

/* Decodes percent signs, once. plus: a plus sign is a space, as in a query.
 *   Returns  the length, with a NUL behind it; -NP_EINVAL: half an escape, a NUL, or more than fits. */
static ssize_t percent_decode(struct http_span s, bool plus, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (plus && c == '+')
			c = ' ';
		if (c == '%') {
			int high = i + 2 < s.n ? digit_hex_value(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? digit_hex_value(s.p[i + 2]) : -1;

			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return -NP_EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (n + 1 >= cap)
			return -NP_EINVAL;
		out[n++] = c;
	}
	out[n] = '\0';
	return (ssize_t)n;
}

ssize_t http_query_get(const struct http_request *r, const char *name, char *out, size_t cap)
{
	const char *at = r->query.p, *end = at != NULL ? at + r->query.n : NULL;
	size_t len = strlen(name);

	while (at != NULL && at < end) {
		const char *amp = memchr(at, '&', (size_t)(end - at)), *stop = amp != NULL ? amp : end;
		const char *eq = memchr(at, '=', (size_t)(stop - at)), *key_end = eq != NULL ? eq : stop;

		if ((size_t)(key_end - at) == len && memcmp(at, name, len) == 0) {
			const char *value = eq != NULL ? eq + 1 : stop;

			return percent_decode((struct http_span){value, (size_t)(stop - value)}, true, out, cap);
		}
		at = amp != NULL ? amp + 1 : end;
	}
	return -NP_ENOENT;
}

int http_query_next(const struct http_request *r, size_t *at, char *name, char *value, size_t cap)
{
	struct http_span part, key, rest = {.n = 0};
	const char *amp, *eq;

	while (*at < r->query.n && r->query.p[*at] == '&')
		++*at;
	if (*at >= r->query.n)
		return 0;
	part = (struct http_span){r->query.p + *at, r->query.n - *at};
	amp = memchr(part.p, '&', part.n);
	if (amp != NULL)
		part.n = (size_t)(amp - part.p);
	*at += part.n + (amp != NULL);
	key = part;
	eq = memchr(part.p, '=', part.n);
	if (eq != NULL) {
		key.n = (size_t)(eq - part.p);
		rest = (struct http_span){eq + 1, part.n - key.n - 1};
	}
	if (percent_decode(key, true, name, cap) < 0 || percent_decode(rest, true, value, cap) < 0)
		return -NP_EINVAL;
	return 1;
}

/* ---- the request line ---- */

static enum http_verdict wrong_request(struct http_request *r, unsigned status, const char *why)
{
	r->status = status;
	r->why = why;
	return HTTP_WRONG;
}

/* The bytes up to the next space, or to the end; *at moves behind the space. */
static struct http_span next_word(const char **at, const char *end)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at)), *stop = space != NULL ? space : end;
	struct http_span s = {*at, (size_t)(stop - *at)};

	*at = space != NULL ? space + 1 : end;
	return s;
}

static bool read_method(struct http_request *r, struct http_span s)
{
	static const struct {
		const char *word;
		enum http_method method;
	} known[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD}, {"POST", HTTP_POST}};

	for (size_t i = 0; i < array_len(known); i++)
		if (s.n == strlen(known[i].word) && memcmp(s.p, known[i].word, s.n) == 0) {
			r->method = known[i].method;
			return true;
		}
	return false;
}

/* HTTP/1.1 and what a later minor version would be; 1.0 has neither chunks nor a connection that stays unasked. */
static bool read_version(struct http_request *r, struct http_span s)
{
	if (s.n != 8 || memcmp(s.p, "HTTP/1.", 7) != 0 || !digit_is_decimal(s.p[7]))
		return false;
	r->chunks = r->keep_alive = s.p[7] != '0';
	return true;
}

/* "/path?query" or "http://host/path?query"; a fragment is not for servers, and its sign is no byte of a target. */
static bool read_target(struct http_request *r, struct http_span s)
{
	const char *mark;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '#')
			return false;
	if (s.n > 7 && strncasecmp(s.p, "http://", 7) == 0) {
		const char *slash = memchr(s.p + 7, '/', s.n - 7);
		size_t host = slash != NULL ? (size_t)(slash - s.p - 7) : s.n - 7;

		r->host = (struct http_span){s.p + 7, host};
		s = slash != NULL ? (struct http_span){slash, s.n - 7 - host} : (struct http_span){"/", 1};
	}
	if (s.n == 0 || s.p[0] != '/')
		return false;
	mark = memchr(s.p, '?', s.n);
	if (mark != NULL) {
		r->query = (struct http_span){mark + 1, (size_t)(s.p + s.n - mark - 1)};
		s.n = (size_t)(mark - s.p);
	}
	return percent_decode(s, false, r->path, sizeof(r->path)) > 0;
}

static enum http_verdict read_line(struct http_request *r, const char *at, const char *end)
{
	struct http_span method = next_word(&at, end), target = next_word(&at, end), version = next_word(&at, end);

	if (at != end || end[-1] == ' ' || !is_token(method) || !read_version(r, version))
		return wrong_request(r, 400, "the request line is not METHOD TARGET HTTP/1.x");
	if (!read_method(r, method))
		return wrong_request(r, 405, "the method is none of GET, HEAD and POST");
	if (!read_target(r, target))
		return wrong_request(r, 400, "the target is no path, or its percent signs cannot be decoded");
	return HTTP_OK;
}

/* ---- the headers ---- */

/* What has been seen, as bits; all but ONCE_ENCODING may stand at most once. */
enum once {
	ONCE_HOST = 1,
	ONCE_LENGTH = 2,
	ONCE_ORIGIN = 4,
	ONCE_TOKEN = 8,
	ONCE_X = 16,
	ONCE_MATCH = 32,
	ONCE_ENCODING = 64,
};

/* Digits alone: signs and lists of lengths are how requests are smuggled. */
static const char *content_length(struct http_request *r, struct http_span v)
{
	size_t n = 0;

	for (size_t i = 0; i < v.n; i++) {
		if (!digit_is_decimal(v.p[i]))
			return "the Content-Length is not a number";
		if (n <= HTTP_REQUEST_BODY) /* a larger one need not be known exactly */
			n = n * 10 + (size_t)(v.p[i] - '0');
	}
	r->length = n;
	return v.n == 0 ? "the Content-Length is empty" : NULL;
}

/* A list of words; close wins over keep-alive. */
static void connection_words(struct http_request *r, struct http_span v)
{
	for (size_t at = 0; at < v.n;) {
		const char *comma = memchr(v.p + at, ',', v.n - at);
		size_t end = comma != NULL ? (size_t)(comma - v.p) : v.n, next = end + 1;
		struct http_span word;

		while (at < end && is_space(v.p[at]))
			at++;
		while (end > at && is_space(v.p[end - 1]))
			end--;
		word = (struct http_span){v.p + at, end - at};
		at = next;
		if (http_span_is(word, "close")) {
			r->keep_alive = false;
			return;
		}
		if (http_span_is(word, "keep-alive"))
			r->keep_alive = true;
	}
}

/* Any other scheme is no token, and the gate refuses without one. */
static void bearer_token(struct http_request *r, struct http_span v)
{
	if (v.n <= 7 || strncasecmp(v.p, "Bearer ", 7) != 0)
		return;
	r->token = (struct http_span){v.p + 7, v.n - 7};
	while (r->token.n > 0 && r->token.p[0] == ' ') {
		r->token.p++;
		r->token.n--;
	}
}

/* A name that we do not know changes nothing.   Returns  NULL, or what is wrong with the header. */
static const char *known_header(struct http_request *r, unsigned *seen, struct http_span name, struct http_span v)
{
	static const struct {
		const char *name;
		enum once once;
		const char *twice;
	} unique[] = {
		{"Host", ONCE_HOST, "there are two Host headers"},
		{"Content-Length", ONCE_LENGTH, "there are two Content-Length headers"},
		{"Origin", ONCE_ORIGIN, "there are two Origin headers"},
		{"Authorization", ONCE_TOKEN, "there are two Authorization headers"},
		{"X-Staunch", ONCE_X, "there are two X-Staunch headers"},
		{"If-Match", ONCE_MATCH, "there are two If-Match headers"},
	};
	unsigned bit = 0;

	for (size_t i = 0; i < array_len(unique); i++) {
		if (!http_span_is(name, unique[i].name))
			continue;
		bit = unique[i].once;
		if (*seen & bit)
			return unique[i].twice;
		*seen |= bit;
	}
	if (bit == ONCE_HOST && r->host.p == NULL)
		r->host = v;
	if (bit == ONCE_LENGTH)
		return content_length(r, v);
	if (bit == ONCE_ORIGIN)
		r->origin = v;
	if (bit == ONCE_TOKEN)
		bearer_token(r, v);
	if (bit == ONCE_X)
		r->header_x = v;
	if (bit == ONCE_MATCH)
		r->if_match = v;
	if (http_span_is(name, "Accept"))
		r->accept = v;
	if (http_span_is(name, "Accept-Encoding"))
		r->accept_encoding = v;
	if (http_span_is(name, "If-None-Match"))
		r->if_none_match = v;
	if (http_span_is(name, "Cookie"))
		r->cookie = v;
	if (http_span_is(name, "Connection"))
		connection_words(r, v);
	if (http_span_is(name, "Expect"))
		r->expects = http_span_is(v, "100-continue");
	return NULL;
}

/* One line of the head; end is behind its last byte, CR LF not counted. */
static const char *read_field_line(struct http_request *r, unsigned *seen, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	struct http_span name, v;

	if (is_space(p[0]))
		return "a header goes on over two lines";
	if (colon == NULL)
		return "a header has no colon";
	name = (struct http_span){p, (size_t)(colon - p)};
	if (!is_token(name))
		return "a header has no valid name";
	for (p = colon + 1; p < end && is_space(*p); p++)
		;
	while (end > p && is_space(end[-1]))
		end--;
	v = (struct http_span){p, (size_t)(end - p)};
	for (size_t i = 0; i < v.n; i++)
		if (((unsigned char)v.p[i] < ' ' && v.p[i] != '\t') || v.p[i] == 0x7f)
			return "a header's value has control characters";
	if (http_span_is(name, "Transfer-Encoding"))
		*seen |= ONCE_ENCODING;
	return known_header(r, seen, name, v);
}

/* Behind the CR LF of the line at p, which http_head_find has seen. */
static const char *line_behind(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	DCHECK(lf != NULL && lf > p && lf[-1] == '\r', "a head that http_head_find has not found");
	return lf + 1;
}

enum http_verdict http_request_read(const char *p, size_t n, struct http_request *out)
{
	const char *end = p + n, *next = line_behind(p, end), *why = NULL;
	unsigned seen = 0;

	*out = (struct http_request){.length = 0};
	if (next - p == 2)
		return wrong_request(out, 400, "the request line is empty");
	if (read_line(out, p, next - 2) != HTTP_OK)
		return HTTP_WRONG;
	for (p = next; p < end && why == NULL; p = next) {
		next = line_behind(p, end);
		if (next - p > 2)
			why = read_field_line(out, &seen, p, next - 2);
	}
	if (why != NULL)
		return wrong_request(out, 400, why);
	if (out->chunks && out->host.p == NULL)
		return wrong_request(out, 400, "there is no Host header");
	if (seen & ONCE_ENCODING)
		return wrong_request(out, 411, "a body in chunks is not taken: send a Content-Length");
	if (out->length > HTTP_REQUEST_BODY)
		return wrong_request(out, 413, "the body is longer than 1 MiB");
	return HTTP_OK;
}
