/* http_request: the requests that the control plane is asked (RFC 9110 and 9112): the head of one HTTP/1.x request.
 * Whoever may connect may send anything, so every bound is here and nothing is guessed: what two readers could
 * understand in two ways is refused. Allocates nothing.
 *
 *   http_head_find    as bytes come: where does the head end?
 *   http_request_read what does it say? */
#ifndef PROXY_PROTO_HTTP_REQUEST_H
#define PROXY_PROTO_HTTP_REQUEST_H

#include "netpoll/base.h"
#include "proxy/proto/http.h"

#define HTTP_REQUEST_HEAD (32 * 1024)   /* bytes of a request line and headers */
#define HTTP_REQUEST_BODY (1024 * 1024) /* bytes of a body */
#define HTTP_REQUEST_PATH 1024          /* bytes of a decoded path, with the NUL */

/* Bytes of the head; p is NULL where it does not say. */
struct http_span {
	const char *p;
	size_t n;
};

enum http_method { HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4 }; /* bits of a set */

struct http_request {
	enum http_method method;
	bool keep_alive;  /* the client may send another one behind it */
	bool chunks;      /* it understands a body that comes in chunks: HTTP/1.1 */
	bool expects;     /* it waits for "100 Continue" before its body */
	size_t length;    /* of the body */
	struct http_span host;   /* of an absolute target, else the header's */
	struct http_span query;  /* behind the question mark, as it came */
	struct http_span origin, token, header_x; /* Origin; Authorization: Bearer; X-Staunch */
	struct http_span accept, accept_encoding, if_match, if_none_match, cookie;
	char path[HTTP_REQUEST_PATH]; /* percent-decoded once; begins with a slash, holds no NUL */
	unsigned status;         /* with HTTP_WRONG: 400, 405, 411 or 413 */
	const char *why;         /* with HTTP_WRONG: a static sentence */
};

/* How far a head has been looked at; all zero at its start. */
struct http_head {
	size_t seen; /* bytes */
	size_t line; /* where the line under way begins */
};

/* http_head_find: look at the bytes of a head that are new; p holds n bytes from its first on.
 *   Returns  HTTP_OK: h->seen is the length of the head, its empty line included. HTTP_MORE. HTTP_WRONG: there
 *            is a NUL, a line that ends with LF alone, or more than HTTP_REQUEST_HEAD bytes; *why says which. */
must_use enum http_verdict http_head_find(struct http_head *h, const char *p, size_t n, const char **why);

/* http_request_read: read a whole head of n bytes, which http_head_find has found. The spans borrow from p.
 *   Returns  HTTP_OK, or HTTP_WRONG with status and why. */
must_use enum http_verdict http_request_read(const char *p, size_t n, struct http_request *out);

/* http_query_get: the value of a name of the query, decoded into out and terminated; the first one counts.
 *   Returns  its length; -NP_ENOENT: the query does not have it; -NP_EINVAL: it cannot be decoded, or does not fit. */
must_use ssize_t http_query_get(const struct http_request *r, const char *name, char *out, size_t cap);

/* http_query_next: the names and values of the query, one after the other, decoded into memory of cap bytes each and
 * terminated. *at is 0 at first.
 *   Returns  1; 0: there are no more; -NP_EINVAL: one cannot be decoded, or does not fit. */
must_use int http_query_next(const struct http_request *r, size_t *at, char *name, char *value, size_t cap);

/* http_list_has: is this word an element of a header's list? What stands behind a semicolon is not compared. */
must_use bool http_list_has(struct http_span list, const char *word);

/* http_accepts: does the client name this media type in Accept? Weights are not compared. */
must_use bool http_accepts(const struct http_request *r, const char *type);

/* Is this the span's whole text, upper and lower case alike? */
must_use bool http_span_is(struct http_span s, const char *text);

#endif
