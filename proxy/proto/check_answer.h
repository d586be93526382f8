/* check_answer: does what a server answers to a check say that it is well? Pure: of the first bytes of the answer, from
 * its begin on, to a verdict. Once given, no byte that follows changes it, so the pieces in which they come do not
 * matter. Every byte is hostile, and none is kept.
 *
 *   send   the earlier end of `expect` and `reject` decides; `reject` counts from the least number of bytes on
 *   http   the last status line after those of 1xx, its header to the end, and then perhaps a text behind it
 *
 * Source: the page of upstreams, E16, E26 and E27; of HTTP no more is read than RFC 9112 says of a status line and of
 * the empty line behind a header. */
#ifndef PROXY_PROTO_CHECK_ANSWER_H
#define PROXY_PROTO_CHECK_ANSWER_H

#include "netpoll/base.h"

#define CHECK_ANSWER_MOST 8192 /* bytes that are looked at; of http twice, header and body */
#define CHECK_INFORMS     5    /* answers of 1xx before the last one */

enum check_answer {
	CHECK_ANSWER_MORE, /* undecided: there may be more bytes */
	CHECK_ANSWER_GOOD,
	CHECK_ANSWER_BAD,
	CHECK_ANSWER_LONG, /* nothing within the bytes that are looked at */
};

struct check_bytes {
	const uint8_t *p; /* NULL: none are wanted */
	size_t n;
};

struct check_wanted {
	struct check_bytes expect, reject;
	size_t least; /* bytes that must have come before reject, or the lack of expect, counts; at least 1 */
};

/* check_answer_send: of the first n bytes. */
must_use enum check_answer check_answer_send(const struct check_wanted *w, const uint8_t *p, size_t n);

struct check_wanted_http {
	unsigned low, high;      /* statuses that are good */
	struct check_bytes body; /* in the bytes behind the header, as they come */
};

/* check_answer_http: of the first n bytes. *status: the last one that was read; 0: none yet. */
must_use enum check_answer check_answer_http(const struct check_wanted_http *w, const uint8_t *p, size_t n,
					     unsigned *status);

#endif
