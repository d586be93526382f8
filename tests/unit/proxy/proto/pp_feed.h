/* pp_feed: a header given to pp_read as a slow network would, one byte more each time, and each time at the end of a
 * block of its own, so that a sanitizer sees the first byte read beyond it. */
#ifndef TESTS_UNIT_PROXY_PROTO_PP_FEED_H
#define TESTS_UNIT_PROXY_PROTO_PP_FEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netpoll/err.h"
#include "proxy/proto/pp.h"

#define MAX    4096
#define HEADER (PP_V2_FIXED + MAX)
#define BYTES(literal) ((struct pp_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

/* What pp_read said in the end, after how many bytes. Where it was PP_OK, h.tlvs points into p. */
struct verdict {
	enum pp_result      why;
	size_t           at;
	struct pp_header h;
};

static inline enum pp_result feed_prefix(struct pp_header *h, const uint8_t *p, size_t n, size_t max)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	enum pp_result why;

	assert_non_null(exact);
	memcpy(exact, p, n);
	why = pp_read(h, exact, n, max);
	if (h->tlvs.p != NULL)
		h->tlvs.p = p + (h->tlvs.p - exact);
	free(exact);
	return why;
}

/* Feeds until there is a verdict. On the way no byte that it asks for may be one behind the header, and in one piece
 * the same bytes must give the same. */
static inline struct verdict feed_max(const uint8_t *p, size_t n, size_t max)
{
	struct verdict v = {.why = PP_MORE};
	struct pp_header whole = {0};
	size_t most = 0;

	for (v.at = 0; v.at <= n; v.at++) {
		v.why = feed_prefix(&v.h, p, v.at, max);
		if (v.why != PP_MORE)
			break;
		assert_true(v.h.need > v.at);
		most = v.h.need > most ? v.h.need : most;
	}
	if (v.why == PP_MORE)
		v.at = n;
	assert_int_equal(feed_prefix(&whole, p, n, max), v.why);
	if (v.why == PP_OK) {
		assert_int_equal(whole.len, v.h.len);
		assert_int_equal(v.h.len, v.at);
		assert_true(most <= v.h.len);
	}
	return v;
}

static inline struct verdict feed(const void *p, size_t n)
{
	return feed_max(p, n, MAX);
}

/* A version 2 header: version and command, family and transport, then n bytes as they are. */
static inline size_t feed_v2(uint8_t out[HEADER], int command, int family, const void *rest, size_t n)
{
	assert_in_range(n, 0, MAX);
	memcpy(out, "\r\n\r\n\0\r\nQUIT\n", 12);
	out[12] = (uint8_t)command;
	out[13] = (uint8_t)family;
	out[14] = (uint8_t)(n >> 8);
	out[15] = (uint8_t)n;
	memcpy(out + PP_V2_FIXED, rest, n);
	return PP_V2_FIXED + n;
}

/* The same for TCP over IPv4, 192.0.2.1:1000 to 192.0.2.2:443, with these TLVs. */
static inline size_t feed_tlvs(uint8_t out[HEADER], struct pp_bytes tlvs)
{
	uint8_t rest[HEADER] = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb";

	memcpy(rest + 12, tlvs.p, tlvs.n);
	return feed_v2(out, 0x21, 0x11, rest, 12 + tlvs.n);
}

static inline struct np_addr feed_addr(const char *text)
{
	struct np_addr a;
	const char *why;

	assert_int_equal(np_addr_parse(&a, text, &why), 0);
	return a;
}

static inline void feed_expect_ends(const char *name, const struct pp_header *h, const char *src, const char *dst)
{
	char from[NP_ADDR_TEXT], to[NP_ADDR_TEXT];

	assert_true(h->proxied);
	np_addr_format(&h->src.u.sa, h->src.len, from, sizeof(from));
	np_addr_format(&h->dst.u.sa, h->dst.len, to, sizeof(to));
	if (strcmp(from, src) == 0 && strcmp(to, dst) == 0)
		return;
	print_error("%s: got %s to %s, want %s to %s\n", name, from, to, src, dst);
	fail();
}

#endif
