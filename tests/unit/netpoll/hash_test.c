/* hash_test: the published figures, and that pieces give the hash of the whole. */
#include "netpoll/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* From the test vectors of draft-eastlake-fnv. */
static const struct {
	const char *text;
	uint64_t hash;
} rows[] = {
	{"", UINT64_C(0xcbf29ce484222325)},
	{"a", UINT64_C(0xaf63dc4c8601ec8c)},
	{"foobar", UINT64_C(0x85944171f73967e8)},
};

static void published_figures(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_len(rows); i++) {
		assert_true(hash_text(rows[i].text) == rows[i].hash);
		assert_true(hash_bytes(HASH_START, rows[i].text, strlen(rows[i].text)) == rows[i].hash);
	}
}

static void pieces_are_the_whole(void **state)
{
	uint64_t h = hash_text("foo");

	(void)state;
	assert_true(hash_bytes(h, "bar", 3) == hash_text("foobar"));
	h = hash_byte(hash_text("fooba"), 'r');
	assert_true(h == hash_text("foobar"));
	assert_true(hash_bytes(h, NULL, 0) == h);
}

/* A char may be signed: a byte above 0x7f must not reach the high bits as ones. */
static void bytes_have_no_sign(void **state)
{
	static const unsigned char high = 0xff;

	(void)state;
	assert_true(hash_text("\xff") == hash_bytes(HASH_START, &high, 1));
	assert_true(hash_text("\xff") == (HASH_START ^ 0xff) * HASH_FACTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_figures),
		cmocka_unit_test(pieces_are_the_whole),
		cmocka_unit_test(bytes_have_no_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
