/* pp: what both versions share: telling them apart (S1, S7, S19), pieces (S4), real peers' bytes, and that what was
 * accepted can be written, read and written again without a change (PL7). */
#include "proxy/proto/pp.h"

#include "tests/unit/proxy/proto/pp_feed.h"

static uint8_t header[HEADER + 64], again[HEADER + 64];

static void every_reason_has_a_word_of_its_own_and_a_sentence(void **state)
{
	(void)state;
	assert_string_equal(pp_word(PP_OK), "ok");
	for (unsigned why = 0; why < PP_WHYS; why++) {
		assert_true(strlen(pp_sentence(why)) > 10);
		for (unsigned other = 0; other < why; other++)
			assert_string_not_equal(pp_word(why), pp_word(other));
	}
}

static const struct {
	const char *name;
	struct pp_bytes bytes;
	size_t at;
} others[] = {
	{"S7 HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), 1},
	{"S7 HTTP, PUT", BYTES("PUT / HTTP/1.1\r\n\r\n"), 2},
	{"S7 HTTP, PROPFIND", BYTES("PROPFIND / HTTP/1.1\r\n\r\n"), 4},
	{"S7 HTTP, empty lines first", BYTES("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 5},
	{"S7 TLS", BYTES("\x16\3\1\2\0\1\0\1\xfc\3\3"), 1},
	{"S7 SSH", BYTES("SSH-2.0-x\r\n"), 1},
	{"S7 a zero", BYTES("\0"), 1},
	{"S7 a LF", BYTES("\n"), 1},
	{"S7 PostgreSQL", BYTES("\0\0\0\x08\4\xd2\x16\x2f"), 1},
};

static void s7_s19_other_protocols_are_refused_at_the_first_strange_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(others); i++) {
		struct verdict v = feed(others[i].bytes.p, others[i].bytes.n);

		if (v.at != others[i].at)
			print_error("%s: after %zu bytes\n", others[i].name, v.at);
		assert_int_equal(v.why, PP_NOT_PROXY);
		assert_int_equal(v.at, others[i].at);
	}
}

static void s4_the_need_leads_to_the_end_and_never_past_it(void **state)
{
	static const uint8_t line[] = "PROXY TCP6 ::1 ::2 1 2\r\nGET /";
	struct pp_header h = {0};
	size_t n = feed_tlvs(header, BYTES("\1\0\2h2"));

	(void)state;
	assert_int_equal(pp_read(&h, line, 0, MAX), PP_MORE);
	assert_int_equal(h.need, 15);
	assert_int_equal(pp_read(&h, line, 15, MAX), PP_MORE);
	assert_int_equal(h.need, 17);
	assert_int_equal(pp_read(&h, line, 23, MAX), PP_MORE);
	assert_int_equal(h.need, 24);
	assert_int_equal(pp_read(&h, line, 24, MAX), PP_OK);
	h = (struct pp_header){0};
	assert_int_equal(pp_read(&h, header, 1, MAX), PP_MORE);
	assert_int_equal(h.need, PP_V2_FIXED);
	assert_int_equal(pp_read(&h, header, PP_V2_FIXED, MAX), PP_MORE);
	assert_int_equal(h.need, n);
	assert_int_equal(pp_read(&h, header, n - 1, MAX), PP_MORE);
	assert_int_equal(h.need, n);
	assert_int_equal(pp_read(&h, header, n, MAX), PP_OK);
}

/* ---- real peers ------------------------------------------------------------------------------ */

/* HAProxy 2.6.12 ending TLS 1.3 for openssl s_client with a certificate, then `send-proxy-v2 proxy-v2-options
 * ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority,crc32c,unique-id`. */
#define HAPROXY_TLS                                                                                    \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\xa8\x7f\0\0\1\x7f\0\0\1\x94\x8a\x72\xd9"                       \
	"\3\0\4\x92\x7d\x98\x73\1\0\2h2\2\0\x0d" "front.example"                                       \
	"\5\0.7F000001:948A_7F000001:72D9_6B022735_0000:0929"                                          \
	"\x20\0\x4c\7\0\0\0\0\x21\0\7TLSv1.3\x22\0\x0a" "client one\x25\0\7RSA2048"                    \
	"\x24\0\x0aRSA-SHA256\x23\0\x16TLS_AES_256_GCM_SHA384"
/* The same, `send-proxy-v2 proxy-v2-options crc32c`: a client of an IPv6 listener over IPv4, one over IPv6, and one
 * of a Unix listener, of which HAProxy tells nothing. */
#define HAPROXY_MAPPED                                                                                 \
	"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x2b\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"                     \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1\xe3\x98\x72\xda\3\0\4\x66\xfc\x65\x17"
#define HAPROXY_INET6                                                                                  \
	"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x2b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"                           \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xd1\x60\x72\xda\3\0\4\x5b\x16\xbf\x57"
#define HAPROXY_UNIX "\r\n\r\n\0\r\nQUIT\n\x20\0\0\7\3\0\4\xa9\xb8\x7e\x8f"
/* Its health check with `send-proxy-v2 check check-send-proxy`. */
#define HAPROXY_CHECK "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"

static const struct {
	const char *name;
	struct pp_bytes bytes;
	const char *src, *dst; /* NULL: the real endpoints */
} peers[] = {
	{"HAProxy v2 with TLVs", BYTES(HAPROXY_TLS), "127.0.0.1:38026", "127.0.0.1:29401"},
	{"HAProxy v2, v4-mapped", BYTES(HAPROXY_MAPPED), "[::ffff:127.0.0.1]:58264", "[::ffff:127.0.0.1]:29402"},
	{"HAProxy v2, IPv6", BYTES(HAPROXY_INET6), "[::1]:53600", "[::1]:29402"},
	{"HAProxy v2, Unix listener", BYTES(HAPROXY_UNIX), NULL, NULL},
	{"HAProxy v2, health check", BYTES(HAPROXY_CHECK), NULL, NULL},
	{"HAProxy v1, v4-mapped", BYTES("PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.1 44612 29403\r\n"),
	 "[::ffff:127.0.0.1]:44612", "[::ffff:127.0.0.1]:29403"},
	{"HAProxy v1, IPv6", BYTES("PROXY TCP6 ::1 ::1 33204 29403\r\n"), "[::1]:33204", "[::1]:29403"},
	{"HAProxy v1, Unix listener", BYTES("PROXY UNKNOWN\r\n"), NULL, NULL},
	{"nginx 1.22.1 stream, IPv4", BYTES("PROXY TCP4 127.0.0.1 127.0.0.1 54072 29411\r\n"),
	 "127.0.0.1:54072", "127.0.0.1:29411"},
	{"nginx 1.22.1 stream, IPv6", BYTES("PROXY TCP6 ::1 ::1 59020 29411\r\n"), "[::1]:59020", "[::1]:29411"},
};

static void s1_real_peers_of_both_versions_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(peers); i++) {
		struct verdict v = feed(peers[i].bytes.p, peers[i].bytes.n);

		if (v.why != PP_OK)
			print_error("%s: %s after %zu bytes\n", peers[i].name, pp_word(v.why), v.at);
		assert_int_equal(v.why, PP_OK);
		assert_int_equal(v.h.len, peers[i].bytes.n);
		assert_int_equal(v.h.version, peers[i].bytes.p[0] == 'P' ? 1 : 2);
		assert_int_equal(v.h.proxied, peers[i].src != NULL);
		if (v.h.proxied)
			feed_expect_ends(peers[i].name, &v.h, peers[i].src, peers[i].dst);
	}
}

static void expect_tlv(struct pp_bytes area, uint8_t type, const char *want)
{
	struct pp_bytes value;

	assert_true(pp_tlv_find(area, type, &value));
	assert_int_equal(value.n, strlen(want));
	assert_memory_equal(value.p, want, value.n);
}

static void s30_s32_s33_haproxys_tlvs_are_read(void **state)
{
	struct verdict v = feed(HAPROXY_TLS, sizeof(HAPROXY_TLS) - 1);
	struct pp_bytes value;
	struct pp_ssl ssl;

	(void)state;
	expect_tlv(v.h.tlvs, PP_TLV_ALPN, "h2");
	expect_tlv(v.h.tlvs, PP_TLV_AUTHORITY, "front.example");
	expect_tlv(v.h.tlvs, PP_TLV_UNIQUE_ID, "7F000001:948A_7F000001:72D9_6B022735_0000:0929");
	assert_true(pp_tlv_find(v.h.tlvs, PP_TLV_SSL, &value) && pp_ssl_read(value, &ssl));
	assert_int_equal(ssl.client, PP_CLIENT_SSL | PP_CLIENT_CERT_CONN | PP_CLIENT_CERT_SESS);
	assert_int_equal(ssl.verify, 0);
	expect_tlv(ssl.subs, PP_SSL_VERSION, "TLSv1.3");
	expect_tlv(ssl.subs, PP_SSL_CN, "client one");
	expect_tlv(ssl.subs, PP_SSL_KEY_ALG, "RSA2048");
	expect_tlv(ssl.subs, PP_SSL_SIG_ALG, "RSA-SHA256");
	expect_tlv(ssl.subs, PP_SSL_CIPHER, "TLS_AES_256_GCM_SHA384");
}

/* ---- there and back -------------------------------------------------------------------------- */

static size_t write_as(int version, uint8_t *out, const struct pp_header *h)
{
	static const struct pp_tlv customs[] = {{0xe0, {NULL, 0}}, {0xea, {NULL, 0}}};
	struct pp_made made = {
		.src = &h->src, .dst = &h->dst, .want = UINT8_MAX, .received = h->tlvs, .customs = customs,
		.custom_count = array_len(customs),
	};
	ssize_t n = version == 1 ? pp_v1_write(out, PP_V1_MAX, &h->src, &h->dst) : pp_v2_write(out, HEADER, &made);

	assert_true(n > 0);
	return (size_t)n;
}

static void there_and_back(struct pp_bytes from, int version)
{
	struct verdict first = feed(from.p, from.n), second;
	size_t n;

	assert_int_equal(first.why, PP_OK);
	n = write_as(version, header, &first.h);
	second = feed(header, n);
	assert_int_equal(second.why, PP_OK);
	assert_int_equal(second.h.len, n);
	assert_int_equal(second.h.proxied, first.h.proxied);
	if (first.h.proxied) {
		assert_true(np_addr_equal(&first.h.src, &second.h.src));
		assert_true(np_addr_equal(&first.h.dst, &second.h.dst));
	}
	assert_int_equal(write_as(version, again, &second.h), n);
	assert_memory_equal(again, header, n);
}

static void pl6_pl7_what_was_accepted_is_written_the_same_each_time(void **state)
{
	static uint8_t tlvs[HEADER];
	size_t n = feed_tlvs(tlvs, BYTES("\xea\0\3\1ab\2\0\1x\x20\0\5\0\0\0\0\1\4\0\0"
					 "\xe0\0\0\5\0\1i\1\0\0\2\0\1y\x99\0\0"));

	(void)state;
	for (size_t i = 0; i < array_len(peers); i++) {
		there_and_back(peers[i].bytes, 1);
		there_and_back(peers[i].bytes, 2);
	}
	there_and_back((struct pp_bytes){tlvs, n}, 2);
}

/* HAProxy puts its TLVs in an order of its own; beyond that the two write the same. */
static void a_header_of_haproxys_is_written_byte_for_byte(void **state)
{
	struct verdict v = feed(HAPROXY_MAPPED, sizeof(HAPROXY_MAPPED) - 1);

	(void)state;
	assert_int_equal(write_as(2, header, &v.h), sizeof(HAPROXY_MAPPED) - 1);
	assert_memory_equal(header, HAPROXY_MAPPED, sizeof(HAPROXY_MAPPED) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_word_of_its_own_and_a_sentence),
		cmocka_unit_test(s7_s19_other_protocols_are_refused_at_the_first_strange_byte),
		cmocka_unit_test(s4_the_need_leads_to_the_end_and_never_past_it),
		cmocka_unit_test(s1_real_peers_of_both_versions_are_understood),
		cmocka_unit_test(s30_s32_s33_haproxys_tlvs_are_read),
		cmocka_unit_test(pl6_pl7_what_was_accepted_is_written_the_same_each_time),
		cmocka_unit_test(a_header_of_haproxys_is_written_byte_for_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
