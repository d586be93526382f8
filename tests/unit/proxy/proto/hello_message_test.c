/* hello_message: rows D3, D6 and D9 of the TLS table: lengths that lie, names that are none, lists of protocols. */
#include "proxy/proto/hello_message.h"

#include <stdio.h>

#include "tests/unit/proxy/proto/hello_make.h"

static struct make made, other;

/* ---- D3: lengths that lie -------------------------------------------------------------------- */

/* Where each length of the hello below stands, in the order of these. */
enum length {
	RECORD, MESSAGE, SESSION_ID, CIPHERS, COMPRESSIONS, EXTENSIONS,
	OTHER, SNI, NAMES, NAME, ALPN, PROTOCOLS, PROTOCOL, PROTOCOL_2, VERSIONS_EXTENSION, VERSIONS, LENGTHS,
};

static size_t where[LENGTHS];

static void make_full(void)
{
	struct lengths l = make_begin(&made);

	where[OTHER] = open_extension(&made, 23);
	put_zeros(&made, 4);
	close_length(&made, where[OTHER], 2);
	where[SNI] = open_extension(&made, 0);
	where[NAMES] = open_length(&made, 2);
	where[NAME] = made.n + 1;
	put_name(&made, 0, "a.example", 9);
	close_length(&made, where[NAMES], 2);
	close_length(&made, where[SNI], 2);
	where[ALPN] = open_extension(&made, 16);
	where[PROTOCOLS] = open_length(&made, 2);
	where[PROTOCOL] = made.n;
	where[PROTOCOL_2] = made.n + 3;
	put(&made, "\2h2\10http/1.1", 12);
	close_length(&made, where[PROTOCOLS], 2);
	close_length(&made, where[ALPN], 2);
	where[VERSIONS_EXTENSION] = open_extension(&made, 43);
	where[VERSIONS] = open_length(&made, 1);
	put(&made, "\3\4\3\3", 4);
	close_length(&made, where[VERSIONS], 1);
	close_length(&made, where[VERSIONS_EXTENSION], 2);
	make_end(&made, &l);
	memcpy(where, &l, sizeof(l));
}

static const struct {
	const char *name;
	enum length which;
	unsigned width;
	int by; /* how much it lies */
	const char *flaw;
} lies[] = {
	{"record, one less", RECORD, 2, -1, "record_type"},
	{"record, one more", RECORD, 2, 1, "record_length"},
	{"message, one less", MESSAGE, 3, -1, "extensions"},
	{"message, one more", MESSAGE, 3, 1, "extensions"},
	{"session id, one less", SESSION_ID, 1, -1, "cipher_suites"},
	{"session id, over 32", SESSION_ID, 1, 1, "session_id"},
	{"session id, the most", SESSION_ID, 1, 223, "session_id"},
	{"ciphers, none", CIPHERS, 2, -4, "cipher_suites"},
	{"ciphers, odd", CIPHERS, 2, 1, "cipher_suites"},
	{"ciphers, the most", CIPHERS, 2, 0xfffa, "cipher_suites"},
	{"compressions, none", COMPRESSIONS, 1, -1, "compression_methods"},
	{"compressions, the most", COMPRESSIONS, 1, 254, "compression_methods"},
	{"extensions, one less", EXTENSIONS, 2, -1, "extensions"},
	{"extensions, one more", EXTENSIONS, 2, 1, "extensions"},
	{"extension, over the end", OTHER, 2, 100, "extensions"},
	{"extension, one less", OTHER, 2, -1, "server_name"}, /* what is read as the next one is */
	{"server_name, none", SNI, 2, -14, "server_name"},
	{"server_name, a byte", SNI, 2, -13, "server_name"},
	{"server_name, one less", SNI, 2, -1, "server_name"},
	{"server_name, one more", SNI, 2, 1, "server_name"},
	{"names, one less", NAMES, 2, -1, "server_name"},
	{"names, one more", NAMES, 2, 1, "server_name"},
	{"name, one less", NAME, 2, -1, "server_name"},
	{"name, four less", NAME, 2, -4, "server_name"},
	{"name, one more", NAME, 2, 1, "server_name"},
	{"name, the most", NAME, 2, 0xfff6, "server_name"},
	{"ALPN, none", ALPN, 2, -14, "alpn"},
	{"ALPN, one more", ALPN, 2, 1, "alpn"},
	{"protocols, none", PROTOCOLS, 2, -12, "alpn"},
	{"protocols, one less", PROTOCOLS, 2, -1, "alpn"},
	{"protocols, one more", PROTOCOLS, 2, 1, "alpn"},
	{"protocol, empty", PROTOCOL, 1, -2, "alpn"},
	{"protocol, one more", PROTOCOL_2, 1, 1, "alpn"},
	{"protocol, one less", PROTOCOL_2, 1, -1, "alpn"},
	{"protocol, the most", PROTOCOL, 1, 253, "alpn"},
	{"versions, none", VERSIONS, 1, -4, "supported_versions"},
	{"versions, odd", VERSIONS, 1, -1, "supported_versions"},
	{"versions, half", VERSIONS, 1, -2, "supported_versions"},
	{"versions, more", VERSIONS, 1, 2, "supported_versions"},
	{"versions' extension, none", VERSIONS_EXTENSION, 2, -5, "supported_versions"},
};

static void a_lying_length_is_a_flaw(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(lies); i++) {
		size_t at;

		make_full();
		assert_int_equal(feed_make(&h, &made), HELLO_DONE);
		at = where[lies[i].which];
		patch(&made, at, lies[i].width, peek(&made, at, lies[i].width) + (uint32_t)lies[i].by);
		if (feed_make(&h, &made) != HELLO_BAD || strcmp(h.flaw, lies[i].flaw) != 0)
			fail_msg("%s: result %d, %s", lies[i].name, h.result, h.flaw == NULL ? "" : h.flaw);
		assert_null(hello_sni(&h, NULL));
	}
}

static const struct {
	const char *name;
	size_t at;
	uint8_t value;
	const char *flaw;
} wrong[] = {
	{"another message", 5, 2, "message_type"},
	{"a record of nothing", 4, 0, "record_length"},
	{"a record too large", 3, 0x40, "record_length"},
	{"a record of the largest size", 3, 0xff, "record_length"},
};

static void a_wrong_record_or_message_is_a_flaw(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(wrong); i++) {
		make_full();
		made.b[wrong[i].at] = wrong[i].value;
		if (wrong[i].at == 4)
			made.b[3] = 0;
		feed_slices(&h, made.b, wrong[i].at < 5 ? 5 : 6, 1); /* known as soon as it is there */
		if (h.result != HELLO_BAD || strcmp(h.flaw, wrong[i].flaw) != 0)
			fail_msg("%s: result %d, %s", wrong[i].name, h.result, h.flaw == NULL ? "" : h.flaw);
	}
	make_full();
	split_records(&other, &made, 20, 20);
	other.b[25] = 21; /* an alert between two pieces of a hello */
	assert_int_equal(feed_make(&h, &other), HELLO_BAD);
	assert_string_equal(h.flaw, "record_type");
	other.b[25] = 0x96; /* as SSL 2 would begin, but this is not the beginning */
	assert_int_equal(feed_make(&h, &other), HELLO_BAD);
	assert_string_equal(h.flaw, "record_type");
	other.b[25] = 22;
	other.b[26] = 2;
	assert_int_equal(feed_make(&h, &other), HELLO_BAD);
	assert_string_equal(h.flaw, "record_type");
}

/* Whatever a byte is changed to: at once and byte by byte lead to the same, with nothing read beyond. */
static void any_byte_may_be_anything(void **state)
{
	struct hello whole, sliced;

	(void)state;
	make_full();
	for (size_t at = 0; at < made.n; at++) {
		uint8_t kept = made.b[at];

		for (unsigned v = 0; v < 256; v++) {
			made.b[at] = (uint8_t)v;
			feed_make(&whole, &made);
			feed_slices(&sliced, made.b, made.n, 1);
			assert_memory_equal(&whole, &sliced, sizeof(whole));
		}
		made.b[at] = kept;
	}
}

/* ---- D6: names ------------------------------------------------------------------------------- */

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789a"

static const struct {
	const char *name;
	size_t n; /* 0: strlen */
	enum hello_name want;
} names[] = {
	{"", 0, HELLO_NAME_EMPTY},
	{"example.com\0", 12, HELLO_NAME_NUL},
	{"\0", 1, HELLO_NAME_NUL},
	{"good.example\0.evil.example", 26, HELLO_NAME_NUL},
	{"192.0.2.1", 0, HELLO_NAME_IP},
	{"192.0.2.1.", 0, HELLO_NAME_IP},
	{"127.1", 0, HELLO_NAME_IP},
	{"3232235777", 0, HELLO_NAME_IP},
	{"example.1", 0, HELLO_NAME_IP},
	{"::1", 0, HELLO_NAME_IP},
	{"2001:DB8::1", 0, HELLO_NAME_IP},
	{"[2001:db8::1]", 0, HELLO_NAME_IP},
	{"::ffff:192.0.2.1", 0, HELLO_NAME_IP},
	{"example.com:443", 0, HELLO_NAME_NOT_HOST},
	{".", 0, HELLO_NAME_NOT_HOST},
	{"..", 0, HELLO_NAME_NOT_HOST},
	{".example.com", 0, HELLO_NAME_NOT_HOST},
	{"a..example.com", 0, HELLO_NAME_NOT_HOST},
	{"example.com..", 0, HELLO_NAME_NOT_HOST},
	{"*.example.com", 0, HELLO_NAME_NOT_HOST},
	{"exa mple.com", 0, HELLO_NAME_NOT_HOST},
	{"exa\nmple.com", 0, HELLO_NAME_NOT_HOST},
	{"ex\xc3\xa4mple.com", 0, HELLO_NAME_NOT_HOST},
	{"a/b", 0, HELLO_NAME_NOT_HOST},
	{L63 "x.com", 0, HELLO_NAME_NOT_HOST},
	{L63 "." L63 "." L63 "." L63, 0, HELLO_NAME_NOT_HOST}, /* 255 bytes, and a name has 253 */
	{L63 "." L63 "." L63 "." L63 ".", 0, HELLO_NAME_LONG},
	{"a", 0, HELLO_NAME_USABLE},
	{"localhost", 0, HELLO_NAME_USABLE},
	{"www.example.com2", 0, HELLO_NAME_USABLE},
	{"example.com.", 0, HELLO_NAME_USABLE},
	{"XN--Exmple-CUA.com", 0, HELLO_NAME_USABLE},
	{"_dmarc.9.example-1.com", 0, HELLO_NAME_USABLE},
	{"1.2.3.4.example", 0, HELLO_NAME_USABLE},
	{L63 "." L63 "." L63 ".abc", 0, HELLO_NAME_USABLE},
};

static void expect_name(const struct hello *h, const char *what, enum hello_name want)
{
	if (h->result != HELLO_DONE || h->name != want)
		fail_msg("\"%s\": result %d, %s, want %s", what, h->result, hello_name_word(h->name),
		         hello_name_word(want));
	if (want == HELLO_NAME_USABLE)
		assert_non_null(hello_sni(h, NULL));
	else
		assert_null(hello_sni(h, NULL));
}

static void what_is_no_name_is_said(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(names); i++) {
		size_t n = names[i].n != 0 ? names[i].n : strlen(names[i].name);
		struct lengths l = make_begin(&made);

		put_sni_bytes(&made, names[i].name, n);
		make_end(&made, &l);
		feed_make(&h, &made);
		expect_name(&h, names[i].name, names[i].want);
		assert_int_equal(h.nsent, n < HELLO_NAME_MAX ? n : HELLO_NAME_MAX);
		for (size_t j = 0; j < h.nsent; j++)
			assert_false(h.sent[j] >= 'A' && h.sent[j] <= 'Z');
		assert_int_equal(h.sent[h.nsent], 0);
	}
}

/* Lists of more and of other than one name: the bytes of an extension, behind its length. */
static const struct {
	const char *name, *list;
	size_t n;
	enum hello_name want;
} lists[] = {
	{"of none", "", 0, HELLO_NAME_EMPTY},
	{"of two", "\0\0\1a\0\0\1b", 8, HELLO_NAME_TWICE},
	{"of the same twice", "\0\0\1a\0\0\1a", 8, HELLO_NAME_TWICE},
	{"of one and an empty one", "\0\0\1a\0\0\0", 7, HELLO_NAME_TWICE},
	{"of another type", "\1\0\1a", 4, HELLO_NAME_UNKNOWN},
	{"of a name and another type", "\0\0\1a\1\0\1x", 8, HELLO_NAME_UNKNOWN},
	{"of another type and a name", "\7\0\1x\0\0\1a", 8, HELLO_NAME_UNKNOWN},
};

static void a_list_of_other_than_one_name_is_no_name(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(lists); i++) {
		struct lengths l = make_begin(&made);
		size_t ext = open_extension(&made, 0), list = open_length(&made, 2);

		put(&made, lists[i].list, lists[i].n);
		close_length(&made, list, 2);
		close_length(&made, ext, 2);
		make_end(&made, &l);
		feed_make(&h, &made);
		expect_name(&h, lists[i].name, lists[i].want);
	}
}

/* In either order, and with a second one that is empty. */
static void two_server_name_extensions_are_no_name(void **state)
{
	static const struct {
		const char *first, *second;
		enum hello_name want;
	} rows[] = {
		{"a.example", "b.example", HELLO_NAME_TWICE},
		{"a.example", "a.example", HELLO_NAME_TWICE},
		{"192.0.2.1", "a.example", HELLO_NAME_TWICE},
		{"a.example", "", HELLO_NAME_TWICE},
		{"a.example", NULL, HELLO_NAME_EMPTY},
		{NULL, "a.example", HELLO_NAME_TWICE},
	};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct lengths l = make_begin(&made);

		put_sni(&made, rows[i].first);
		put_sni(&made, rows[i].second);
		make_end(&made, &l);
		feed_make(&h, &made);
		expect_name(&h, "two extensions", rows[i].want);
	}
}

static void a_very_long_name_is_cut_and_no_name(void **state)
{
	static char big[9000];
	struct lengths l = make_begin(&made);
	struct hello h;

	(void)state;
	memset(big, 'A', sizeof(big));
	put_sni_bytes(&made, big, sizeof(big));
	make_end(&made, &l);
	for (size_t each = 1; each < 4000; each = each * 3 + 1) {
		feed_slices(&h, made.b, made.n, each);
		expect_name(&h, "9000 bytes", HELLO_NAME_LONG);
		assert_int_equal(h.nsent, HELLO_NAME_MAX);
		assert_int_equal(strspn(h.sent, "a"), HELLO_NAME_MAX);
	}
}

/* ---- D9: protocols --------------------------------------------------------------------------- */

/* One protocol of a single byte, `count` of n bytes each, and one of `last` bytes. */
static enum hello_result feed_protocols(struct hello *h, unsigned count, unsigned n, unsigned last)
{
	struct lengths l = make_begin(&made);
	size_t ext = open_extension(&made, 16), list = open_length(&made, 2);

	put(&made, "\1x", 2);
	for (unsigned i = 0; i <= count; i++) {
		put_number(&made, 1, i < count ? n : last);
		put_zeros(&made, i < count ? n : last);
	}
	close_length(&made, list, 2);
	close_length(&made, ext, 2);
	make_end(&made, &l);
	return feed_make(h, &made);
}

static unsigned count_protocols(const struct hello *h)
{
	unsigned n = 0;

	for (const uint8_t *p = NULL; (p = hello_alpn_next(h->alpn, h->nalpn, p)) != NULL;)
		n++;
	return n;
}

static void protocols_are_kept_whole_up_to_a_limit(void **state)
{
	struct hello h;

	(void)state;
	assert_int_equal(feed_protocols(&h, 0, 0, 1), HELLO_DONE);
	assert_int_equal(count_protocols(&h), 2);
	assert_int_equal(feed_protocols(&h, 1, 254, 254), HELLO_DONE); /* 2 + 2 * 255 bytes: the last one fits */
	assert_false(h.alpn_cut);
	assert_int_equal(h.nalpn, HELLO_ALPN_MAX);
	assert_int_equal(count_protocols(&h), 3);
	assert_int_equal(feed_protocols(&h, 1, 254, 255), HELLO_DONE); /* a byte more than that */
	assert_true(h.alpn_cut);
	assert_int_equal(h.nalpn, 2 + 255);
	assert_int_equal(feed_protocols(&h, 2, 255, 1), HELLO_DONE); /* no gaps: what would fit again is left out */
	assert_true(h.alpn_cut);
	assert_int_equal(h.nalpn, 2 + 256);
	assert_int_equal(feed_protocols(&h, 600, 7, 7), HELLO_DONE);
	assert_true(h.alpn_cut);
	assert_int_equal(h.nalpn, 2 + 63 * 8);
}

static void a_list_is_walked_within_its_bounds(void **state)
{
	static const uint8_t list[] = {2, 'h', '2', 1, 'x', 9, 'c', 'u', 't'};
	const uint8_t *p;

	(void)state;
	assert_null(hello_alpn_next(NULL, 0, NULL));
	p = hello_alpn_next(list, sizeof(list), NULL);
	assert_ptr_equal(p, list);
	p = hello_alpn_next(list, sizeof(list), p);
	assert_ptr_equal(p, list + 3);
	assert_null(hello_alpn_next(list, sizeof(list), p)); /* says 9, has 3 */
	assert_null(hello_alpn_next(list, 5, p));
	assert_null(hello_alpn_next(list, 2, NULL));
}

/* Extensions that are right around a list that is not; the last two are right, and come twice. */
static const struct {
	const char *name;
	unsigned type;
	const char *body;
	size_t n;
	const char *flaw;
} bad_lists[] = {
	{"no protocols", 16, "\0\0", 2, "alpn"},
	{"an empty protocol", 16, "\0\3\1x\0", 5, "alpn"},
	{"no versions", 43, "\0", 1, "supported_versions"},
	{"half a version", 43, "\3\3\4\3", 4, "supported_versions"},
	{"protocols twice", 16, "\0\2\1x", 4, "alpn"},
	{"versions twice", 43, "\2\3\4", 3, "supported_versions"},
};

static void a_list_is_full_even_and_alone(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(bad_lists); i++) {
		struct lengths l = make_begin(&made);

		for (size_t times = i < array_len(bad_lists) - 2 ? 1 : 2; times > 0; times--) {
			size_t ext = open_extension(&made, bad_lists[i].type);

			put(&made, bad_lists[i].body, bad_lists[i].n);
			close_length(&made, ext, 2);
		}
		make_end(&made, &l);
		if (feed_make(&h, &made) != HELLO_BAD || strcmp(h.flaw, bad_lists[i].flaw) != 0)
			fail_msg("%s: result %d, %s", bad_lists[i].name, h.result, h.flaw == NULL ? "" : h.flaw);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lying_length_is_a_flaw),
		cmocka_unit_test(a_wrong_record_or_message_is_a_flaw),
		cmocka_unit_test(any_byte_may_be_anything),
		cmocka_unit_test(what_is_no_name_is_said),
		cmocka_unit_test(a_list_of_other_than_one_name_is_no_name),
		cmocka_unit_test(two_server_name_extensions_are_no_name),
		cmocka_unit_test(a_very_long_name_is_cut_and_no_name),
		cmocka_unit_test(protocols_are_kept_whole_up_to_a_limit),
		cmocka_unit_test(a_list_is_walked_within_its_bounds),
		cmocka_unit_test(a_list_is_full_even_and_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
