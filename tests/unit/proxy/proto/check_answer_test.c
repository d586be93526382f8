/* check_answer: E16, E26, E27: each answer in one piece and byte by byte, to the byte at which it is decided. */
#include "proxy/proto/check_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST CHECK_ANSWER_MOST

static struct check_bytes bytes(const char *text)
{
	return (struct check_bytes){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

/* at: so many bytes decide; 0: all of them do not. */
static void e26_what_comes_first_decides(void **state)
{
	static const struct {
		const char *expect, *reject, *answer;
		size_t least, at;
		enum check_answer is;
	} rows[] = {
		{"+PONG", NULL, "+PONG\r\n", 1, 5, CHECK_ANSWER_GOOD},
		{"+PONG", NULL, "hello +PONG", 1, 11, CHECK_ANSWER_GOOD},
		{"+PONG", NULL, "-ERR no\r\n", 1, 0, CHECK_ANSWER_MORE},
		{"+PONG", "-ERR", "-ERR no\r\n+PONG", 1, 4, CHECK_ANSWER_BAD},
		{"+PONG", "-ERR", "+PONG -ERR", 1, 5, CHECK_ANSWER_GOOD},
		{"OK", "NOT OK", "NOT OK", 1, 6, CHECK_ANSWER_BAD},     /* at the same byte */
		{"OK", "NOT OK", "OK NOT OK", 1, 2, CHECK_ANSWER_GOOD},
		{NULL, "-ERR", "-E", 1, 0, CHECK_ANSWER_MORE},          /* it may become one */
		{NULL, "-ERR", "-EAT", 1, 4, CHECK_ANSWER_GOOD},
		{NULL, "-ERR", "-ERR", 1, 4, CHECK_ANSWER_BAD},
		{NULL, "x", "abcx", 3, 3, CHECK_ANSWER_GOOD},
		{NULL, "x", "xbcd", 3, 3, CHECK_ANSWER_BAD},            /* it waits for the least number */
		{"b", "a", "ab", 3, 2, CHECK_ANSWER_GOOD},
		{"b", "a", "acc", 3, 3, CHECK_ANSWER_BAD},
		{NULL, NULL, "abc", 3, 3, CHECK_ANSWER_GOOD},
		{NULL, NULL, "ab", 3, 0, CHECK_ANSWER_MORE},
		{"aab", NULL, "aaab", 1, 4, CHECK_ANSWER_GOOD},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct check_wanted w = {bytes(rows[i].expect), bytes(rows[i].reject), rows[i].least};
		size_t all = strlen(rows[i].answer);

		for (size_t n = 0; n <= all; n++) {
			enum check_answer is = check_answer_send(&w, (const uint8_t *)rows[i].answer, n);
			bool decided = rows[i].at != 0 && n >= rows[i].at;

			if (is != (decided ? rows[i].is : CHECK_ANSWER_MORE))
				fail_msg("row %zu: %d after %zu bytes of \"%s\"", i, (int)is, n, rows[i].answer);
		}
	}
}

static void e26_only_the_first_8_kib(void **state)
{
	static uint8_t answer[MOST + 8];
	const struct check_wanted w = {.expect = bytes("+PONG"), .least = 1};

	(void)state;
	memset(answer, '.', sizeof(answer));
	memcpy(answer + MOST - 5, "+PONG", 5);
	assert_int_equal(check_answer_send(&w, answer, MOST - 1), CHECK_ANSWER_MORE);
	assert_int_equal(check_answer_send(&w, answer, sizeof(answer)), CHECK_ANSWER_GOOD);
	memset(answer, '.', sizeof(answer));
	memcpy(answer + MOST - 4, "+PONG", 5);
	assert_int_equal(check_answer_send(&w, answer, MOST), CHECK_ANSWER_LONG);
	assert_int_equal(check_answer_send(&w, answer, sizeof(answer)), CHECK_ANSWER_LONG);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void e27_only_http_1_is_believed(void **state)
{
	static const struct {
		const char *name, *answer, *body;
		size_t at;
		enum check_answer is;
		unsigned status;
	} rows[] = {
		{"usual", OK "Server: x\r\n\r\n", NULL, 30, CHECK_ANSWER_GOOD, 200},
		{"1.0, no reason", "HTTP/1.0 204\r\n\r\n", NULL, 16, CHECK_ANSWER_GOOD, 204},
		{"line feeds alone", "HTTP/1.0 204 x\n\n", NULL, 16, CHECK_ANSWER_GOOD, 204},
		{"line feeds alone, no reason", "HTTP/1.0 204\n\n", NULL, 14, CHECK_ANSWER_GOOD, 204},
		{"the last of the range", "HTTP/1.1 399 x\r\n\r\n", NULL, 18, CHECK_ANSWER_GOOD, 399},
		{"a bad status, at once", "HTTP/1.1 503 no\r\n", NULL, 13, CHECK_ANSWER_BAD, 503},
		{"beyond the range", "HTTP/1.1 400 no\r\n", NULL, 13, CHECK_ANSWER_BAD, 400},
		{"1xx", "HTTP/1.1 103 early\r\nLink: x\r\n\r\n" OK "\r\n", NULL, 50, CHECK_ANSWER_GOOD, 200},
		{"1xx, and bad", "HTTP/1.1 100 c\r\n\r\nHTTP/1.1 500 x\r\n", NULL, 31, CHECK_ANSWER_BAD, 500},
		{"another version", "HTTP/2.0 200 OK\r\n\r\n", NULL, 6, CHECK_ANSWER_BAD, 0},
		{"another protocol", "SSH-2.0-x\r\n", NULL, 1, CHECK_ANSWER_BAD, 0},
		{"two digits", "HTTP/1.1 20 OK\r\n\r\n", NULL, 12, CHECK_ANSWER_BAD, 0},
		{"four digits", "HTTP/1.1 2000 OK\r\n\r\n", NULL, 13, CHECK_ANSWER_BAD, 0},
		{"status 099", "HTTP/1.1 099 OK\r\n\r\n", NULL, 13, CHECK_ANSWER_BAD, 99},
		{"no end of the header", OK "Server: x\r\n", NULL, 0, CHECK_ANSWER_MORE, 200},
		{"a body", OK "\r\nall is ready", "ready", 31, CHECK_ANSWER_GOOD, 200},
		{"a body in a chunk", OK "\r\n5\r\nready\r\n0\r\n\r\n", "ready", 27, CHECK_ANSWER_GOOD, 200},
		{"a body in the header", OK "X: ready\r\n\r\nno", "ready", 0, CHECK_ANSWER_MORE, 200},
	};

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		const struct check_wanted_http w = {200, 399, bytes(rows[i].body)};
		size_t all = strlen(rows[i].answer);
		unsigned status = 1000;

		for (size_t n = 0; n <= all; n++) {
			enum check_answer is = check_answer_http(&w, (const uint8_t *)rows[i].answer, n, &status);
			bool decided = rows[i].at != 0 && n >= rows[i].at;

			if (is != (decided ? rows[i].is : CHECK_ANSWER_MORE))
				fail_msg("%s: %d after %zu bytes", rows[i].name, (int)is, n);
		}
		assert_int_equal(status, rows[i].status);
	}
}

static void e27_a_header_of_8_kib_is_too_long(void **state)
{
	static uint8_t answer[3 * MOST];
	const struct check_wanted_http w = {.low = 200, .high = 399, .body = bytes("ready")};
	unsigned status;

	(void)state;
	memset(answer, 'x', sizeof(answer));
	memcpy(answer, OK, strlen(OK));
	assert_int_equal(check_answer_http(&w, answer, MOST - 1, &status), CHECK_ANSWER_MORE);
	assert_int_equal(check_answer_http(&w, answer, MOST, &status), CHECK_ANSWER_LONG);
	memcpy(answer + MOST - 4, "\r\n\r\n", 4);
	assert_int_equal(check_answer_http(&w, answer, 2 * MOST - 1, &status), CHECK_ANSWER_MORE);
	assert_int_equal(check_answer_http(&w, answer, 2 * MOST, &status), CHECK_ANSWER_LONG);
	memcpy(answer + 2 * MOST - 5, "ready", 5);
	assert_int_equal(check_answer_http(&w, answer, sizeof(answer), &status), CHECK_ANSWER_GOOD);
}

/* Six of them, or one after five: too many, or just enough. */
static void e27_five_of_1xx(void **state)
{
	static const char inform[] = "HTTP/1.1 102 wait\r\n\r\n";
	const struct check_wanted_http w = {.low = 200, .high = 399};
	char answer[256] = "";
	unsigned status;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		memcpy(answer + i * strlen(inform), inform, strlen(inform));
	memcpy(answer + 5 * strlen(inform), OK "\r\n", strlen(OK) + 3);
	assert_int_equal(check_answer_http(&w, (uint8_t *)answer, strlen(answer), &status), CHECK_ANSWER_GOOD);
	memcpy(answer + 5 * strlen(inform), "HTTP/1.1 102 x\r\n\r\n", 18);
	assert_int_equal(check_answer_http(&w, (uint8_t *)answer, 5 * strlen(inform) + 18, &status), CHECK_ANSWER_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(e26_what_comes_first_decides),
		cmocka_unit_test(e26_only_the_first_8_kib),
		cmocka_unit_test(e27_only_http_1_is_believed),
		cmocka_unit_test(e27_a_header_of_8_kib_is_too_long),
		cmocka_unit_test(e27_five_of_1xx),
	};

	return cmocka_run_group_tests_name("check_answer", tests, NULL, NULL);
}
