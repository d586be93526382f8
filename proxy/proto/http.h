/* http: as much of HTTP/1.0 as one question to an OCSP responder takes: a URL, and a reply that is read whole. What a
 * responder sends is as foreign as what a client does. Allocates nothing. */
#ifndef PROXY_PROTO_HTTP_H
#define PROXY_PROTO_HTTP_H

#include "netpoll/base.h"
#include "proxy/base/text.h"

#define HTTP_HOST       256
#define HTTP_REPLY_MOST (64 * 1024) /* head and body */

struct http_url {
	char host[HTTP_HOST]; /* a name, an IPv4 address, or an IPv6 one in brackets */
	uint16_t port;
	const char *path;     /* borrowed from the URL; "" for none, else it begins with a slash */
};

/* http_url_read: "http://HOST[:PORT][/PATH]"; anything else, https too, is none.
 *   Returns  0 or -NP_EINVAL. */
must_use int http_url_read(const char *url, struct http_url *out);

/* http_post_head: the head of a POST of `length` bytes of `type`. HTTP/1.0, so that nobody answers in chunks and the
 * end of the reply is the end of the connection. */
void http_post_head(struct text *t, const struct http_url *u, const char *type, size_t length);

/* http_get_head: the head of a GET of the URL's path, a slash, and `last`, which must be encoded.
 * HTTP/1.0, as above. */
void http_get_head(struct text *t, const struct http_url *u, const char *last);

enum http_verdict { HTTP_MORE, HTTP_OK, HTTP_WRONG };

struct http_reply {
	const char *body; /* in what was read */
	size_t n;
	unsigned status;  /* 0 until its line is whole */
	const char *why;  /* HTTP_WRONG: a static text */
};

/* http_reply_read: judge the n bytes that have come so far. ended: no more will.
 *   Returns  HTTP_OK: status 200, a body of `type`, whole. HTTP_MORE: not before the end.
 *            HTTP_WRONG: out->why says what is. */
must_use enum http_verdict http_reply_read(const char *p, size_t n, bool ended, const char *type,
					   struct http_reply *out);

#endif
