/* crc32c: the checksum of PROXY headers against known values, whole and in pieces. */
#include "proxy/proto/pp_priv.h"

#include "tests/unit/proxy/proto/pp_feed.h"

static uint8_t zeros[32], ones[32], rising[32], falling[32];

/* The first is the check value of every catalogue of CRCs; the others are RFC 3720's, B.4. */
static const struct {
	const char *name;
	struct pp_bytes of;
	uint32_t want;
} rows[] = {
	{"nothing", BYTES(""), 0},
	{"digits", BYTES("123456789"), 0xe3069283},
	{"zeros", {zeros, sizeof(zeros)}, 0x8a9136aa},
	{"ones", {ones, sizeof(ones)}, 0x62a8ab43},
	{"rising", {rising, sizeof(rising)}, 0x46dd794e},
	{"falling", {falling, sizeof(falling)}, 0x113fdb5c},
};

static int fill(void **state)
{
	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(rising); i++) {
		rising[i] = (uint8_t)i;
		falling[i] = (uint8_t)(sizeof(falling) - 1 - i);
	}
	return 0;
}

static void known_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		uint32_t crc = crc32c(0, rows[i].of.p, rows[i].of.n);

		if (crc != rows[i].want)
			print_error("%s: %08x\n", rows[i].name, crc);
		assert_int_equal(crc, rows[i].want);
	}
}

static void in_two_pieces_it_is_the_same(void **state)
{
	(void)state;
	for (size_t n = 0; n <= sizeof(rising); n++) {
		uint32_t crc = crc32c(0, rising, n);

		assert_int_equal(crc32c(crc, rising + n, sizeof(rising) - n), 0x46dd794e);
	}
}

static void the_checksums_own_bytes_count_as_zero(void **state)
{
	uint8_t copy[sizeof(rising)];

	(void)state;
	for (size_t at = 0; at <= sizeof(rising) - 4; at++) {
		memcpy(copy, rising, sizeof(copy));
		memset(copy + at, 0, 4);
		assert_int_equal(crc32c_around(rising, sizeof(rising), at), crc32c(0, copy, sizeof(copy)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(in_two_pieces_it_is_the_same),
		cmocka_unit_test(the_checksums_own_bytes_count_as_zero),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
