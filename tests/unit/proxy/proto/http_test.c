/* http: what is a URL, what is a reply, and that no byte behind those that came is looked at. */
#include "proxy/proto/http.h"

#include <stdlib.h>
#include <string.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

#define TYPE "application/x"
#define OK   "HTTP/1.0 200 OK\r\nContent-Type: application/x\r\n"

static void only_plain_urls_are_taken(void **state)
{
	static const char *const bad[] = {
		"", "http", "http:/a", "https://a/", "ftp://a/", "http://", "http:///x", "http://:80/", "http://a:/",
		"http://a:0/", "http://a:65536/", "http://a:123456/", "http://a:8x/", "http://u@a/", "http://a/b c",
		"http://a/\r\nX: y", "http://a\x7f/", "http://a?q", "http://a#f", "http://[::1", "http://[::1]x/",
		"http://a/\xc3\xa9",
	};
	static const struct {
		const char *url, *host, *path;
		uint16_t port;
	} good[] = {
		{"http://a", "a", "", 80},
		{"HTTP://a/", "a", "/", 80},
		{"http://ocsp.test:8080/x/y?z", "ocsp.test", "/x/y?z", 8080},
		{"http://[::1]:1/", "[::1]", "/", 1},
		{"http://[::1]", "[::1]", "", 80},
		{"http://192.0.2.1:65535/@", "192.0.2.1", "/@", 65535},
	};
	char longest[600] = "http://";
	struct http_url u;

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++)
		if (http_url_read(bad[i], &u) != -NP_EINVAL)
			kit_fail("\"%s\" is taken", bad[i]);
	for (size_t i = 0; i < array_len(good); i++) {
		assert_int_equal(http_url_read(good[i].url, &u), 0);
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.path, good[i].path);
		assert_int_equal(u.port, good[i].port);
	}
	memset(longest + 7, 'a', HTTP_HOST - 1);
	assert_int_equal(http_url_read(longest, &u), 0);
	longest[7 + HTTP_HOST - 1] = 'a';
	assert_int_equal(http_url_read(longest, &u), -NP_EINVAL);
}

static void the_head_of_a_request(void **state)
{
	char room[256];
	struct http_url u;
	struct text t;

	(void)state;
	assert_int_equal(http_url_read("http://a:8080", &u), 0);
	text_init(&t, room, sizeof(room) - 1);
	http_post_head(&t, &u, TYPE, 12);
	room[t.n] = '\0';
	assert_string_equal(room, "POST / HTTP/1.0\r\nHost: a:8080\r\nContent-Type: application/x\r\n"
				  "Content-Length: 12\r\n\r\n");
	assert_int_equal(http_url_read("http://a/b", &u), 0);
	text_init(&t, room, sizeof(room) - 1);
	http_post_head(&t, &u, TYPE, 0);
	room[t.n] = '\0';
	assert_ptr_equal(strstr(room, "POST /b HTTP/1.0\r\nHost: a\r\n"), room);
}

static void get_head(const char *url, const char *expected)
{
	char room[256];
	struct http_url u;
	struct text t;

	assert_int_equal(http_url_read(url, &u), 0);
	text_init(&t, room, sizeof(room) - 1);
	http_get_head(&t, &u, "x%3D");
	room[t.n] = '\0';
	assert_string_equal(room, expected);
}

static void the_head_of_a_get(void **state)
{
	(void)state;
	get_head("http://a", "GET /x%3D HTTP/1.0\r\nHost: a\r\n\r\n");
	get_head("http://a:8080/", "GET /x%3D HTTP/1.0\r\nHost: a:8080\r\n\r\n");
	get_head("http://a/b", "GET /b/x%3D HTTP/1.0\r\nHost: a\r\n\r\n");
}

/* In a block of its own, so that a sanitizer sees one byte too far. */
static enum http_verdict read_exactly(const char *p, size_t n, bool ended, struct http_reply *r)
{
	char *block = malloc(n > 0 ? n : 1);
	enum http_verdict v;

	assert_non_null(block);
	memcpy(block, p, n);
	v = http_reply_read(block, n, ended, TYPE, r);
	if (r->body != NULL)
		r->body = p + (r->body - block);
	free(block);
	return v;
}

static void a_reply_is_known_when_it_is_whole(void **state)
{
	static const struct {
		const char *text, *body;
		bool to_the_end; /* of the connection, as nothing else says where it ends */
	} rows[] = {
		{OK "Content-Length: 4\r\n\r\nbody", "body", false},
		{OK "content-length:4\r\nX:\r\n\r\nbody", "body", false},
		{OK "Content-Length: \t4 \t\r\nContent-Length: 4\r\n\r\nbody", "body", false},
		{OK "\r\nbody", "body", true},
		{"HTTP/1.1 200\nContent-Type: APPLICATION/X; q=1\n\nbody", "body", true},
	};
	struct http_reply r;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		size_t n = strlen(rows[i].text);

		for (size_t k = 0; k < n; k++) {
			assert_int_equal(read_exactly(rows[i].text, k, false, &r), HTTP_MORE);
			if (!rows[i].to_the_end || r.n == 0)
				assert_int_equal(read_exactly(rows[i].text, k, true, &r), HTTP_WRONG);
		}
		assert_int_equal(read_exactly(rows[i].text, n, rows[i].to_the_end, &r), HTTP_OK);
		assert_int_equal(r.status, 200);
		assert_int_equal(r.n, strlen(rows[i].body));
		assert_memory_equal(r.body, rows[i].body, r.n);
	}
	/* What follows it is nobody's. */
	assert_int_equal(read_exactly(OK "Content-Length: 2\r\n\r\nbody", strlen(OK) + 25, false, &r), HTTP_OK);
	assert_int_equal(r.n, 2);
}

static void a_wrong_reply_is_told(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"\r\n", "it is not HTTP"},
		{"ICY 200 OK\r\n", "it is not HTTP"},
		{"HTTP/2.0 200 OK\r\n", "it is not HTTP"},
		{"HTTP/1.x 200 OK\r\n", "it is not HTTP"},
		{"HTTP/1.0 2000\r\n", "it is not HTTP"},
		{"HTTP/1.0 20a OK\r\n", "it is not HTTP"},
		{"HTTP/1.0 20\r\n", "it is not HTTP"},
		{"HTTP/1.0 500 No\r\n\r\n", "the status is not 200"},
		{"HTTP/1.0 301 There\r\nLocation: http://b/\r\n\r\n", "the status is not 200"},
		{"HTTP/1.0 200 OK\r\n\r\nbody", "the Content-Type is not the one asked for"},
		{"HTTP/1.0 200 OK\r\nContent-Type: application/xy\r\n\r\nbody",
		 "the Content-Type is not the one asked for"},
		{OK "Content-Length: 0\r\n\r\n", "the body is empty"},
		{OK "Content-Length: \r\n\r\n", "the Content-Length is empty"},
		{OK "Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody!", "two different Content-Length headers"},
		{OK "Content-Length: -4\r\n\r\nbody", "the Content-Length is not a number, or too large"},
		{OK "Content-Length: 99999999999999999999999\r\n\r\nbody",
		 "the Content-Length is not a number, or too large"},
		{OK "Transfer-Encoding: chunked\r\n\r\n0", "it comes in chunks, which HTTP/1.0 does not have"},
		{OK "no colon\r\n\r\nbody", "a header line has no colon"},
	};
	static char large[HTTP_REPLY_MOST + 1];
	struct http_reply r;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_int_equal(read_exactly(rows[i].text, strlen(rows[i].text), false, &r), HTTP_WRONG);
		assert_string_equal(r.why, rows[i].why);
	}
	memcpy(large, OK, strlen(OK));
	memset(large + strlen(OK), 'x', sizeof(large) - strlen(OK));
	assert_int_equal(read_exactly(large, 8192, false, &r), HTTP_MORE);
	assert_int_equal(read_exactly(large, 8193, false, &r), HTTP_WRONG);
	assert_string_equal(r.why, "its head is too large");
	memcpy(large + strlen(OK), "\r\n", 2);
	assert_int_equal(read_exactly(large, HTTP_REPLY_MOST, true, &r), HTTP_OK);
	assert_int_equal(read_exactly(large, HTTP_REPLY_MOST + 1, true, &r), HTTP_WRONG);
	assert_string_equal(r.why, "it is too large");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_plain_urls_are_taken),
		cmocka_unit_test(the_head_of_a_request),
		cmocka_unit_test(the_head_of_a_get),
		cmocka_unit_test(a_reply_is_known_when_it_is_whole),
		cmocka_unit_test(a_wrong_reply_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
