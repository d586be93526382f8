/* pp_tlv: what stands behind the addresses. Rows S29 to S34. Lengths in the texts are octal where a digit follows. */
#include "proxy/proto/pp.h"

#include "tests/unit/proxy/proto/pp_feed.h"

#define BEHIND (PP_V2_FIXED + 12) /* where the TLVs begin in what feed_tlvs makes */

static uint8_t header[HEADER + 64], again[HEADER + 64];

/* ---- reading --------------------------------------------------------------------------------- */

#define SSL(client, verify, subs, n) "\x20\0" n client verify subs
#define VERSION "\x21\0\7TLSv1.3"

static const struct {
	const char *name;
	struct pp_bytes tlvs;
	enum pp_result why;
	size_t at; /* bytes of the TLVs; 0: all */
} rows[] = {
	{"S29 unknown types", BYTES("\x99\0\1?\xff\0\0\0\0\2ab"), PP_OK, 0},
	{"S29 NOOP", BYTES("\4\0\5\0\0\0\0\0"), PP_OK, 0},
	{"S29 empty NOOP", BYTES("\4\0\0"), PP_OK, 0},
	{"S29 empty values", BYTES("\1\0\0\2\0\0\5\0\0\x30\0\0\xe0\0\0"), PP_OK, 0},
	{"S29 one byte longer than the header", BYTES("\1\0\3h2"), PP_BAD_TLV, 3},
	{"S29 much longer than the header", BYTES("\1\377\377h2"), PP_BAD_TLV, 3},
	{"S29 the second one longer", BYTES("\1\0\2h2\2\0\4abc"), PP_BAD_TLV, 8},
	/* Certain before the first byte of it has come: there is no room for a type and a length. */
	{"S29 the header ends behind a type", BYTES("\1\0\2h2\1"), PP_BAD_TLV, 5},
	{"S29 the header ends inside a length", BYTES("\1\0\2h2\1\0"), PP_BAD_TLV, 5},
	{"S29 one byte alone", BYTES("\4"), PP_BAD_TLV, 0},
	{"S31 a wrong checksum", BYTES("\3\0\4\0\0\0\0"), PP_BAD_CRC32C, 0},
	{"S31 a checksum of three bytes", BYTES("\3\0\3\0\0\0\4\0\0"), PP_BAD_CRC32C, 3},
	{"S31 a checksum of five bytes", BYTES("\3\0\5\0\0\0\0\0"), PP_BAD_CRC32C, 3},
	{"S31 an empty checksum", BYTES("\3\0\0"), PP_BAD_CRC32C, 3},
	{"S31 two checksums", BYTES("\3\0\4\0\0\0\0\3\0\4\0\0\0\0"), PP_BAD_CRC32C, 10},
	{"S33 no client bit", BYTES(SSL("\0", "\0\0\0\1", "", "\5")), PP_OK, 0},
	{"S33 TLS with its version", BYTES(SSL("\1", "\0\0\0\0", VERSION, "\17")), PP_OK, 0},
	{"S33 TLS without a version", BYTES(SSL("\1", "\0\0\0\0", "", "\5")), PP_BAD_SSL, 0},
	{"S33 TLS with another sub-TLV only", BYTES(SSL("\1", "\0\0\0\0", "\x22\0\1x", "\11")), PP_BAD_SSL, 0},
	{"S33 shorter than its head", BYTES("\x20\0\4\0\0\0\0"), PP_BAD_SSL, 0},
	{"S33 empty", BYTES("\x20\0\0"), PP_BAD_SSL, 0},
	{"S33 a sub-TLV longer than it", BYTES(SSL("\1", "\0\0\0\0", "\x21\0\7TLSv1.", "\16") "\4\0\0"),
	 PP_BAD_SSL, 17},
	{"S33 a sub-TLV cut short", BYTES(SSL("\1", "\0\0\0\0", VERSION "\x22", "\20")), PP_BAD_SSL, 0},
	{"S33 unknown bits and sub-TLVs", BYTES(SSL("\xf8", "\0\0\0\0", "\x2f\0\1x", "\11")), PP_OK, 0},
};

static void s29_s31_s33_tlvs_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		size_t n = feed_tlvs(header, rows[i].tlvs);
		size_t at = rows[i].at != 0 ? BEHIND + rows[i].at : n;
		struct verdict v = feed(header, n);

		if (rows[i].tlvs.n == 1)
			at = PP_V2_FIXED; /* the length alone says it */
		if (v.why != rows[i].why || v.at != at)
			print_error("%s: %s after %zu bytes, want %zu\n", rows[i].name, pp_word(v.why), v.at, at);
		assert_int_equal(v.why, rows[i].why);
		assert_int_equal(v.at, at);
		assert_int_equal(v.h.tlvs.n, v.why == PP_OK ? rows[i].tlvs.n : 0);
	}
}

static void s32_a_unique_id_has_at_most_128_bytes(void **state)
{
	uint8_t tlv[3 + PP_UNIQUE_ID_MAX + 1] = {PP_TLV_UNIQUE_ID, 0, PP_UNIQUE_ID_MAX};
	struct pp_bytes id;
	struct verdict v;

	(void)state;
	memset(tlv + 3, 0xff, PP_UNIQUE_ID_MAX + 1);
	v = feed(header, feed_tlvs(header, (struct pp_bytes){tlv, 3 + PP_UNIQUE_ID_MAX}));
	assert_int_equal(v.why, PP_OK);
	assert_true(pp_tlv_find(v.h.tlvs, PP_TLV_UNIQUE_ID, &id));
	assert_int_equal(id.n, PP_UNIQUE_ID_MAX);
	tlv[2]++;
	v = feed(header, feed_tlvs(header, (struct pp_bytes){tlv, 4 + PP_UNIQUE_ID_MAX}));
	assert_int_equal(v.why, PP_BAD_UNIQUE_ID);
	assert_int_equal(v.at, BEHIND + 3);
}

/* S29, S25: where nothing says how long the addresses are, there is no telling where TLVs begin. */
static void without_a_known_block_there_are_no_tlvs(void **state)
{
	static const uint8_t torn[] = "\1\377\377";
	struct verdict v = feed(header, feed_v2(header, 0x21, 0x00, torn, 3));

	(void)state;
	assert_int_equal(v.why, PP_OK);
	assert_int_equal(v.h.tlvs.n, 0);
	v = feed(header, feed_v2(header, 0x20, 0x11, torn, 3));
	assert_int_equal(v.why, PP_OK);
	/* Those of datagrams stand behind addresses that are skipped. */
	v = feed(header, feed_v2(header, 0x21, 0x12, "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\2h2", 17));
	assert_int_equal(v.h.tlvs.n, 5);
}

static void of_several_the_first_is_found(void **state)
{
	struct pp_bytes tlvs = BYTES("\2\0\1a\2\0\1b\1\0\0"), value;

	(void)state;
	assert_true(pp_tlv_find(tlvs, PP_TLV_AUTHORITY, &value));
	assert_int_equal(value.n, 1);
	assert_int_equal(value.p[0], 'a');
	assert_true(pp_tlv_find(tlvs, PP_TLV_ALPN, &value));
	assert_non_null(value.p);
	assert_int_equal(value.n, 0);
	assert_false(pp_tlv_find(tlvs, PP_TLV_NETNS, &value));
}

/* ---- writing --------------------------------------------------------------------------------- */

#define ALL (PP_WANT_ALPN | PP_WANT_AUTHORITY | PP_WANT_UNIQUE_ID | PP_WANT_SSL)

static struct np_addr addr;

static int set_addr(void **state)
{
	(void)state;
	addr = feed_addr("192.0.2.1:1");
	return 0;
}

/* What `made` says behind the addresses. */
static struct pp_bytes written(struct pp_made made)
{
	struct verdict v;
	ssize_t n;

	made.src = made.dst = &addr;
	n = pp_v2_write(again, sizeof(again), &made);
	assert_true(n > 0);
	v = feed(again, (size_t)n);
	assert_int_equal(v.why, PP_OK);
	return v.h.tlvs;
}

static void expect_tlvs(struct pp_made made, struct pp_bytes want)
{
	struct pp_bytes got = written(made);

	assert_int_equal(got.n, want.n);
	assert_memory_equal(got.p, want.p, want.n);
}

static void what_is_wanted_and_known_is_written(void **state)
{
	struct pp_made made = {.alpn = BYTES("h2"), .authority = BYTES("a.example"), .unique_id = BYTES("id")};

	(void)state;
	expect_tlvs(made, BYTES(""));
	made.want = PP_WANT_ALPN;
	expect_tlvs(made, BYTES("\1\0\2h2"));
	made.want = ALL;
	expect_tlvs(made, BYTES("\1\0\2h2\2\0\011a.example\5\0\2id"));
	made.authority = BYTES("");
	made.alpn.p = NULL;
	expect_tlvs(made, BYTES("\2\0\0\5\0\2id"));
}

static void s33_an_ssl_tlv_is_written_with_its_parts(void **state)
{
	struct pp_ssl_made ssl = {
		.client = PP_CLIENT_SSL | PP_CLIENT_CERT_CONN | PP_CLIENT_CERT_SESS, .verify = 0x01020304,
		.version = BYTES("TLSv1.3"), .cn = BYTES("c"), .cipher = BYTES("ci"),
		.sig_alg = BYTES("RSA-SHA256"), .key_alg = BYTES("EC256"), .group = BYTES("X25519"),
		.sig_scheme = BYTES("s"), .client_cert = BYTES("0"),
	};
	struct pp_made made = {.want = PP_WANT_SSL, .ssl = &ssl};
	struct pp_bytes tlvs = written(made), value;
	struct pp_ssl got;

	(void)state;
	assert_true(pp_tlv_find(tlvs, PP_TLV_SSL, &value) && pp_ssl_read(value, &got));
	assert_int_equal(tlvs.n, value.n + 3);
	assert_int_equal(got.client, 7);
	assert_int_equal(got.verify, 0x01020304);
#define X(code, field, type)                                               \
	assert_true(pp_tlv_find(got.subs, PP_SSL_##code, &value));         \
	assert_int_equal(value.n, ssl.field.n);                            \
	assert_memory_equal(value.p, ssl.field.p, value.n);
	PP_SSL_TBL(X)
#undef X
	ssl = (struct pp_ssl_made){.verify = 1};
	expect_tlvs(made, BYTES("\x20\0\5\0\0\0\0\1"));
	ssl.client = PP_CLIENT_SSL;
	made.src = made.dst = &addr;
	assert_int_equal(pp_v2_write(again, sizeof(again), &made), -NP_EINVAL);
}

static void s30_s31_a_checksum_is_written_and_every_bit_of_the_header_counts(void **state)
{
	struct pp_made made = {.want = ALL | PP_WANT_CRC32C, .alpn = BYTES("h2"), .src = &addr, .dst = &addr};
	ssize_t n = pp_v2_write(header, sizeof(header), &made);

	(void)state;
	assert_int_equal(n, BEHIND + 5 + 7);
	assert_int_equal(feed(header, (size_t)n).why, PP_OK);
	for (size_t bit = 0; bit < 8 * (size_t)n; bit++) {
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
		struct verdict v = feed(header, (size_t)n);

		/* Bits of the fixed part may say LOCAL or no family, or move the block: then nothing is checked. */
		if (bit / 8 >= PP_V2_FIXED)
			assert_int_not_equal(v.why, bit / 8 == BEHIND + 5 ? PP_MORE : PP_OK);
		if (bit / 8 > BEHIND + 7 || (bit / 8 >= PP_V2_FIXED && bit / 8 < BEHIND))
			assert_int_equal(v.why, PP_BAD_CRC32C);
		header[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void s34_custom_types_and_no_others_are_written(void **state)
{
	struct pp_tlv customs[] = {{0xe0, BYTES("")}, {0xef, BYTES("x")}, {0xe5, {NULL, 0}}};
	struct pp_made made = {.customs = customs, .custom_count = array_len(customs)};
	static const uint8_t others[] = {0x00, 0x05, 0xdf, 0xf0, 0xff};

	(void)state;
	expect_tlvs(made, BYTES("\xe0\0\0\xef\0\1x"));
	made.src = made.dst = &addr;
	for (size_t i = 0; i < sizeof(others); i++) {
		customs[0].type = others[i];
		assert_int_equal(pp_v2_write(again, sizeof(again), &made), -NP_EINVAL);
	}
}

static void s32_s34_what_was_received_is_passed_on(void **state)
{
	struct pp_tlv custom = {0xea, {NULL, 0}};
	struct pp_ssl_made ssl = {.client = 0};
	struct pp_made made = {
		.want = ALL, .customs = &custom, .custom_count = 1,
		.received = BYTES("\1\0\2h2\4\0\1?\5\0\2r1\2\0\1a\2\0\1b\xea\0\1v\xeb\0\1w\x99\0\0"
				  "\x20\0\5\0\0\0\0\1\x30\0\1n"),
	};

	(void)state;
	expect_tlvs(made, BYTES("\1\0\2h2\2\0\1a\5\0\2r1\x20\0\5\0\0\0\0\1\xea\0\1v"));
	made.alpn = BYTES("http/1.1"); /* what is known here goes first, but for the id */
	made.unique_id = BYTES("own");
	made.ssl = &ssl;
	custom.value = BYTES("");
	expect_tlvs(made, BYTES("\1\0\010http/1.1\2\0\1a\5\0\2r1\x20\0\5\0\0\0\0\0\xea\0\0"));
	made.want = 0;
	made.custom_count = 0;
	expect_tlvs(made, BYTES(""));
}

static void values_that_are_too_long_are_errors(void **state)
{
	static uint8_t big[UINT16_MAX + 1], out[2 * UINT16_MAX + 2];
	struct pp_ssl_made ssl = {.client_cert = {big, UINT16_MAX - 5 - 3}};
	struct pp_made made = {.src = &addr, .dst = &addr, .want = PP_WANT_AUTHORITY};

	(void)state;
	made.authority = (struct pp_bytes){big, UINT16_MAX - 12 - 3};
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), PP_V2_FIXED + UINT16_MAX);
	made.authority.n++; /* the header's length cannot say so much */
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), -NP_ENOBUFS);
	made.authority.n = UINT16_MAX + 1; /* nor the TLV's */
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), -NP_ENOBUFS);
	made.want = PP_WANT_SSL;
	made.ssl = &ssl;
	ssl.client_cert.n++;
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), -NP_ENOBUFS);
	made.want = PP_WANT_UNIQUE_ID;
	made.unique_id = (struct pp_bytes){big, PP_UNIQUE_ID_MAX};
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), BEHIND + 3 + PP_UNIQUE_ID_MAX);
	made.unique_id.n++;
	assert_int_equal(pp_v2_write(out, sizeof(out), &made), -NP_EINVAL);
}

static void s30_what_does_not_fit_leaves_nothing_behind_the_end(void **state)
{
	struct pp_ssl_made ssl = {.client = PP_CLIENT_SSL, .version = BYTES("TLSv1.3")};
	struct pp_tlv custom = {0xe0, BYTES("x")};
	struct pp_made made = {
		.src = &addr, .dst = &addr, .want = ALL | PP_WANT_CRC32C, .alpn = BYTES("h2"), .unique_id = BYTES("i"),
		.ssl = &ssl, .customs = &custom, .custom_count = 1,
	};
	ssize_t n = pp_v2_write(header, sizeof(header), &made);

	(void)state;
	assert_int_equal(n, BEHIND + 5 + 4 + 18 + 4 + 7);
	for (size_t cap = 0; cap <= (size_t)n; cap++) {
		memset(again, '~', sizeof(again));
		assert_int_equal(pp_v2_write(again, cap, &made), cap < (size_t)n ? -NP_ENOBUFS : n);
		for (size_t i = cap; i < (size_t)n + 8; i++)
			assert_int_equal(again[i], '~');
	}
	assert_memory_equal(again, header, (size_t)n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s29_s31_s33_tlvs_are_judged),
		cmocka_unit_test(s32_a_unique_id_has_at_most_128_bytes),
		cmocka_unit_test(without_a_known_block_there_are_no_tlvs),
		cmocka_unit_test(of_several_the_first_is_found),
		cmocka_unit_test(what_is_wanted_and_known_is_written),
		cmocka_unit_test(s33_an_ssl_tlv_is_written_with_its_parts),
		cmocka_unit_test(s30_s31_a_checksum_is_written_and_every_bit_of_the_header_counts),
		cmocka_unit_test(s34_custom_types_and_no_others_are_written),
		cmocka_unit_test(s32_s34_what_was_received_is_passed_on),
		cmocka_unit_test(values_that_are_too_long_are_errors),
		cmocka_unit_test(s30_what_does_not_fit_leaves_nothing_behind_the_end),
	};

	return cmocka_run_group_tests(tests, set_addr, NULL);
}
