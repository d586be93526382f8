/* Targets: check_answer_send, check_answer_http, escape_settle, escape_read. The input is the lengths of two patterns,
 * the patterns, and an answer. A verdict that was given stays, however many bytes follow, and no byte outside of the
 * block is looked at. */
#include <stdlib.h>
#include <string.h>

#include "config/escape.h"
#include "netpoll/check.h"
#include "proxy/proto/check_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef enum check_answer judge(const void *wanted, const uint8_t *p, size_t n);

static enum check_answer judge_send(const void *wanted, const uint8_t *p, size_t n)
{
	return check_answer_send(wanted, p, n);
}

static enum check_answer judge_http(const void *wanted, const uint8_t *p, size_t n)
{
	unsigned status;

	return check_answer_http(wanted, p, n, &status);
}

/* In a block of its own, so that one byte too far is seen. */
static enum check_answer judge_exactly(judge *fn, const void *wanted, const uint8_t *p, size_t n)
{
	uint8_t *block = malloc(n > 0 ? n : 1);
	enum check_answer a;

	CHECK(block != NULL, "out of memory");
	memcpy(block, p, n);
	a = fn(wanted, block, n);
	free(block);
	return a;
}

/* From the first byte to the last: each once while they are few. */
static void feed(judge *fn, const void *wanted, const uint8_t *p, size_t n)
{
	enum check_answer was = CHECK_ANSWER_MORE, is;

	for (size_t at = 0; at <= n; at += at < 200 ? 1 : 97) {
		is = judge_exactly(fn, wanted, p, at);
		CHECK(was == CHECK_ANSWER_MORE || is == was, "a verdict has changed");
		was = is;
	}
	is = judge_exactly(fn, wanted, p, n);
	CHECK(was == CHECK_ANSWER_MORE || is == was, "a verdict has changed at the end");
}

/* What is settled reads as the bytes of its source, and settles to itself. */
static void escape(const uint8_t *data, size_t n)
{
	char text[600], once[ESCAPE_ROOM], twice[ESCAPE_ROOM];
	uint8_t bytes[ESCAPE_BYTES];
	const char *why = NULL;

	if (n == 0 || n >= sizeof(text) || memchr(data, 0, n) != NULL)
		return;
	memcpy(text, data, n);
	text[n] = '\0';
	if (escape_settle(text, once, &why) != 0) {
		CHECK(why != NULL, "a refusal has its sentence");
		return;
	}
	CHECK(escape_settle(once, twice, &why) == 0 && strcmp(once, twice) == 0, "what is settled stays so");
	CHECK(escape_read(once, bytes) <= n, "no text stands for more bytes than it has");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct check_wanted w = {.least = 1};
	struct check_wanted_http h = {.low = 200, .high = 399};
	size_t expect, reject;

	if (n < 3)
		return 0;
	expect = data[0] % 8;
	reject = data[1] % 8;
	w.least = 1 + data[2] % 16;
	data += 3;
	n -= 3;
	if (n < expect + reject)
		return 0;
	if (expect > 0)
		w.expect = h.body = (struct check_bytes){data, expect};
	if (reject > 0)
		w.reject = (struct check_bytes){data + expect, reject};
	feed(judge_send, &w, data + expect + reject, n - expect - reject);
	feed(judge_http, &h, data + expect + reject, n - expect - reject);
	escape(data, n);
	return 0;
}
