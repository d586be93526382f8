/* pp_v1: the strict line. Rows S10 to S19 and PL6. In each text a bar stands behind the byte that decides. */
#include "proxy/proto/pp.h"

#include <arpa/inet.h>
#include <regex.h>

#include "tests/unit/proxy/proto/pp_feed.h"

/* The text without its bar; *at is how many bytes stand before it. */
static size_t unbar(char *out, const char *text, size_t *at)
{
	const char *bar = strchr(text, '|');
	size_t n = strlen(text);

	assert_non_null(bar);
	*at = (size_t)(bar - text);
	memcpy(out, text, *at);
	memcpy(out + *at, bar + 1, n - *at - 1);
	return n - 1;
}

static const struct {
	const char *name, *text;
	enum pp_result why;
} bad[] = {
	{"S10 two spaces after PROXY", "PROXY  |TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S10 two spaces after the family", "PROXY TCP4  |1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S10 two spaces after the source", "PROXY TCP4 1.2.3.4  |5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S10 two spaces after the destination", "PROXY TCP4 1.2.3.4 5.6.7.8  |1 2\r\n", PP_V1_PORT},
	{"S10 two spaces between the ports", "PROXY TCP4 1.2.3.4 5.6.7.8 1  |2\r\n", PP_V1_PORT},
	{"S10 a space at the end", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 |\r\n", PP_V1_SYNTAX},
	{"S10 a space in front", " |PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PP_NOT_PROXY},
	{"S10 tab after PROXY", "PROXY\t|TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PP_NOT_PROXY},
	{"S10 tab after the family", "PROXY TCP4\t|1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S10 tab after the source", "PROXY TCP4 1.2.3.4\t|5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S10 tab before the end", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\t|\r\n", PP_V1_SYNTAX},
	{"S10 no space after the family", "PROXY TCP41|.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S10 no family", "PROXY 1|.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S10 one address", "PROXY TCP4 1.2.3.4 1 |2\r\n", PP_V1_ADDRESS},
	{"S10 one port", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r|\n", PP_V1_PORT},
	{"S10 no port", "PROXY TCP4 1.2.3.4 5.6.7.8\r|\n", PP_V1_ADDRESS},
	{"S10 nothing", "PROXY\r|\n", PP_NOT_PROXY},
	{"S10 nothing after the space", "PROXY \r|\n", PP_V1_FAMILY},
	{"S10 a third port", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 |3\r\n", PP_V1_SYNTAX},
	{"S10 lower case proxy", "p|roxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PP_NOT_PROXY},
	{"S10 a lower case letter", "PRo|XY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", PP_NOT_PROXY},
	{"S11 lower case family", "PROXY t|cp4 1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S11 lower case unknown", "PROXY u|nknown\r\n", PP_V1_FAMILY},
	{"S11 TCP5", "PROXY TCP5| 1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S11 TCP", "PROXY TCP | 1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S11 UDP4", "PROXY UD|P4 1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_FAMILY},
	{"S11 UNIX", "PROXY UNI|X /a /b\r\n", PP_V1_FAMILY},
	{"S11 UNKNOWNS", "PROXY UNKNOWNS|\r\n", PP_V1_FAMILY},
	{"S13 three numbers", "PROXY TCP4 1.2.3 |5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 five numbers", "PROXY TCP4 1.2.3.4.|5 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 256", "PROXY TCP4 1.2.3.256| 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 four digits", "PROXY TCP4 1000|.2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 leading zero", "PROXY TCP4 1.2.3.04| 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 two zeros", "PROXY TCP4 00|.0.0.0 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 hexadecimal", "PROXY TCP4 0x|1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 an empty number", "PROXY TCP4 1..|3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 signed", "PROXY TCP4 -|1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S13 in the destination", "PROXY TCP4 1.2.3.4 5.6.7.08| 1 2\r\n", PP_V1_ADDRESS},
	{"S13 a name", "PROXY TCP4 l|ocalhost 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S14 two ::", "PROXY TCP6 1::2::|3 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 three colons", "PROXY TCP6 :::|1 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 nine groups", "PROXY TCP6 1:2:3:4:5:6:7:8:|9 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 :: for no group", "PROXY TCP6 1:2:3:4:5:6:7::8| ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 eight groups and ::", "PROXY TCP6 ::2:3:4:5:6:7:8:|9 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 seven groups", "PROXY TCP6 1:2:3:4:5:6:7 |::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 five digits", "PROXY TCP6 12345|::1 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 no hexadecimal digit", "PROXY TCP6 fe80::g|1 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a colon at the end", "PROXY TCP6 1:2:3:4:5:6:7: |::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a colon at the beginning", "PROXY TCP6 :1|:2:3:4:5:6:7:8 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 zone id", "PROXY TCP6 fe80::1%|eth0 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 brackets", "PROXY TCP6 [|::1] ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 plain IPv4", "PROXY TCP6 1.|2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S14 plain IPv4 as destination", "PROXY TCP6 ::1 5.|6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S14 IPv6 under TCP4", "PROXY TCP4 :|:1 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 IPv6 with digits under TCP4", "PROXY TCP4 20:|:1 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a quad behind five groups", "PROXY TCP6 1:2:3:4:5:6.|7.8.9 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a quad behind seven groups", "PROXY TCP6 1:2:3:4:5:6:7:8.|8.9.9 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a quad before a group", "PROXY TCP6 ::1.2.3.4:|5 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a quad with a leading zero", "PROXY TCP6 ::ffff:01.|2.3.4 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"S14 a quad with a letter", "PROXY TCP6 ::ffff:1a.|2.3.4 ::1 1 2\r\n", PP_V1_ADDRESS},
	{"PL6 v4-mapped under TCP4", "PROXY TCP4 :|:ffff:1.2.3.4 5.6.7.8 1 2\r\n", PP_V1_ADDRESS},
	{"S15 too large", "PROXY TCP4 1.2.3.4 5.6.7.8 65536| 2\r\n", PP_V1_PORT},
	{"S15 six digits", "PROXY TCP4 1.2.3.4 5.6.7.8 1 100000|\r\n", PP_V1_PORT},
	{"S15 negative", "PROXY TCP4 1.2.3.4 5.6.7.8 -|1 2\r\n", PP_V1_PORT},
	{"S15 signed", "PROXY TCP4 1.2.3.4 5.6.7.8 1 +|2\r\n", PP_V1_PORT},
	{"S15 leading zero", "PROXY TCP4 1.2.3.4 5.6.7.8 01| 2\r\n", PP_V1_PORT},
	{"S15 two zeros", "PROXY TCP4 1.2.3.4 5.6.7.8 1 00|\r\n", PP_V1_PORT},
	{"S15 empty", "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r|\n", PP_V1_PORT},
	{"S15 hexadecimal", "PROXY TCP6 ::1 ::1 a|0 2\r\n", PP_V1_PORT},
	{"S18 lone LF", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n|", PP_V1_SYNTAX},
	{"S18 lone CR", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rG|ET / HTTP/1.1\r\n", PP_V1_SYNTAX},
	{"S18 CR CR LF", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r|\n", PP_V1_SYNTAX},
	{"S18 LF in UNKNOWN", "PROXY UNKNOWN a\n|b\r\n", PP_V1_SYNTAX},
	{"S18 CR in UNKNOWN", "PROXY UNKNOWN a\rb|\r\n", PP_V1_SYNTAX},
	{"S18 LF right behind UNKNOWN", "PROXY UNKNOWN\n|", PP_V1_FAMILY},
	{"S19 POST", "PO|ST / HTTP/1.1\r\n", PP_NOT_PROXY},
	{"S19 PROXYv1", "PROXYv|1 TCP4", PP_NOT_PROXY},
};

static void what_is_wrong_is_refused_at_the_first_wrong_byte(void **state)
{
	char text[256];
	size_t at, n;

	(void)state;
	for (size_t i = 0; i < array_len(bad); i++) {
		n = unbar(text, bad[i].text, &at);
		struct verdict v = feed(text, n);

		if (v.why == bad[i].why && v.at == at)
			continue;
		print_error("%s: %s after %zu bytes, want %s after %zu\n", bad[i].name, pp_word(v.why), v.at,
			pp_word(bad[i].why), at);
		fail();
	}
}

#define FFFF "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

static const struct {
	const char *name, *text, *src, *dst;
	const char *again; /* how it is written, when that is not the text itself */
} good[] = {
	{"TCP4", "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n|GET /", "192.168.0.1:56324",
	 "192.168.0.11:443", NULL},
	{"S13 the edges", "PROXY TCP4 0.0.0.0 255.255.255.255 1 2\r\n|", "0.0.0.0:1", "255.255.255.255:2", NULL},
	{"S15 port 0", "PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n|", "1.2.3.4:0", "5.6.7.8:0", NULL},
	{"S15 port 65535", "PROXY TCP6 ::1 ::2 65535 65535\r\n|\r\n", "[::1]:65535", "[::2]:65535", NULL},
	{"S16 the longest TCP4, 56", "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n|",
	 "255.255.255.255:65535", "255.255.255.255:65535", NULL},
	{"S16 the longest TCP6, 104", "PROXY TCP6 " FFFF " " FFFF " 65535 65535\r\n|", "[" FFFF "]:65535",
	 "[" FFFF "]:65535", NULL},
	{"S14 no group at all", "PROXY TCP6 :: :: 1 2\r\n|", "[::]:1", "[::]:2", NULL},
	{"S14 upper case", "PROXY TCP6 FE80::ABCD 2001:DB8::1 1 2\r\n|", "[fe80::abcd]:1", "[2001:db8::1]:2",
	 "PROXY TCP6 fe80::abcd 2001:db8::1 1 2\r\n"},
	{"S14 eight groups", "PROXY TCP6 1:2:3:4:5:6:7:8 0001:0:0:0:0:0:0:8 1 2\r\n|",
	 "[1:2:3:4:5:6:7:8]:1", "[1::8]:2", "PROXY TCP6 1:2:3:4:5:6:7:8 1::8 1 2\r\n"},
	{"S14 :: for one group, front and back", "PROXY TCP6 ::2:3:4:5:6:7:8 1:2:3:4:5:6:7:: 1 2\r\n|",
	 "[0:2:3:4:5:6:7:8]:1", "[1:2:3:4:5:6:7:0]:2", "PROXY TCP6 0:2:3:4:5:6:7:8 1:2:3:4:5:6:7:0 1 2\r\n"},
	{"RFC 5952: the first of two equal gaps", "PROXY TCP6 1:0:0:4:5:0:0:8 1:0:0:4:0:0:0:8 1 2\r\n|",
	 "[1::4:5:0:0:8]:1", "[1:0:0:4::8]:2", "PROXY TCP6 1::4:5:0:0:8 1:0:0:4::8 1 2\r\n"},
	{"PL6 v4-mapped stays IPv6", "PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c000:0202 1 2\r\n|", "[::ffff:192.0.2.1]:1",
	 "[::ffff:192.0.2.2]:2", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n"},
	{"S14 a quad behind six groups", "PROXY TCP6 64:ff9b:1:0:0:0:192.0.2.1 1:2:3:4:5:6:7.8.9.10 1 2\r\n|",
	 "[64:ff9b:1::c000:201]:1", "[1:2:3:4:5:6:708:90a]:2",
	 "PROXY TCP6 64:ff9b:1::c000:201 1:2:3:4:5:6:708:90a 1 2\r\n"},
};

static void a_good_line_gives_its_addresses_and_is_written_again(void **state)
{
	uint8_t out[PP_V1_MAX];
	char text[256];
	size_t at, n;

	(void)state;
	for (size_t i = 0; i < array_len(good); i++) {
		const char *again = good[i].again;

		n = unbar(text, good[i].text, &at);
		struct verdict v = feed(text, n);

		if (v.why != PP_OK || v.h.version != 1 || v.h.len != at)
			print_error("%s: %s after %zu bytes\n", good[i].name, pp_word(v.why), v.at);
		assert_int_equal(v.why, PP_OK);
		assert_int_equal(v.h.version, 1);
		assert_int_equal(v.h.len, at);
		assert_int_equal(v.h.tlvs.n, 0);
		feed_expect_ends(good[i].name, &v.h, good[i].src, good[i].dst);
		n = again != NULL ? strlen(again) : at;
		assert_int_equal(pp_v1_write(out, sizeof(out), &v.h.src, &v.h.dst), n);
		assert_memory_equal(out, again != NULL ? again : text, n);
	}
}

static void s12_unknown_is_accepted_with_the_real_endpoints(void **state)
{
	static const char *const lines[] = {
		"PROXY UNKNOWN\r\n|", "PROXY UNKNOWN\r\n|PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n|",
		"PROXY UNKNOWN any \t\x01\xff text\r\n|", "PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n|",
	};
	uint8_t nul[] = "PROXY UNKNOWN \0\r\n";
	char text[256];
	size_t at, n;

	(void)state;
	for (size_t i = 0; i < array_len(lines); i++) {
		n = unbar(text, lines[i], &at);
		struct verdict v = feed(text, n);

		assert_int_equal(v.why, PP_OK);
		assert_int_equal(v.h.len, at);
		assert_false(v.h.proxied);
	}
	assert_int_equal(feed(nul, sizeof(nul) - 1).why, PP_OK);
}

static void s16_s17_the_line_ends_within_107_bytes(void **state)
{
	char line[PP_V1_MAX + 1];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + 105, "\r\n", 2);
	struct verdict longest = feed(line, sizeof(line));

	assert_int_equal(longest.why, PP_OK);
	assert_int_equal(longest.h.len, PP_V1_MAX);
	/* Certain one byte early: where the CR would have to be is another byte. */
	memcpy(line + 105, "xx\r", 3);
	struct verdict over = feed(line, sizeof(line));

	assert_int_equal(over.why, PP_V1_TOO_LONG);
	assert_int_equal(over.at, 106);
	memcpy(line + 105, "x\n", 2); /* in one piece or in two, the same reason */
	assert_int_equal(feed(line, sizeof(line)).why, PP_V1_TOO_LONG);
	assert_int_equal(feed(line, PP_V1_MAX).why, PP_V1_TOO_LONG);
	memcpy(line + 105, "\rx", 2);
	assert_int_equal(feed(line, sizeof(line)).why, PP_V1_SYNTAX);
}

/* ---- the same question asked of somebody else ------------------------------------------------- */

static regex_t shape;

static int compile_shape(void **state)
{
	(void)state;
	return regcomp(&shape,
		"^PROXY TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) "
		"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n$",
		REG_EXTENDED);
}

static int free_shape(void **state)
{
	(void)state;
	regfree(&shape);
	return 0;
}

static bool host_by_library(const char *line, regmatch_t m, int family)
{
	char host[PP_V1_MAX + 1];
	uint8_t b[16];
	size_t n = (size_t)(m.rm_eo - m.rm_so);

	memcpy(host, line + m.rm_so, n);
	host[n] = '\0';
	return inet_pton(family, host, b) == 1;
}

/* Is the line, as a whole, one that a regular expression and inet_pton take? */
static bool by_library(const char *line)
{
	regmatch_t m[6];
	int family;

	if (regexec(&shape, line, array_len(m), m, 0) != 0)
		return false;
	family = line[m[1].rm_so] == '4' ? AF_INET : AF_INET6;
	return host_by_library(line, m[2], family) && host_by_library(line, m[3], family) &&
	       strtol(line + m[4].rm_so, NULL, 10) <= UINT16_MAX && strtol(line + m[5].rm_so, NULL, 10) <= UINT16_MAX;
}

/* Appends the first byte that is not refused, until the line is whole. It is whenever no PP_MORE was a lie. */
static bool can_be_completed(char line[PP_V1_MAX + 1], size_t n)
{
	static const char order[] = "\n\r :0.TCP4UNKOWPRXY";

	for (; n < PP_V1_MAX; n++) {
		enum pp_result why = PP_NOT_PROXY;

		for (size_t i = 0; i < sizeof(order) - 1 && why > PP_MORE; i++) {
			struct pp_header h = {0};

			line[n] = order[i];
			why = pp_read(&h, (uint8_t *)line, n + 1, MAX);
		}
		if (why != PP_MORE)
			return why == PP_OK;
	}
	return false;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Changes, drops or doubles a byte, a few times. */
static size_t mutate(char *line, size_t n, uint32_t *seed)
{
	static const char alphabet[] = "0123456789abcdefAF::::....  \r\n%gTCP46";

	for (uint32_t times = next_random(seed) % 4; times > 0; times--) {
		size_t at = 6 + next_random(seed) % (n - 8);
		uint32_t how = next_random(seed) % 3;

		if (how == 0)
			line[at] = alphabet[next_random(seed) % (sizeof(alphabet) - 1)];
		else if (how == 1 && n > 20)
			memmove(line + at, line + at + 1, n-- - at);
		else if (n < 90)
			memmove(line + at + 1, line + at, ++n - at);
		line[n] = '\0';
	}
	return n;
}

static void s13_s14_s15_agree_with_the_c_library(void **state)
{
	char line[PP_V1_MAX + 1], part[PP_V1_MAX + 1];
	uint32_t seed = 20260427;
	size_t at, n, accepted = 0;

	(void)state;
	for (size_t round = 0; round < 60000; round++) {
		struct pp_header h = {0};
		enum pp_result why;

		unbar(line, good[round % array_len(good)].text, &at);
		n = mutate(line, at, &seed);
		line[n] = '\0';
		why = pp_read(&h, (uint8_t *)line, n, MAX);
		if ((why == PP_OK && h.len == n) != by_library(line))
			print_error("%s: \"%s\"\n", pp_word(why), line);
		assert_int_equal(why == PP_OK && h.len == n, by_library(line));
		accepted += why == PP_OK;
		at = 1 + next_random(&seed) % (n - 1); /* no byte at all may become version 2 */
		memcpy(part, line, at);
		if (at > 88 || pp_read(&h, (uint8_t *)part, at, MAX) != PP_MORE)
			continue;
		if (!can_be_completed(part, at))
			print_error("\"%.*s\" leads nowhere\n", (int)at, line);
		memcpy(part, line, at);
		assert_true(can_be_completed(part, at));
	}
	assert_in_range(accepted, 10000, 50000); /* both answers were asked for */
}

/* ---- writing --------------------------------------------------------------------------------- */

static void expect_line(const char *src, const char *dst, const char *want)
{
	struct np_addr from = feed_addr(src), to = feed_addr(dst);
	uint8_t out[PP_V1_MAX];

	assert_int_equal(pp_v1_write(out, sizeof(out), &from, &to), strlen(want));
	assert_memory_equal(out, want, strlen(want));
}

static void two_families_become_one(void **state)
{
	(void)state;
	expect_line("192.0.2.1:1", "[2001:db8::1]:2", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n");
	expect_line("[2001:db8::1]:1", "192.0.2.1:2", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 2\r\n");
	expect_line("[fe80::1%1]:1", "[fe80::2%1]:2", "PROXY TCP6 fe80::1 fe80::2 1 2\r\n"); /* zones are local */
}

static void s12_unknown_is_written_only_when_an_end_is_unknown(void **state)
{
	struct np_addr known = feed_addr("192.0.2.1:1"), local = feed_addr("unix:/run/a"), empty = {0}, torn = known;
	const struct np_addr *const ends[][2] = {
		{NULL, NULL}, {&known, NULL}, {NULL, &known}, {&empty, &known}, {&known, &empty}, {&local, &local},
		{&local, &known}, {&torn, &known},
	};
	uint8_t out[PP_V1_MAX];

	(void)state;
	torn.len = 4;
	for (size_t i = 0; i < array_len(ends); i++) {
		assert_int_equal(pp_v1_write(out, sizeof(out), ends[i][0], ends[i][1]), 15);
		assert_memory_equal(out, "PROXY UNKNOWN\r\n", 15);
	}
}

static void a_line_that_does_not_fit_is_an_error(void **state)
{
	struct np_addr a = feed_addr("192.0.2.1:1");
	uint8_t out[PP_V1_MAX];
	ssize_t n = pp_v1_write(out, sizeof(out), &a, &a);

	(void)state;
	assert_in_range(n, 30, 56);
	assert_int_equal(pp_v1_write(out, (size_t)n, &a, &a), n);
	for (size_t cap = 0; cap < (size_t)n; cap++) {
		memset(out, '~', sizeof(out));
		assert_int_equal(pp_v1_write(out, cap, &a, &a), -NP_ENOBUFS);
		assert_int_equal(out[cap], '~');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused_at_the_first_wrong_byte),
		cmocka_unit_test(a_good_line_gives_its_addresses_and_is_written_again),
		cmocka_unit_test(s12_unknown_is_accepted_with_the_real_endpoints),
		cmocka_unit_test(s16_s17_the_line_ends_within_107_bytes),
		cmocka_unit_test_setup_teardown(s13_s14_s15_agree_with_the_c_library, compile_shape, free_shape),
		cmocka_unit_test(two_families_become_one),
		cmocka_unit_test(s12_unknown_is_written_only_when_an_end_is_unknown),
		cmocka_unit_test(a_line_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
