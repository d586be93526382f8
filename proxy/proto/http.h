/* http: as much of HTTP/1.0 (RFC 1945) as one question to an OCSP responder needs: a URL, a
 * request, and a reply that is read whole. The bytes of a responder are as hostile as those of a
 * client. Allocates nothing. */
#ifndef PROXY_PROTO_HTTP_H
#define PROXY_PROTO_HTTP_H

#include "netpoll/base.h"
#include "proxy/base/text.h"

#define HTTP_HOST       256         /* bytes of a host in a URL, with the NUL */
#define HTTP_REPLY_MOST (64 * 1024) /* head and body */

struct http_url {
	char host[HTTP_HOST]; /* a name, an IPv4 address, or an IPv6 address in brackets */
	uint16_t port;        /* 80 unless the URL names one */
	const char *path;     /* borrowed from the URL; "" or a text that begins with a slash */
};

/* http_url_read: take "http://HOST[:PORT][/PATH]" apart. Any other text, https included, is
 * refused.
 *   Returns  0 or -NP_EINVAL, and *out is as it was. */
must_use int http_url_read(const char *url, struct http_url *out);

/* http_post_head: append the head of a POST of `length` bytes of `type`. It says HTTP/1.0, so that
 * the responder does not answer in chunks, and closes the connection at the end of its reply. */
void http_post_head(struct text *t, const struct http_url *u, const char *type, size_t length);

/* http_get_head: append the head of a GET of the URL's path, a slash, and `last`, which must be
 * encoded. HTTP/1.0, as above. */
void http_get_head(struct text *t, const struct http_url *u, const char *last);

enum http_verdict {
	HTTP_MORE,  /* valid so far */
	HTTP_OK,    /* whole: status 200 and a body of the type asked for */
	HTTP_WRONG, /* refused; http_reply.why says why */
};

struct http_reply {
	const char *body; /* borrowed from the bytes that were read */
	size_t n;         /* bytes of the body */
	unsigned status;  /* such as 200; 0 until the status line is whole */
	const char *why;  /* with HTTP_WRONG: a static text, to follow "its reply: " */
};

/* http_reply_read: read the n bytes of a reply that have come so far, from the first one on.
 * `ended` says that no more will come.
 *   Returns  HTTP_OK and all of *out; HTTP_MORE, but never when ended; or HTTP_WRONG and
 *   out->why. */
must_use enum http_verdict http_reply_read(const char *p, size_t n, bool ended, const char *type,
					   struct http_reply *out);

#endif
