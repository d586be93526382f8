#include "proxy/proto/http.h"

#include <string.h>
#include <strings.h>

#include "netpoll/err.h"

#define SCHEME    "http://"
#define HEAD_MOST (8 * 1024)
#define NO_LENGTH SIZE_MAX

/* ---- the URL --------------------------------------------------------------------------------- */

/* Nothing that could end the request's line, or begin another one. */
static bool is_visible(const char *p)
{
	for (; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits alone, 1 to 65535. */
static bool read_port(const char *p, size_t n, uint16_t *port)
{
	unsigned v = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(p[i]))
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
	if (host == 0 || host > authority || host >= sizeof(u.host) || memchr(at, '@', authority) != NULL)
		return -NP_EINVAL;
	if (host < authority && (at[host] != ':' || !read_port(at + host + 1, authority - host - 1, &u.port)))
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

/* ---- the reply ------------------------------------------------------------------------------- */

/* A line without its end; NULL: it has none yet. *next is what follows. */
static const char *line_end(const char *p, const char *end, const char **next)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	if (lf == NULL)
		return NULL;
	*next = lf + 1;
	return lf > p && lf[-1] == '\r' ? lf - 1 : lf;
}

/* "HTTP/1.x NNN": the code; 0: not such a line. */
static unsigned read_status(const char *p, const char *end)
{
	size_t n = (size_t)(end - p);

	if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) || p[8] != ' ' || (n > 12 && p[12] != ' '))
		return 0;
	for (int i = 9; i < 12; i++)
		if (!is_digit(p[i]))
			return 0;
	return (unsigned)(p[9] - '0') * 100 + (unsigned)(p[10] - '0') * 10 + (unsigned)(p[11] - '0');
}

struct head {
	size_t length; /* NO_LENGTH: to the end of the connection */
	bool typed;    /* ... as what was asked for */
	const char *why;
};

static bool is_name(const char *p, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(p, name, n) == 0;
}

static void read_length(struct head *h, const char *p, size_t n)
{
	size_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_digit(p[i]) || v > HTTP_REPLY_MOST) {
			h->why = "its length is none, or too large";
			return;
		}
		v = v * 10 + (size_t)(p[i] - '0');
	}
	if (n == 0 || (h->length != NO_LENGTH && h->length != v))
		h->why = "its length is none, or two";
	h->length = v;
}

static void read_field(struct head *h, const char *p, const char *end, const char *type)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	size_t name = colon != NULL ? (size_t)(colon - p) : 0, n;

	if (colon == NULL) {
		h->why = "a line of its head is none";
		return;
	}
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++)
		;
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	n = (size_t)(end - colon);
	if (is_name(p, name, "Content-Length"))
		read_length(h, colon, n);
	if (is_name(p, name, "Transfer-Encoding"))
		h->why = "it comes in chunks, which HTTP/1.0 does not have";
	if (is_name(p, name, "Content-Type") && n >= strlen(type) && strncasecmp(colon, type, strlen(type)) == 0)
		h->typed = n == strlen(type) || strchr("; \t", colon[strlen(type)]) != NULL;
}

static enum http_verdict wrong(struct http_reply *r, const char *why)
{
	r->why = why;
	return HTTP_WRONG;
}

/* The head is whole up to here. */
static enum http_verdict read_body(struct http_reply *r, const struct head *h, size_t n, bool ended)
{
	if (h->why != NULL)
		return wrong(r, h->why);
	if (r->status != 200)
		return wrong(r, "it is a refusal");
	if (!h->typed)
		return wrong(r, "it is of another type");
	if (h->length == 0)
		return wrong(r, "it is empty");
	if (h->length == NO_LENGTH) {
		r->n = n;
		if (ended && n == 0)
			return wrong(r, "it is empty");
		return ended ? HTTP_OK : HTTP_MORE;
	}
	r->n = h->length;
	if (n >= h->length)
		return HTTP_OK;
	return ended ? wrong(r, "it ends too early") : HTTP_MORE;
}

enum http_verdict http_reply_read(const char *p, size_t n, bool ended, const char *type, struct http_reply *out)
{
	const char *at = p, *end = p + n, *next, *stop;
	struct head h = {.length = NO_LENGTH};

	*out = (struct http_reply){.n = 0};
	if (n > HTTP_REPLY_MOST)
		return wrong(out, "it is too large");
	while ((stop = line_end(at, end, &next)) != NULL && stop > at) {
		if (at != p)
			read_field(&h, at, stop, type);
		else if ((out->status = read_status(at, stop)) == 0)
			return wrong(out, "it is not HTTP");
		at = next;
	}
	if (stop != NULL && at == p)
		return wrong(out, "it is not HTTP");
	if (stop != NULL) {
		out->body = next;
		return read_body(out, &h, (size_t)(end - next), ended);
	}
	if (n > HEAD_MOST)
		return wrong(out, "its head is too large");
	return ended ? wrong(out, "it ends too early") : HTTP_MORE;
}
