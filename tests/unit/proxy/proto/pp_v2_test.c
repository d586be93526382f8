/* pp_v2: the binary header. Rows S20 to S28, PL2, PL5; TLVs are pp_tlv_test.c's. */
#include "proxy/proto/pp.h"

#include "tests/unit/proxy/proto/pp_feed.h"

#define SIGNATURE_N 12

static uint8_t header[HEADER + 64];

static void s20_each_byte_of_the_signature_counts(void **state)
{
	uint8_t zero[HEADER] = {0};
	size_t n = feed_v2(header, 0x20, 0, zero, 0);

	(void)state;
	assert_int_equal(feed(header, n).why, PP_OK);
	for (size_t i = 0; i < SIGNATURE_N; i++) {
		header[i] ^= 0x80;
		struct verdict v = feed(header, n);

		assert_int_equal(v.why, PP_NOT_PROXY);
		assert_int_equal(v.at, i + 1);
		header[i] ^= 0x80;
	}
}

static const struct {
	const char *name;
	uint8_t command, family;
	size_t length; /* of zeros */
	enum pp_result why;
	size_t at;
} rows[] = {
	{"S21 version 1", 0x11, 0x11, 12, PP_V2_VERSION, 13},
	{"S21 version 3", 0x31, 0x11, 12, PP_V2_VERSION, 13},
	{"S21 version 0", 0x01, 0x11, 12, PP_V2_VERSION, 13},
	{"S23 command 2", 0x22, 0x11, 12, PP_V2_COMMAND, 13},
	{"S23 command 15", 0x2f, 0x11, 12, PP_V2_COMMAND, 13},
	{"S24 family 4", 0x21, 0x41, 12, PP_V2_FAMILY, 14},
	{"S24 family 15", 0x21, 0xf1, 12, PP_V2_FAMILY, 14},
	{"S24 transport 3", 0x21, 0x13, 12, PP_V2_FAMILY, 14},
	{"S24 transport 15, no family", 0x21, 0x0f, 0, PP_V2_FAMILY, 14},
	{"S22 LOCAL without a block", 0x20, 0x00, 0, PP_OK, 16},
	{"S22 LOCAL with a block", 0x20, 0x11, 12, PP_OK, 28},
	{"S22 LOCAL with a family that is none", 0x20, 0xff, 7, PP_OK, 23},
	{"S22 LOCAL with half a block", 0x20, 0x21, 11, PP_OK, 27},
	{"S26 LOCAL with much", 0x20, 0x00, MAX, PP_OK, 16 + MAX},
	{"S25 no family", 0x21, 0x00, 0, PP_OK, 16},
	{"S25 no family, 12 bytes", 0x21, 0x00, 12, PP_OK, 28},
	{"S25 no family, stream", 0x21, 0x01, 5, PP_OK, 21},
	{"S25 no transport", 0x21, 0x10, 12, PP_OK, 28},
	{"S25 no transport, no block", 0x21, 0x20, 0, PP_OK, 16},
	{"S25 UDP over IPv4", 0x21, 0x12, 12, PP_OK, 28},
	{"S25 UDP over IPv6", 0x21, 0x22, 36, PP_OK, 52},
	{"S25 Unix datagrams", 0x21, 0x32, 216, PP_OK, 232},
	{"S27 TCP over IPv4", 0x21, 0x11, 11, PP_V2_TOO_SHORT, 16},
	{"S27 TCP over IPv4, nothing", 0x21, 0x11, 0, PP_V2_TOO_SHORT, 16},
	{"S27 TCP over IPv6", 0x21, 0x21, 35, PP_V2_TOO_SHORT, 16},
	{"S27 Unix stream", 0x21, 0x31, 215, PP_V2_TOO_SHORT, 16},
	{"S27 UDP over IPv4", 0x21, 0x12, 11, PP_V2_TOO_SHORT, 16},
};

static void the_fixed_part_is_judged_byte_by_byte(void **state)
{
	static const uint8_t zero[HEADER];

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		size_t n = feed_v2(header, rows[i].command, rows[i].family, zero, rows[i].length);
		struct verdict v = feed(header, n);

		if (v.why != rows[i].why || v.at != rows[i].at)
			print_error("%s: %s after %zu bytes\n", rows[i].name, pp_word(v.why), v.at);
		assert_int_equal(v.why, rows[i].why);
		assert_int_equal(v.at, rows[i].at);
		assert_false(v.h.proxied);
		assert_int_equal(v.h.src.len, 0);
		assert_int_equal(v.h.tlvs.n, 0);
	}
}

static void s26_pl5_payload_is_never_part_of_the_header(void **state)
{
	static const uint8_t behind[] = "\x05\xff\xff payload that looks like a TLV";
	size_t n;

	(void)state;
	for (int command = 0x20; command <= 0x21; command++) {
		n = feed_v2(header, command, 0x11, "\x7f\0\0\1\x7f\0\0\2\0\1\0\2", 12);
		memcpy(header + n, behind, sizeof(behind));
		struct verdict v = feed(header, n + sizeof(behind));

		assert_int_equal(v.why, PP_OK);
		assert_int_equal(v.h.len, n);
		assert_int_equal(v.h.tlvs.n, 0);
	}
}

static const struct {
	const char *name;
	size_t max, length;
	enum pp_result why;
	size_t at;
} limits[] = {
	{"PL2 at the maximum", 300, 300, PP_OK, 316},
	{"PL2 one above", 300, 301, PP_V2_TOO_LONG, 16},
	{"PL2 above by its first byte", 300, 512, PP_V2_TOO_LONG, 15},
	{"PL2 the default, at it", MAX, MAX, PP_OK, 16 + MAX},
	{"PL2 the default, above it", MAX, MAX + 1, PP_V2_TOO_LONG, 16},
	{"PL2 all that can be said", MAX, 65535, PP_V2_TOO_LONG, 15},
};

static void pl2_the_length_is_bounded_before_the_block(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(limits); i++) {
		for (int command = 0x20; command <= 0x21; command++) {
			memset(header, 0, sizeof(header));
			feed_v2(header, command, 0x00, "", 0);
			header[14] = (uint8_t)(limits[i].length >> 8);
			header[15] = (uint8_t)limits[i].length;
			struct verdict v = feed_max(header, PP_V2_FIXED + MAX + 1, limits[i].max);

			if (v.why != limits[i].why || v.at != limits[i].at)
				print_error("%s: %s after %zu\n", limits[i].name, pp_word(v.why), v.at);
			assert_int_equal(v.why, limits[i].why);
			assert_int_equal(v.at, limits[i].at);
		}
	}
}

static void pl2_the_largest_header_of_all_is_read(void **state)
{
	static uint8_t big[PP_V2_FIXED + UINT16_MAX];
	struct pp_header h = {0};

	(void)state;
	feed_v2(big, 0x20, 0x00, "", 0);
	big[14] = big[15] = 0xff;
	assert_int_equal(pp_read(&h, big, sizeof(big) - 1, UINT16_MAX), PP_MORE);
	assert_int_equal(h.need, sizeof(big));
	assert_int_equal(pp_read(&h, big, sizeof(big), UINT16_MAX), PP_OK);
	assert_int_equal(h.len, sizeof(big));
}

/* ---- addresses ------------------------------------------------------------------------------- */

#define TEN      "/234567890"
#define PATH_107 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "/234567"

static const struct {
	const char *name, *src, *dst;
	uint8_t family;
	size_t block;
} ends[] = {
	{"TCP over IPv4", "192.0.2.1:1000", "198.51.100.2:443", 0x11, 12},
	{"TCP over IPv6", "[2001:db8::1]:1000", "[2001:db8::2]:65535", 0x21, 36},
	{"PL6 v4-mapped", "[::ffff:192.0.2.1]:0", "[::ffff:192.0.2.2]:443", 0x21, 36},
	{"Unix paths", "unix:/a", "unix:/run/staunch.sock", 0x31, 216},
	{"Unix, abstract", "unix:@client", "unix:@staunch", 0x31, 216},
	{"Unix, the longest path", "unix:" PATH_107, "unix:/b", 0x31, 216},
};

static void s28_addresses_are_written_in_order_and_read_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(ends); i++) {
		struct np_addr src = feed_addr(ends[i].src), dst = feed_addr(ends[i].dst);
		struct pp_made made = {.src = &src, .dst = &dst};
		ssize_t n = pp_v2_write(header, sizeof(header), &made);

		assert_int_equal(n, PP_V2_FIXED + ends[i].block);
		assert_int_equal(header[12], 0x21);
		assert_int_equal(header[13], ends[i].family);
		struct verdict v = feed(header, (size_t)n);

		assert_int_equal(v.why, PP_OK);
		assert_int_equal(v.h.version, 2);
		feed_expect_ends(ends[i].name, &v.h, ends[i].src, ends[i].dst);
		assert_true(np_addr_equal(&v.h.src, &src) && np_addr_equal(&v.h.dst, &dst));
		assert_int_equal(v.h.src.len, src.len);
	}
}

static void s2_s28_the_bytes_are_these(void **state)
{
	struct np_addr src = feed_addr("192.0.2.1:1000"), dst = feed_addr("198.51.100.2:443");
	struct np_addr src6 = feed_addr("[2001:db8::1]:1000");
	struct pp_made made = {.src = &src, .dst = &dst}, mixed = {.src = &src6, .dst = &dst};
	static const uint8_t want[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\x03\xe8\x01\xbb";
	static const uint8_t want_mixed[] = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
					    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
					    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\2\x03\xe8\x01\xbb";

	(void)state;
	assert_int_equal(pp_v2_write(header, sizeof(header), &made), sizeof(want) - 1);
	assert_memory_equal(header, want, sizeof(want) - 1);
	assert_int_equal(pp_v2_write(header, sizeof(header), &mixed), sizeof(want_mixed) - 1);
	assert_memory_equal(header, want_mixed, sizeof(want_mixed) - 1);
}

/* Fields of 108 bytes: a path that fills it, bytes behind a path's end, a name with zeros in it, no name at all. */
static void unix_names_end_where_they_end(void **state)
{
	uint8_t block[216] = {0};
	struct np_addr empty = {.len = offsetof(struct sockaddr_un, sun_path), .u.un.sun_family = AF_UNIX};
	struct pp_made made = {.src = &empty, .dst = &empty};
	struct verdict v;

	(void)state;
	memset(block, 'x', 108);
	memcpy(block + 108, "/b\0rubbish", 10);
	v = feed(header, feed_v2(header, 0x21, 0x31, block, sizeof(block)));
	assert_int_equal(v.h.src.len, sizeof(struct sockaddr_un));
	assert_int_equal(v.h.dst.len, offsetof(struct sockaddr_un, sun_path) + 3);
	assert_memory_equal(v.h.dst.u.un.sun_path, "/b\0\0\0\0\0\0\0\0", 10);
	memset(block, 0, sizeof(block));
	memcpy(block, "\0a\0b", 4);
	v = feed(header, feed_v2(header, 0x21, 0x31, block, sizeof(block)));
	assert_true(np_addr_is_abstract(&v.h.src));
	assert_int_equal(v.h.src.len, offsetof(struct sockaddr_un, sun_path) + 4);
	assert_true(v.h.proxied && v.h.dst.len == offsetof(struct sockaddr_un, sun_path));
	assert_int_equal(pp_v2_write(header, sizeof(header), &made), PP_V2_FIXED + 216);
	v = feed(header, PP_V2_FIXED + 216);
	assert_true(v.h.proxied && np_addr_equal(&v.h.src, &empty));
	memcpy(empty.u.un.sun_path, "/c\0rubbish", 10);
	empty.len = sizeof(struct sockaddr_un);
	assert_int_equal(pp_v2_write(header, sizeof(header), &made), PP_V2_FIXED + 216);
	assert_memory_equal(header + PP_V2_FIXED, "/c\0\0\0\0\0\0\0\0", 10);
}

/* PL7, CVE-2024-23327: what a LOCAL header gave may be handed on as it is. */
static void s22_unknown_ends_are_written_as_local(void **state)
{
	static const uint8_t local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	struct np_addr known = feed_addr("192.0.2.1:1"), name = feed_addr("unix:/a"), torn = known;
	struct verdict got = feed(local, sizeof(local) - 1);
	const struct np_addr *const pairs[][2] = {
		{NULL, NULL}, {NULL, &known}, {&known, NULL}, {&got.h.src, &got.h.dst}, {&known, &name},
		{&torn, &torn},
	};

	(void)state;
	assert_int_equal(got.why, PP_OK);
	torn.len = sizeof(sa_family_t);
	for (size_t i = 0; i < array_len(pairs); i++) {
		struct pp_made made = {
			.src = pairs[i][0], .dst = pairs[i][1], .want = PP_WANT_CRC32C | PP_WANT_ALPN,
			.alpn = BYTES("h2"),
		};

		assert_int_equal(pp_v2_write(header, sizeof(header), &made), PP_V2_FIXED);
		assert_memory_equal(header, local, PP_V2_FIXED);
	}
}

static void a_header_that_does_not_fit_is_an_error(void **state)
{
	struct np_addr a = feed_addr("192.0.2.1:1");
	struct pp_made made = {.src = &a, .dst = &a, .want = PP_WANT_CRC32C}, local = {.want = PP_WANT_CRC32C};

	(void)state;
	for (size_t cap = 0; cap < 16 + 12 + 7; cap++) {
		header[cap] = '~';
		assert_int_equal(pp_v2_write(header, cap, &made), -NP_ENOBUFS);
		assert_int_equal(header[cap], '~');
	}
	assert_int_equal(pp_v2_write(header, 16 + 12 + 7, &made), 16 + 12 + 7);
	assert_int_equal(pp_v2_write(header, PP_V2_FIXED - 1, &local), -NP_ENOBUFS);
	assert_int_equal(pp_v2_write(header, PP_V2_FIXED, &local), PP_V2_FIXED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s20_each_byte_of_the_signature_counts),
		cmocka_unit_test(the_fixed_part_is_judged_byte_by_byte),
		cmocka_unit_test(s26_pl5_payload_is_never_part_of_the_header),
		cmocka_unit_test(pl2_the_length_is_bounded_before_the_block),
		cmocka_unit_test(pl2_the_largest_header_of_all_is_read),
		cmocka_unit_test(s28_addresses_are_written_in_order_and_read_again),
		cmocka_unit_test(s2_s28_the_bytes_are_these),
		cmocka_unit_test(unix_names_end_where_they_end),
		cmocka_unit_test(s22_unknown_ends_are_written_as_local),
		cmocka_unit_test(a_header_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
