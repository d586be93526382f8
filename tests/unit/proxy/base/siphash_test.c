/* siphash: the reference vectors: value n is that of the bytes 0, 1, ... n - 1 under the key 00 01 ... 0f. They are
 * what other implementations of SipHash-1-3 test against. */
#include "proxy/base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static const uint64_t vectors[] = {
	UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
	UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
	UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e),
	UINT64_C(0x25a48eb36c063de4), UINT64_C(0x79de85ee92ff097f), UINT64_C(0x70c118c1f94dc352),
	UINT64_C(0x78a384b157b4d9a2), UINT64_C(0x306f760c1229ffa7), UINT64_C(0x605aa111c0f95d34),
	UINT64_C(0xd320d86d2a519956), UINT64_C(0xcc4fdd1a7d908b66), UINT64_C(0x9cf2689063dbd80c),
	UINT64_C(0x8ffc389cb473e63e), UINT64_C(0xf21f9de58d297d1c), UINT64_C(0xc0dc2f46a6cce040),
	UINT64_C(0xb992abfe2b45f844), UINT64_C(0x7ffe7b9ba320872e), UINT64_C(0x525a0e7fdae6c123),
	UINT64_C(0xf464aeb267349c8c),
};

static void t5_the_reference_vectors(void **state)
{
	uint8_t bytes[array_len(vectors)];

	(void)state;
	for (size_t i = 0; i < array_len(vectors); i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < array_len(vectors); i++)
		assert_int_equal(siphash13(key, bytes, i), vectors[i]);
}

static void t5_each_half_of_the_key_counts(void **state)
{
	const uint64_t first[2] = {key[0] + 1, key[1]}, second[2] = {key[0], key[1] + 1};

	(void)state;
	assert_int_not_equal(siphash13(first, "a source", 8), siphash13(key, "a source", 8));
	assert_int_not_equal(siphash13(second, "a source", 8), siphash13(key, "a source", 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t5_the_reference_vectors),
		cmocka_unit_test(t5_each_half_of_the_key_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
