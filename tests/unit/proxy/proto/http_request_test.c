/* http_request: where a head ends, what it says, what is refused, and that no byte behind it is looked at. */
#include "proxy/proto/http_request.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

#define LINE "GET / HTTP/1.1\r\nHost: a\r\n"

/* On the heap and exactly as long, so that the sanitizer sees a byte too far. `step` bytes come at a time. */
static enum http_verdict read_bytes(const char *p, size_t n, size_t step, struct http_request *r)
{
	char *copy = malloc(n);
	struct http_head h = {0};
	enum http_verdict v = HTTP_MORE;
	const char *why = NULL;

	assert_non_null(copy);
	memcpy(copy, p, n);
	for (size_t have = 0; v == HTTP_MORE && have < n;) {
		have = have + step < n ? have + step : n;
		v = http_head_find(&h, copy, have, &why);
	}
	if (v == HTTP_OK)
		v = http_request_read(copy, h.seen, r);
	else if (v == HTTP_WRONG)
		*r = (struct http_request){.status = 400, .why = why};
	free(copy);
	return v;
}

static struct http_request good(const char *text)
{
	struct http_request r, again;

	if (read_bytes(text, strlen(text), 1, &r) != HTTP_OK)
		kit_fail("refused: %s: %s", r.why, text);
	assert_int_equal(read_bytes(text, strlen(text), 65536, &again), HTTP_OK);
	assert_string_equal(r.path, again.path);
	return r;
}

static void expect_refused(unsigned status, const char *text, size_t n)
{
	struct http_request r = {0};

	if (read_bytes(text, n, 1, &r) != HTTP_WRONG || r.status != status)
		kit_fail("not refused with %u: %s", status, text);
	assert_non_null(r.why);
}

static void what_a_request_says(void **state)
{
	struct http_request r = good("GET /v1/a%2fb%20c?x=1&y=a+b%21 HTTP/1.1\r\nHost: localhost\r\n\r\n");

	(void)state;
	assert_int_equal(r.method, HTTP_GET);
	assert_string_equal(r.path, "/v1/a/b c");
	assert_true(r.keep_alive && r.chunks);
	assert_int_equal(r.length, 0);
	r = good("POST / HTTP/1.0\r\nContent-Length:  12 \r\nX-Staunch: 1\r\n\r\n");
	assert_int_equal(r.method, HTTP_POST);
	assert_false(r.keep_alive || r.chunks);
	assert_int_equal(r.length, 12);
	r = good("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\nAuthorization: bearer  tok\r\n\r\n");
	assert_int_equal(r.method, HTTP_HEAD);
	assert_false(r.keep_alive);
	r = good("GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n");
	assert_true(r.keep_alive && r.expects);
}

/* The spans borrow from the head, so they are looked at while it lives. */
static void what_spans_hold(void **state)
{
	static const char text[] = "GET http://EVIL:80/p?scope=a%2cb&e&scope=2 HTTP/1.1\r\nhost: ok\r\n"
				   "Origin: null\r\nAuthorization: Bearer  abc\r\nx-staunch:1\r\nAccept: */*\r\n"
				   "if-match: \"7\" \r\nIf-None-Match: 8\r\n\r\n";
	struct http_request r;
	char value[4];

	(void)state;
	assert_int_equal(http_request_read(text, sizeof(text) - 1, &r), HTTP_OK);
	assert_true(http_span_is(r.host, "evil:80")); /* the target's host counts, not the header's */
	assert_true(http_span_is(r.origin, "null"));
	assert_true(http_span_is(r.token, "abc"));
	assert_true(http_span_is(r.header_x, "1"));
	assert_true(http_span_is(r.accept, "*/*"));
	assert_true(http_span_is(r.if_match, "\"7\""));
	assert_string_equal(r.path, "/p");
	assert_int_equal(http_query_get(&r, "scope", value, sizeof(value)), 3);
	assert_string_equal(value, "a,b");
	assert_int_equal(http_query_get(&r, "scope", value, 3), -NP_EINVAL);
	assert_int_equal(http_query_get(&r, "e", value, sizeof(value)), 0);
	assert_int_equal(http_query_get(&r, "scop", value, sizeof(value)), -NP_ENOENT);
}

static void a_query_part_by_part(void **state)
{
	static const struct {
		const char *query, *all; /* "name=value;" of each, and how it ended */
	} rows[] = {
		{"", "0"}, {"&&", "0"}, {"a=1", "a=1;0"}, {"a=1&b=%20+&", "a=1;b=  ;0"}, {"a&=x&b==", "a=;=x;b==;0"},
		{"%61=%3d", "a==;0"}, {"a=1&b=%0", "a=1;bad"}, {"a=1&b=%00", "a=1;bad"}, {"a=1234567", "a=1234567;0"},
		{"a=12345678", "bad"}, {"12345678=a", "bad"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct http_request r = {.query = {rows[i].query, strlen(rows[i].query)}};
		char name[8], value[8], all[64] = "";
		size_t at = 0, n = 0;
		int more;

		while ((more = http_query_next(&r, &at, name, value, sizeof(value))) > 0)
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s=%s;", name, value);
		snprintf(all + n, sizeof(all) - n, "%s", more == 0 ? "0" : "bad");
		assert_string_equal(all, rows[i].all);
	}
}

static void media_types_that_the_client_takes(void **state)
{
	static const char *const accepts[] = {
		"a/b", "A/B;q=0.1", "text/plain, a/b", "x/y;v=1,  a/b ;v=2,*/*",
	}, *const refuses[] = {"", "*/*", "a/bc", "xa/b", "text/plain;a/b"};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < array_len(accepts); i++) {
		r = (struct http_request){.accept = {accepts[i], strlen(accepts[i])}};
		assert_true(http_accepts(&r, "a/b"));
	}
	for (size_t i = 0; i < array_len(refuses); i++) {
		r = (struct http_request){.accept = {refuses[i], strlen(refuses[i])}};
		assert_false(http_accepts(&r, "a/b"));
	}
}

static void o38_an_absolute_target_without_a_path(void **state)
{
	struct http_request r = good("GET http://evil.test HTTP/1.1\r\nHost: localhost\r\n\r\n");

	(void)state;
	assert_string_equal(r.path, "/");
}

static void o5_what_is_refused(void **state)
{
	static const struct {
		unsigned status;
		const char *text;
	} bad[] = {
		{400, "\r\n"},
		{400, "GET /\r\n\r\n"},
		{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\nHost: a\n\n"},
		{400, LINE "X: y\n\r\n"},
		{400, "GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /% HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, LINE "If-Match: 1\r\nif-match: 1\r\n\r\n"},
		{400, LINE " folded\r\n\r\n"},
		{400, LINE "X: y\r\n\tfolded\r\n\r\n"},
		{400, LINE "X : y\r\n\r\n"},
		{400, LINE ": y\r\n\r\n"},
		{400, LINE "X\r\n\r\n"},
		{400, LINE "X: a\rb\r\n\r\n"},
		{400, LINE "X: a\x01\r\n\r\n"},
		{400, LINE "Host: b\r\n\r\n"},
		{400, LINE "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
		{400, LINE "Content-Length: -1\r\n\r\n"},
		{400, LINE "Content-Length: 0x1\r\n\r\n"},
		{400, LINE "Content-Length: 1, 1\r\n\r\n"},
		{400, LINE "Content-Length:\r\n\r\n"},
		{405, "PUT / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{405, "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{411, LINE "Transfer-Encoding: chunked\r\n\r\n"},
		{411, LINE "transfer-encoding: identity\r\nContent-Length: 1\r\n\r\n"},
		{413, LINE "Content-Length: 1048577\r\n\r\n"},
		{413, LINE "Content-Length: 99999999999999999999999999\r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		expect_refused(bad[i].status, bad[i].text, strlen(bad[i].text));
	expect_refused(400, LINE "X: a\0b\r\n\r\n", sizeof(LINE "X: a\0b\r\n\r\n") - 1);
	assert_int_equal(good(LINE "Content-Length: 1048576\r\n\r\n").length, 1048576);
}

static void o5_a_head_is_bounded(void **state)
{
	static char text[HTTP_REQUEST_HEAD + 16] = LINE "X: ";
	struct http_request r;

	(void)state;
	memset(text + strlen(text), 'a', HTTP_REQUEST_HEAD - strlen(text) - 4);
	memcpy(text + HTTP_REQUEST_HEAD - 4, "\r\n\r\n", 4);
	assert_int_equal(read_bytes(text, HTTP_REQUEST_HEAD, 512, &r), HTTP_OK);
	memcpy(text + HTTP_REQUEST_HEAD - 4, "aaaa\r\n\r\n", 8);
	expect_refused(400, text, HTTP_REQUEST_HEAD + 4);
	/* and a path */
	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	memcpy(text + 4 + HTTP_REQUEST_PATH, " HTTP/1.0\r\n\r\n", 13);
	expect_refused(400, text, 4 + HTTP_REQUEST_PATH + 13);
	memcpy(text + 4 + HTTP_REQUEST_PATH - 1, " HTTP/1.0\r\n\r\n", 13);
	assert_int_equal(read_bytes(text, 4 + HTTP_REQUEST_PATH + 12, 512, &r), HTTP_OK);
	assert_int_equal(strlen(r.path), HTTP_REQUEST_PATH - 1);
}

/* What comes behind a head is the next request's, or a body. */
static void nothing_behind_a_head_is_read(void **state)
{
	static const char two[] = LINE "\r\nGET /2 HTTP/1.1\n";
	struct http_head h = {0};
	const char *why;

	(void)state;
	assert_int_equal(http_head_find(&h, two, sizeof(two) - 1, &why), HTTP_OK);
	assert_int_equal(h.seen, sizeof(LINE) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_request_says),
		cmocka_unit_test(what_spans_hold),
		cmocka_unit_test(a_query_part_by_part),
		cmocka_unit_test(media_types_that_the_client_takes),
		cmocka_unit_test(o38_an_absolute_target_without_a_path),
		cmocka_unit_test(o5_what_is_refused),
		cmocka_unit_test(o5_a_head_is_bounded),
		cmocka_unit_test(nothing_behind_a_head_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
