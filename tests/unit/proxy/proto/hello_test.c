/* hello: rows D1 to D6 and D9 of the TLS table: what is read, what is refused, and at which byte. */
#include "proxy/proto/hello.h"

#include <stdio.h>

#include "tests/unit/proxy/proto/hello_make.h"

#define CORPUS "tests/fuzz/corpus/hello/"

static struct make made, other;

static void load(const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), CORPUS "%s", name);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s is missing: tests run from the root", path);
	made.n = fread(made.b, 1, sizeof(made.b), f);
	fclose(f);
	assert_true(made.n > 5);
}

/* ---- what real clients send ------------------------------------------------------------------ */

/* Taken off the wire from openssl s_client. */
static const struct {
	const char *file, *sni, *alpn; /* of alpn the beginning of the list */
	unsigned legacy, supported, nalpn;
	bool cut;
} real[] = {
	{"tls10", "old.example.com", "", 0x0301, 0, 0, false},
	{"tls12", "db.example.com", "\2h2\10http/1.1", 0x0303, 0, 12, false},
	{"tls13", "db.example.com", "\12postgresql", 0x0303, 0x0304, 11, false},
	{"tls13_only", NULL, "", 0x0303, 0x0304, 0, false},
	{"large", "large.example.com", "\11proto-000\11proto-001", 0x0303, 0x0304, 510, true},
};

static void check_real(size_t i, const struct hello *h, const char *how)
{
	size_t n = 0;
	const char *sni = hello_sni(h, &n);

	if (h->result != HELLO_DONE)
		fail_msg("%s, %s: result %d, %s", real[i].file, how, h->result, h->flaw == NULL ? "" : h->flaw);
	assert_int_equal(h->legacy_version, real[i].legacy);
	assert_int_equal(h->supported_version, real[i].supported);
	assert_int_equal(hello_version(h), real[i].supported != 0 ? real[i].supported : real[i].legacy);
	assert_int_equal(h->nalpn, real[i].nalpn);
	assert_int_equal(h->alpn_cut, real[i].cut);
	assert_memory_equal(h->alpn, real[i].alpn, strlen(real[i].alpn));
	assert_false(h->sslv2);
	if (real[i].sni == NULL) {
		assert_null(sni);
		assert_int_equal(h->name, HELLO_NAME_NONE);
		return;
	}
	assert_non_null(sni);
	assert_string_equal(sni, real[i].sni);
	assert_int_equal(n, strlen(real[i].sni));
}

/* D1: cut into two segments anywhere, and into the smallest ones. */
static void segments_do_not_matter(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(real); i++) {
		load(real[i].file);
		check_real(i, (feed_make(&h, &made), &h), "whole");
		for (size_t each = 1; each < 8; each++)
			check_real(i, (feed_slices(&h, made.b, made.n, each), &h), "sliced");
		for (size_t at = 0; at <= made.n; at++) {
			hello_init(&h, HELLO_MAX);
			assert_int_equal(hello_feed(&h, made.b, at), at < made.n ? HELLO_MORE : HELLO_DONE);
			hello_feed(&h, made.b + at, made.n - at);
			check_real(i, &h, "in two");
		}
	}
}

/* D1: cut into two records anywhere, and into records of one byte, which come byte by byte too. */
static void records_do_not_matter(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(real); i++) {
		load(real[i].file);
		for (size_t at = 1; at < made.n - 5; at++) {
			split_records(&other, &made, at, SIZE_MAX);
			check_real(i, (feed_make(&h, &other), &h), "in two records");
		}
		for (size_t each = 1; each < 8; each++) {
			split_records(&other, &made, each, each);
			check_real(i, (feed_make(&h, &other), &h), "in small records");
			check_real(i, (feed_slices(&h, other.b, other.n, 1), &h), "in small records, byte by byte");
		}
	}
}

static void every_beginning_wants_more(void **state)
{
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(real); i++) {
		load(real[i].file);
		for (size_t n = 0; n < made.n; n += 1 + n / 64)
			assert_int_equal(feed_slices(&h, made.b, n, SIZE_MAX), HELLO_MORE);
		assert_null(hello_sni(&h, NULL)); /* nothing is said before the end */
	}
}

static void what_follows_is_not_looked_at(void **state)
{
	struct hello h;

	(void)state;
	load("tls13");
	put(&made, "GET / HTTP/1.1", 14);
	check_real(2, (feed_make(&h, &made), &h), "with more behind it");
	assert_int_equal(hello_feed(&h, "x", 1), HELLO_DONE);
}

/* ---- D2: sizes ------------------------------------------------------------------------------- */

/* A message of n bytes in all, in records as large as they may be. */
static void make_sized(size_t n)
{
	struct lengths l = make_begin(&made);
	size_t ext = open_extension(&made, 51);

	put_zeros(&made, n + 5 - made.n);
	close_length(&made, ext, 2);
	make_end(&made, &l);
	split_records(&other, &made, 16384, 16384);
}

static void as_large_as_allowed_and_no_larger(void **state)
{
	static const size_t max[] = {200, 1700, HELLO_MAX, 40000};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(max); i++) {
		make_sized(max[i]);
		hello_init(&h, (uint32_t)max[i]);
		assert_int_equal(hello_feed(&h, other.b, other.n), HELLO_DONE);
		make_sized(max[i] + 1);
		hello_init(&h, (uint32_t)max[i]);
		assert_int_equal(hello_feed(&h, other.b, 8), HELLO_MORE);
		assert_int_equal(hello_feed(&h, other.b + 8, 1), HELLO_TOO_LONG); /* as soon as it says so */
		assert_int_equal(hello_feed(&h, other.b + 9, 1), HELLO_TOO_LONG);
	}
}

static void it_takes_less_than_a_kilobyte(void **state)
{
	(void)state;
	assert_in_range(sizeof(struct hello), HELLO_ALPN_MAX + HELLO_NAME_MAX, 1024);
}

/* ---- D4, D5: what kind it is ----------------------------------------------------------------- */

static const struct {
	const char *name, *bytes;
	size_t n, wrong; /* the byte that decides; n: none does */
} strangers[] = {
	{"HTTP", "GET / HTTP/1.1", 14, 0},
	{"SSH", "SSH-2.0-x", 9, 0},
	{"PROXY", "PROXY TCP4", 10, 0},
	{"an alert", "\x15\x03\x01\x00\x02", 5, 0},
	{"application data", "\x17\x03\x01\x00\x02", 5, 0},
	{"NUL", "\0\0\0\0", 4, 0},
	{"the type alone", "\x16xyz", 4, 1},
	{"DTLS", "\x16\xfe\xfd\0\0", 5, 1},
	{"a short length", "\x80\x08\1\3\1", 5, 1},
	{"a high byte", "\xff\xff\xff\xff", 4, 2},
	{"PostgreSQL's SSLRequest", "\0\0\0\x08\x04\xd2\x16\x2f", 8, 0},
	{"another message of SSL 2", "\x80\x2e\2\0\2", 5, 2},
	{"SSL 2 of no version", "\x80\x2e\1\7\2", 5, 3},
	{"SSL 2 of half a version", "\x80\x2e\1\0\1", 5, 4},
	{"SSL 2 of version 0", "\x80\x2e\1\0\0", 5, 4},
	{"a beginning", "\x16\x03\x01\x02", 4, 4},
};

static void decided_at_the_first_wrong_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(strangers); i++) {
		struct hello h;

		hello_init(&h, HELLO_MAX);
		for (size_t at = 0; at < strangers[i].n; at++) {
			int want = at < strangers[i].wrong ? HELLO_MORE : HELLO_NOT_TLS;

			if ((int)hello_feed(&h, strangers[i].bytes + at, 1) != want)
				fail_msg("%s: result %d at byte %zu", strangers[i].name, h.result, at);
		}
	}
}

static void the_record_version_decides_nothing(void **state)
{
	struct hello h;

	(void)state;
	load("tls13");
	for (unsigned minor = 0; minor < 256; minor++) {
		made.b[2] = (uint8_t)minor;
		check_real(2, (feed_make(&h, &made), &h), "another record version");
	}
}

static void ssl_2_form_tells_its_version(void **state)
{
	static const struct {
		const char *bytes;
		unsigned version;
	} rows[] = {
		{"\x80\x2e\1\0\2", 2},
		{"\x80\x2e\1\3\0", 0x300},
		{"\xff\xff\1\3\1", 0x301},
		{"\x80\x09\1\3\3", 0x303},
	};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		for (size_t each = 1; each <= 5; each += 4) {
			assert_int_equal(feed_slices(&h, (const uint8_t *)rows[i].bytes, 5, each), HELLO_DONE);
			assert_true(h.sslv2);
			assert_int_equal(hello_version(&h), rows[i].version);
			assert_null(hello_sni(&h, NULL));
		}
	}
}

/* Values that no version has come first and last, as browsers send them. */
static void the_highest_known_version_counts(void **state)
{
	static const struct {
		const char *list;
		unsigned n, want;
	} rows[] = {
		{"\x3a\x3a\3\3\3\4\3\2", 8, 0x0304},
		{"\3\2\3\3\xfa\xfa", 6, 0x0303},
		{"\x7f\x1c\xfa\xfa", 4, 0},
		{"\3\1", 2, 0x0301},
	};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		struct lengths l = make_begin(&made);
		size_t ext = open_extension(&made, 43);

		put_number(&made, 1, rows[i].n);
		put(&made, rows[i].list, rows[i].n);
		close_length(&made, ext, 2);
		make_end(&made, &l);
		assert_int_equal(feed_make(&h, &made), HELLO_DONE);
		assert_int_equal(h.supported_version, rows[i].want);
		assert_int_equal(hello_version(&h), rows[i].want == 0 ? 0x0303 : rows[i].want);
	}
}

static void no_extensions_at_all(void **state)
{
	struct hello h;
	struct lengths l = make_begin(&made);

	(void)state;
	make_end(&made, &l);
	assert_int_equal(feed_make(&h, &made), HELLO_DONE); /* a list of none */
	made.n -= 2;
	close_length(&made, l.message, 3);
	close_length(&made, l.record, 2);
	assert_int_equal(feed_make(&h, &made), HELLO_DONE); /* not even a list, as before TLS 1.2 */
	assert_int_equal(h.name, HELLO_NAME_NONE);
	assert_int_equal(hello_version(&h), 0x0303);
}

/* A server_name extension, and the name in it; NULL: refused. */
static const struct {
	const char *row, *bytes;
	size_t n;
	const char *name;
} names[] = {
	{"nothing at all", "", 0, NULL},
	{"no list length", "\0", 1, NULL},
	{"an empty list", "\0\0", 2, NULL},
	{"no name length", "\0\3\0\0", 4, NULL},
	{"the list is shorter than it says", "\0\7\0\0\3a.b", 8, NULL},
	{"the list is longer than it says", "\0\5\0\0\3a.b", 8, NULL},
	{"the name is shorter than it says", "\0\6\0\0\4a.b", 8, NULL},
	{"the name is longer than it says", "\0\6\0\0\2a.b", 8, NULL},
	{"two names", "\0\10\0\0\1a\0\0\1b", 10, NULL},
	{"another type of name", "\0\6\1\0\3a.b", 8, NULL},
	{"an empty name", "\0\3\0\0\0", 5, ""},
	{"a name", "\0\6\0\0\3a.b", 8, "a.b"},
};

static void the_name_of_an_extension(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(names); i++) {
		uint8_t *exact = malloc(names[i].n + 1); /* to its end, so that a sanitizer sees a byte too many */
		uint8_t *bytes = exact + 1;
		const char *name;
		size_t len = 0;

		memcpy(bytes, names[i].bytes, names[i].n);
		name = hello_extension_name(bytes, names[i].n, &len);
		if ((name == NULL) != (names[i].name == NULL))
			fail_msg("%s", names[i].row);
		if (name != NULL && (len != strlen(names[i].name) || memcmp(name, names[i].name, len) != 0))
			fail_msg("%s: %.*s", names[i].row, (int)len, name);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_do_not_matter),
		cmocka_unit_test(records_do_not_matter),
		cmocka_unit_test(every_beginning_wants_more),
		cmocka_unit_test(what_follows_is_not_looked_at),
		cmocka_unit_test(as_large_as_allowed_and_no_larger),
		cmocka_unit_test(it_takes_less_than_a_kilobyte),
		cmocka_unit_test(decided_at_the_first_wrong_byte),
		cmocka_unit_test(the_record_version_decides_nothing),
		cmocka_unit_test(ssl_2_form_tells_its_version),
		cmocka_unit_test(the_highest_known_version_counts),
		cmocka_unit_test(no_extensions_at_all),
		cmocka_unit_test(the_name_of_an_extension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
