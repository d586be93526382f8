/* A digest: the same for the same bytes, whenever they were written, and another one for all else. */
#include "proxy/creds/tls_digest.h"

#include <string.h>

#include "netpoll/err.h"
#include "tests/kit/kit.h"

/* Of up to two texts and a file, each NULL: none. */
static void digest(const char *a, const char *b, const char *file, uint8_t out[TLS_DIGEST])
{
	struct tls_digest *d = tls_digest_begin();

	assert_non_null(d);
	if (a != NULL)
		tls_digest_add(d, a, strlen(a));
	if (b != NULL)
		tls_digest_add(d, b, strlen(b));
	if (file != NULL)
		tls_digest_file(d, file);
	assert_int_equal(tls_digest_end(d, out), 0);
}

static void each_content_has_its_own(void **state)
{
	static char large[10000];
	char empty[KIT_PATH], ab[KIT_PATH], same[KIT_PATH], longer[KIT_PATH], big[KIT_PATH];
	uint8_t of[9][TLS_DIGEST], again[TLS_DIGEST];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	kit_file_write("empty", "", empty);
	kit_file_write("ab", "ab", ab);
	kit_file_write("same", "ab", same);
	kit_file_write("longer", "abc", longer);
	kit_file_write("big", large, big);
	digest(NULL, NULL, NULL, of[0]);
	digest("ab", "c", NULL, of[1]);
	digest("a", "bc", NULL, of[2]);
	digest("abc", "", NULL, of[3]);
	digest(NULL, NULL, empty, of[4]);
	digest(NULL, NULL, ab, of[5]);
	digest(NULL, NULL, longer, of[6]);
	digest(NULL, NULL, big, of[7]);
	digest(NULL, NULL, "/no/such", of[8]);
	for (int i = 0; i < 9; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(of[i], of[j], TLS_DIGEST);
	digest(NULL, NULL, same, again);
	assert_memory_equal(again, of[5], TLS_DIGEST);
	large[sizeof(large) - 2] = 'y';
	kit_file_write("big", large, big);
	digest(NULL, NULL, big, again);
	assert_memory_not_equal(again, of[7], TLS_DIGEST);
}

static void none_without_memory(void **state)
{
	uint8_t out[TLS_DIGEST];

	(void)state;
	assert_int_equal(tls_digest_end(NULL, out), -NP_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_content_has_its_own, kit_end),
		cmocka_unit_test(none_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
