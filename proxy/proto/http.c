/* Reads URLs and HTTP/1.0 replies, and writes the head of a request. */
#include "proxy/proto/http.h"

#include <string.h>
#include <strings.h>

#include "netpoll/check.h"
#include "netpoll/err.h"
#include "proxy/base/digit.h"

#define SCHEME    "http://"
#define HEAD_MOST (8 * 1024) /* bytes of a reply before its head must have ended */
#define NO_LENGTH SIZE_MAX   /* of a body that ends with the connection */

/* ---- the URL ---- */

/* Has the URL only bytes that cannot end the request line or begin another one? */
static bool is_visible(const char *p)
{
	for (; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

/* Reads a port: digits only, 1 to 65535. */
static bool read_port(const char *p, size_t n, uint16_t *port)
{
	unsigned v = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!digit_is_decimal(p[i]))
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*port = (uint16_t)v;
	return v >= 1 && v <= 65535;
}

int http_url_read(const char *url, struct http_url *out)
{
	const char *at = url + sizeof(SCHEME) - 1;
	struct http_url u = {.port = 80};
	size_t authority, host;

	if (strncasecmp(url, SCHEME, sizeof(SCHEME) - 1) != 0 || !is_visible(at))
		return -NP_EINVAL;
	authority = strcspn(at, "/?#");
	/* The colons of an IPv6 address stand inside its brackets. */
	host = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/?#");
	if (host == 0 || host > authority || host >= sizeof(u.host))
		return -NP_EINVAL;
	if (memchr(at, '@', authority) != NULL) /* credentials: we have none to give */
		return -NP_EINVAL;
	if (host < authority && at[host] != ':')
		return -NP_EINVAL;
	if (host < authority && !read_port(at + host + 1, authority - host - 1, &u.port))
		return -NP_EINVAL;
	u.path = at + authority;
	if (u.path[0] != '\0' && u.path[0] != '/')
		return -NP_EINVAL;
	memcpy(u.host, at, host);
	*out = u;
	return 0;
}

/* Behind the path: the version, and the host as the URL has it. */
static void rest_of_head(struct text *t, const struct http_url *u)
{
	text_str(t, " HTTP/1.0\r\nHost: ");
	text_str(t, u->host);
	if (u->port != 80) {
		text_char(t, ':');
		text_u64(t, u->port);
	}
	text_str(t, "\r\n");
}

void http_post_head(struct text *t, const struct http_url *u, const char *type, size_t length)
{
	text_str(t, "POST ");
	text_str(t, u->path[0] != '\0' ? u->path : "/");
	rest_of_head(t, u);
	text_str(t, "Content-Type: ");
	text_str(t, type);
	text_str(t, "\r\nContent-Length: ");
	text_u64(t, length);
	text_str(t, "\r\n\r\n");
}

void http_get_head(struct text *t, const struct http_url *u, const char *last)
{
	size_t n = strlen(u->path);

	text_str(t, "GET ");
	text_str(t, u->path);
	if (n == 0 || u->path[n - 1] != '/')
		text_char(t, '/');
	text_str(t, last);
	rest_of_head(t, u);
	text_str(t, "\r\n");
}

/* ---- the reply ---- */

/* Finds the end of the line at p, without its LF or CR LF, and in *next the line behind it. Returns
 * NULL if the line is not whole yet. */
static const char *line_end(const char *p, const char *end, const char **next)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	if (lf == NULL)
		return NULL;
	*next = lf + 1;
	return lf > p && lf[-1] == '\r' ? lf - 1 : lf;
}

/* Reads "HTTP/1.x NNN". Returns the code, or 0 if the line is not of this form. */
static unsigned read_status(const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	unsigned code = 0;

	if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !digit_is_decimal(p[7]) || p[8] != ' ')
		return 0;
	if (n > 12 && p[12] != ' ')
		return 0;
	for (int i = 9; i < 12; i++) {
		if (!digit_is_decimal(p[i]))
			return 0;
		code = code * 10 + (unsigned)(p[i] - '0');
	}
	return code;
}

/* What the header lines of a reply said. */
struct head {
	size_t length;   /* or NO_LENGTH */
	bool typed;      /* the Content-Type is the one asked for */
	const char *why; /* the first line that was wrong; NULL: none */
};

static bool is_name(const char *p, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(p, name, n) == 0;
}

static void read_length(struct head *h, const char *p, size_t n)
{
	size_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!digit_is_decimal(p[i]) || v > HTTP_REPLY_MOST) {
			h->why = "the Content-Length is not a number, or too large";
			return;
		}
		v = v * 10 + (size_t)(p[i] - '0');
	}
	if (n == 0)
		h->why = "the Content-Length is empty";
	else if (h->length != NO_LENGTH && h->length != v)
		h->why = "two different Content-Length headers";
	h->length = v;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is the value of a Content-Type this type, alone or with parameters behind it? */
static bool is_type(const char *value, size_t n, const char *type)
{
	size_t len = strlen(type);

	if (n < len || strncasecmp(value, type, len) != 0)
		return false;
	return n == len || value[len] == ';' || is_blank(value[len]);
}

/* Reads one header line. A header that we do not know changes nothing. */
static void read_field(struct head *h, const char *p, const char *end, const char *type)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	const char *value;
	size_t name, n;

	if (colon == NULL) {
		h->why = "a header line has no colon";
		return;
	}
	name = (size_t)(colon - p);
	for (value = colon + 1; value < end && is_blank(*value); value++)
		;
	while (end > value && is_blank(end[-1]))
		end--;
	n = (size_t)(end - value);
	if (is_name(p, name, "Content-Length"))
		read_length(h, value, n);
	if (is_name(p, name, "Transfer-Encoding"))
		h->why = "it comes in chunks, which HTTP/1.0 does not have";
	if (is_name(p, name, "Content-Type"))
		h->typed = is_type(value, n, type);
}

static enum http_verdict wrong_reply(struct http_reply *r, const char *why)
{
	r->why = why;
	return HTTP_WRONG;
}

/* Judges a reply whose head is whole, and whose body has n bytes so far. */
static enum http_verdict read_body(struct http_reply *r, const struct head *h, size_t n, bool ended)
{
	if (h->why != NULL)
		return wrong_reply(r, h->why);
	if (r->status != 200)
		return wrong_reply(r, "the status is not 200");
	if (!h->typed)
		return wrong_reply(r, "the Content-Type is not the one asked for");
	if (h->length == 0)
		return wrong_reply(r, "the body is empty");
	if (h->length == NO_LENGTH) {
		r->n = n;
		if (!ended)
			return HTTP_MORE;
		return n > 0 ? HTTP_OK : wrong_reply(r, "the body is empty");
	}
	r->n = h->length;
	if (n >= h->length)
		return HTTP_OK;
	return ended ? wrong_reply(r, "it ends too early") : HTTP_MORE;
}

enum http_verdict http_reply_read(const char *p, size_t n, bool ended, const char *type,
				  struct http_reply *out)
{
	const char *at = p, *end = p + n, *next, *stop;
	struct head h = {.length = NO_LENGTH};

	*out = (struct http_reply){.n = 0};
	if (n > HTTP_REPLY_MOST)
		return wrong_reply(out, "it is too large");
	/* The first line is the status line; an empty one ends the head. */
	while ((stop = line_end(at, end, &next)) != NULL && stop > at) {
		if (at != p)
			read_field(&h, at, stop, type);
		else if ((out->status = read_status(at, stop)) == 0)
			return wrong_reply(out, "it is not HTTP");
		at = next;
	}
	if (stop != NULL && at == p)
		return wrong_reply(out, "it is not HTTP");
	if (stop != NULL) {
		DCHECK(next <= end, "a body begins within what was read");
		out->body = next;
		return read_body(out, &h, (size_t)(end - next), ended);
	}
	if (n > HEAD_MOST)
		return wrong_reply(out, "its head is too large");
	return ended ? wrong_reply(out, "it ends too early") : HTTP_MORE;
}
