/* Targets: http_head_find, http_request_read, http_query_get, http_query_next. The first byte says how many bytes come
 * at a time: the verdict must not depend on it. What is taken has a path that begins with a slash and is terminated,
 * and spans within the head. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum http_verdict head_by_steps(const char *p, size_t n, size_t step, struct http_head *h)
{
	enum http_verdict v = HTTP_MORE;
	const char *why = NULL;

	*h = (struct http_head){0};
	for (size_t have = 0; v == HTTP_MORE && have < n;) {
		have = have + step < n ? have + step : n;
		v = http_head_find(h, p, have, &why);
	}
	CHECK(v != HTTP_WRONG || why != NULL, "refused without a sentence");
	return v;
}

static void check_span(struct http_span s, const char *p, size_t n)
{
	CHECK(s.p == NULL || (s.p >= p && s.p + s.n <= p + n), "a span leaves the head");
}

static void check_request(const char *p, size_t n)
{
	struct http_request r;
	char name[64], value[64];
	size_t at = 0;

	if (http_request_read(p, n, &r) != HTTP_OK) {
		CHECK(r.why != NULL && (r.status == 400 || r.status == 405 || r.status == 411 || r.status == 413),
		      "refused without a reason");
		return;
	}
	CHECK(r.path[0] == '/' && strlen(r.path) < sizeof(r.path), "a path that is none");
	CHECK(r.length <= HTTP_REQUEST_BODY, "a body without a bound");
	check_span(r.host, p, n);
	check_span(r.query, p, n);
	check_span(r.origin, p, n);
	check_span(r.token, p, n);
	check_span(r.header_x, p, n);
	check_span(r.accept, p, n);
	check_span(r.accept_encoding, p, n);
	check_span(r.if_none_match, p, n);
	check_span(r.cookie, p, n);
	CHECK(http_query_get(&r, "a", value, sizeof(value)) < (ssize_t)sizeof(value), "a value that does not fit");
	while (http_query_next(&r, &at, name, value, sizeof(value)) > 0)
		CHECK(strlen(name) < sizeof(name) && strlen(value) < sizeof(value), "a value that does not fit");
	CHECK(at <= r.query.n, "the query was left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	enum http_verdict verdict;
	struct http_head h, all;
	char *copy;

	if (n < 2)
		return 0;
	copy = malloc(n - 1); /* on the heap, so that one byte too far is seen */
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, n - 1);
	verdict = head_by_steps(copy, n - 1, n, &all);
	CHECK(head_by_steps(copy, n - 1, (size_t)data[0] + 1, &h) == verdict && h.seen == all.seen,
	      "pieces move the end of a head");
	if (verdict == HTTP_OK)
		check_request(copy, all.seen);
	free(copy);
	return 0;
}
