/* Targets: pp_read, pp_tlv_next, pp_tlv_find, pp_ssl_read, pp_v1_write, pp_v2_write. The input is what comes first on a
 * connection. In pieces it must read as in one; what is accepted must be written, read and written again as the same
 * bytes; and no byte outside of the block may be looked at. */
#include <stdlib.h>
#include <string.h>

#include "netpoll/check.h"
#include "proxy/proto/pp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MAX    4096
#define WANTED (PP_WANT_ALPN | PP_WANT_AUTHORITY | PP_WANT_UNIQUE_ID | PP_WANT_SSL | PP_WANT_CRC32C)

static bool same_bytes(struct pp_bytes a, struct pp_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* In a block of its own, so that one byte too far is seen. */
static enum pp_result read_exactly(struct pp_header *h, const uint8_t *data, size_t n)
{
	uint8_t *block = malloc(n > 0 ? n : 1);
	enum pp_result why;

	CHECK(block != NULL, "out of memory");
	memcpy(block, data, n);
	why = pp_read(h, block, n, MAX);
	if (h->tlvs.p != NULL)
		h->tlvs.p = data + (h->tlvs.p - block);
	free(block);
	return why;
}

/* Byte by byte where a line may end, and around each length that is asked for. */
static enum pp_result read_in_pieces(struct pp_header *h, const uint8_t *data, size_t n)
{
	size_t most = 0, step = 0;
	enum pp_result why;

	for (size_t at = 0;; at = at + step < n ? at + step : n) {
		why = at < 64 || step > 1 ? read_exactly(h, data, at) : pp_read(h, data, at, MAX);
		if (why != PP_MORE || at == n)
			break;
		CHECK(h->need > at, "the need is met, yet more is asked for");
		CHECK(h->need <= PP_V2_FIXED + MAX, "more is asked for than a header may have");
		most = h->need > most ? h->need : most;
		step = at < 300 ? 1 : 1 + (h->need - at) / 2;
	}
	CHECK(why != PP_OK || most <= h->len, "more was asked for than the header has");
	return why;
}

static void walk(const struct pp_header *h)
{
	struct pp_bytes area = h->tlvs, first, sub;
	struct pp_tlv tlv;
	struct pp_ssl ssl;

	while (pp_tlv_next(&area, &tlv)) {
		CHECK(pp_tlv_find(h->tlvs, tlv.type, &first), "a TLV that is there is not found");
		CHECK(first.p <= tlv.value.p, "not the first of its type was found");
		CHECK(tlv.type != PP_TLV_UNIQUE_ID || tlv.value.n <= PP_UNIQUE_ID_MAX, "a long unique id was accepted");
		if (tlv.type != PP_TLV_SSL)
			continue;
		CHECK(pp_ssl_read(tlv.value, &ssl), "a broken SSL TLV was accepted");
		CHECK(!(ssl.client & PP_CLIENT_SSL) || pp_tlv_find(ssl.subs, PP_SSL_VERSION, &sub),
		      "TLS without its version was accepted");
	}
	CHECK(area.n == 0, "a broken area was accepted");
}

/* Everything that can be passed on is. */
static size_t write_again(uint8_t *out, size_t cap, const struct pp_header *h)
{
	struct pp_tlv customs[PP_CUSTOM_MAX - PP_CUSTOM_MIN + 1] = {0};
	struct pp_made made = {
		.src = &h->src, .dst = &h->dst, .want = WANTED, .received = h->tlvs, .customs = customs,
		.custom_count = array_len(customs),
	};
	ssize_t n;

	for (size_t i = 0; i < array_len(customs); i++)
		customs[i].type = (uint8_t)(PP_CUSTOM_MIN + i);
	n = h->version == 1 ? pp_v1_write(out, cap, &h->src, &h->dst) : pp_v2_write(out, cap, &made);
	CHECK(n > 0, "what was accepted cannot be written");
	return (size_t)n;
}

static void round_trip(const struct pp_header *h)
{
	uint8_t first[PP_V2_FIXED + MAX + 16], again[sizeof(first)];
	size_t n = write_again(first, sizeof(first), h);
	struct pp_header read = {0};
	struct pp_bytes was, is;

	CHECK(pp_read(&read, first, n, UINT16_MAX) == PP_OK && read.len == n, "what was written does not read");
	CHECK(read.version == h->version && read.proxied == h->proxied, "what was written says something else");
	CHECK(!h->proxied || (np_addr_equal(&read.src, &h->src) && np_addr_equal(&read.dst, &h->dst)),
	      "what was written has other addresses");
	CHECK(write_again(again, sizeof(again), &read) == n && memcmp(first, again, n) == 0,
	      "written again it is not the same");
	for (unsigned type = 0; type <= UINT8_MAX && h->proxied; type++) {
		if (type == PP_TLV_CRC32C || !pp_tlv_find(read.tlvs, (uint8_t)type, &is))
			continue;
		CHECK(pp_tlv_find(h->tlvs, (uint8_t)type, &was) && same_bytes(was, is), "a TLV was changed on its way");
	}
}

/* The bytes as an area that nobody looked at. */
static void any_area(const uint8_t *data, size_t n)
{
	struct pp_bytes area = {data, n};
	struct pp_tlv tlv;
	struct pp_ssl ssl;

	while (pp_tlv_next(&area, &tlv))
		CHECK(tlv.value.p >= data && tlv.value.p + tlv.value.n <= data + n, "a value outside of its area");
	if (pp_ssl_read((struct pp_bytes){data, n}, &ssl))
		CHECK(ssl.subs.p + ssl.subs.n == data + n, "sub-TLVs outside of their TLV");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pp_header whole = {0}, pieces = {0};
	enum pp_result why = read_exactly(&whole, data, n);

	CHECK(why == read_in_pieces(&pieces, data, n), "in pieces it reads as something else");
	any_area(data, n);
	if (why != PP_OK)
		return 0;
	CHECK(whole.len == pieces.len && whole.len <= n, "the header has two lengths");
	walk(&whole);
	round_trip(&whole);
	return 0;
}
