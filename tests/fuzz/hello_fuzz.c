/* Targets: hello_init, hello_feed, hello_sni, hello_version, hello_alpn_next. However the bytes are sliced, and however
 * the message is cut into records, the answer is the same; and nothing beyond a slice is read: each is a copy of its
 * exact size on the heap. Random bytes rarely guess a length, so each input is also tried as the extensions of a hello
 * that is right around them. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/hello.h"
#include "proxy/base/name_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ROOM (64 * 1024)

struct bytes {
	size_t n;
	uint8_t b[ROOM];
};

/* A block is as large as its slice, and serves all slices of that size. */
static void feed(struct hello *h, const uint8_t *p, size_t n, size_t each)
{
	hello_init(h, HELLO_MAX);
	while (n > 0) {
		size_t size = each < n ? each : n;
		uint8_t *slice = malloc(size);

		CHECK(slice != NULL, "out of memory");
		for (; n >= size && h->result == HELLO_MORE; p += size, n -= size) {
			memcpy(slice, p, size);
			hello_feed(h, slice, size);
		}
		free(slice);
		if (h->result != HELLO_MORE)
			return;
	}
}

static void check_protocols(const struct hello *h)
{
	const uint8_t *p = NULL;
	size_t sum = 0;

	while ((p = hello_alpn_next(h->alpn, h->nalpn, p)) != NULL) {
		CHECK(p[0] > 0, "an empty protocol was kept");
		sum += 1 + (size_t)p[0];
	}
	CHECK(sum == h->nalpn, "the list of protocols does not add up");
}

static void check_answer(const struct hello *h)
{
	size_t n;
	const char *sni = hello_sni(h, &n);

	CHECK((h->result == HELLO_BAD) == (h->flaw != NULL), "a flaw and a bad hello go together");
	CHECK(h->at <= h->end[h->level], "the walk left what encloses it");
	CHECK(h->result != HELLO_MORE || h->need <= h->end[h->level] - h->at, "a field does not fit where it is");
	if (sni != NULL) {
		CHECK(n == strlen(sni) && n > 0, "the length is not the name's");
		CHECK(name_is_valid(sni, sni[n - 1] == '.' ? n - 1 : n), "a name that is none");
	}
	if (h->result != HELLO_DONE)
		return;
	CHECK(h->at <= HELLO_MAX, "more was read than allowed");
	CHECK(h->nalpn <= HELLO_ALPN_MAX && h->nsent <= HELLO_NAME_MAX, "more was kept than there is room for");
	check_protocols(h);
	CHECK(h->sslv2 || hello_version(h) == h->legacy_version || hello_version(h) >> 8 == 3, "an unknown version");
}

/* The message of a stream of records, each byte of it in a record of its own. */
static void single_bytes(struct bytes *out, const uint8_t *p, size_t n)
{
	out->n = 0;
	while (n > 5) {
		size_t k = (size_t)p[3] << 8 | p[4];

		p += 5;
		n -= 5;
		for (; k > 0 && n > 0 && out->n + 6 <= ROOM; k--, n--) {
			memcpy(out->b + out->n, "\x16\x03\x00\x00\x01", 5);
			out->b[out->n + 5] = *p++;
			out->n += 6;
		}
	}
}

static void check_same(const struct hello *a, const struct hello *b)
{
	CHECK(a->result == b->result && a->name == b->name, "records decide the result");
	CHECK(hello_version(a) == hello_version(b), "records decide the version");
	CHECK(a->nsent == b->nsent && memcmp(a->sent, b->sent, sizeof(a->sent)) == 0, "records decide the name");
	CHECK(a->nalpn == b->nalpn && memcmp(a->alpn, b->alpn, sizeof(a->alpn)) == 0, "records decide the protocols");
}

static void as_stream(const uint8_t *data, size_t n)
{
	static struct bytes split;
	struct hello whole, sliced;

	feed(&whole, data, n, n);
	check_answer(&whole);
	for (size_t each = 1; each < 9; each += 7) {
		feed(&sliced, data, n, each);
		CHECK(memcmp(&whole, &sliced, sizeof(whole)) == 0, "slices decide the answer");
	}
	if (whole.result != HELLO_DONE || whole.sslv2)
		return;
	single_bytes(&split, data, n);
	feed(&sliced, split.b, split.n, split.n);
	if (split.n + 6 <= ROOM)
		check_same(&whole, &sliced);
}

static void as_extensions(const uint8_t *data, size_t n)
{
	static uint8_t made[16384];
	size_t at = 9;

	n = n < 16000 ? n : 16000;
	memset(made, 0, sizeof(made));
	made[at] = made[at + 1] = 3;      /* version */
	at += 2 + 32 + 1;                 /* random, no session id */
	memcpy(made + at, "\0\2\x13\1\1", 6); /* one cipher, one compression */
	at += 6;
	made[at++] = (uint8_t)(n >> 8);
	made[at++] = (uint8_t)n;
	memcpy(made + at, data, n);
	at += n;
	memcpy(made, "\x16\3\1", 3);
	made[3] = (uint8_t)((at - 5) >> 8);
	made[4] = (uint8_t)(at - 5);
	made[5] = 1;
	made[7] = (uint8_t)((at - 9) >> 8);
	made[8] = (uint8_t)(at - 9);
	as_stream(made, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	as_stream(data, n);
	as_extensions(data, n);
	return 0;
}
